/** Random programs: their generator, their shrinking, and the reader of the server's log. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/source.ts";
import { received, sent } from "./forge.ts";
import { programOf } from "./generate.ts";
import { commandIn, readCommands } from "./log.ts";
import { mutants } from "./mutants.ts";
import { type Program, stepsOf } from "./program.ts";
import { shrink, smallerOnes } from "./shrink.ts";

test("the same seed gives the same program, and a program survives JSON", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const program = programOf(seed);
    assert.deepEqual(programOf(seed), program);
    const again: unknown = JSON.parse(JSON.stringify(program));
    assert.equal(JSON.stringify(again), JSON.stringify(program));
  }
});

test("programs contain every kind of step, and every kind of fault", () => {
  const steps = Array.from({ length: 400 }, (_, seed) => stepsOf(programOf(seed).body)).flat();
  const kinds = Map.groupBy(steps, ({ kind }) => kind);
  assert.deepEqual([...kinds.keys()].sort(), [
    "kill",
    "lease",
    "parallel",
    "pause",
    "state",
    "statement",
    "stream",
    "throw",
    "transaction",
    "unit",
  ]);
  for (const name of ["abort", "timeout", "retries", "bind", "separate", "hand", "isPrepared"]) {
    assert.ok(steps.some((step) => Reflect.get(step, name) !== undefined), name);
  }
});

test("shrinking leaves only the steps that make a program fail", async () => {
  const fails = (program: Program): Promise<boolean> =>
    Promise.resolve(
      stepsOf(program.body).some((step) =>
        step.kind === "transaction" && stepsOf(step.body).some(({ kind }) => kind === "throw")
      ),
    );
  let seed = 1;
  while (!await fails(programOf(seed))) seed++;
  const smallest = await shrink(programOf(seed), fails, 10_000);
  assert.deepEqual(stepsOf(smallest.body).map(({ kind }) => kind), ["transaction", "throw"]);
  for (const smaller of smallerOnes(programOf(seed))) {
    assert.ok(JSON.stringify(smaller).length <= JSON.stringify(programOf(seed)).length);
  }
});

test("the log reader reads the formats of both servers", () => {
  const text = sent(3);
  const expected = { thread: 12, command: "Query", text };
  assert.deepEqual(commandIn(`261129 20:10:07\t    12 Query\t${text}`), expected);
  assert.deepEqual(commandIn(`\t\t    12 Query\t${text}`), expected);
  assert.deepEqual(commandIn(`2026-11-29T20:10:07.123456Z\t   12 Query\t${text}`), expected);
  assert.deepEqual(commandIn("\t\t    12 Quit\t"), { thread: 12, command: "Quit", text: "" });
  assert.equal(commandIn("Time\t\t    Id Command\tArgument"), undefined);
});

test("the log reader assigns a statement to the open transaction of its connection", () => {
  const { places, transactions } = readCommands([
    ...received(1, "START TRANSACTION", sent(1), "ROLLBACK TO SAVEPOINT s", sent(2)),
    ...received(2, sent(3)),
    ...received(1, "COMMIT", sent(4), "START TRANSACTION", sent(5)),
    { thread: 1, command: "Quit", text: "" },
    ...received(1, sent(6)),
  ]);
  const inside = [1, 2, 3, 4, 5, 6].map((deed) => places.get(deed)?.[0]?.transaction);
  assert.deepEqual(inside, [0, 0, undefined, undefined, 7, undefined]);
  assert.deepEqual([...transactions.values()], [
    { deeds: [1, 2], isCommitted: true },
    { deeds: [5], isCommitted: false },
  ]);
});

test("every mutant has a unique name, and a fault that applies", () => {
  assert.ok(mutants.length >= 8);
  assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length);
  assert.equal(new Set(mutants.map(({ file, from, to }) => file + from + to)).size, mutants.length);
  for (const { name, file, from } of mutants) {
    const text = readFileSync(join(root, "src", file), "utf8");
    assert.equal(text.split(from).length, 2, `${name}: its text is in ${file} exactly once`);
  }
});
