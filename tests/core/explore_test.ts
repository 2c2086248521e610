/** The first few thousand states of each configuration; `npm run explore` visits all. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as core from "../../src/core/mod.ts";
import { configurations } from "./configurations.ts";
import { explore } from "./explore.ts";
import { mutants } from "./mutants.ts";
import { tryMutant } from "./mutate.ts";

const STATES_MAX = 2_000;

for (const configuration of configurations) {
  test(`every promise holds in the first states of: ${configuration.name}`, () => {
    const { states, isWhole } = explore(core, configuration, STATES_MAX);
    assert.ok(isWhole || states >= STATES_MAX, `only ${states} states were reached`);
  });
}

test("every mutant has a name and a fault of its own", () => {
  assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length);
  assert.equal(new Set(mutants.map(({ file, from, to }) => file + from + to)).size, mutants.length);
});

test("queues in small blocks keep every promise, so a mutant's only fault is its own", async () => {
  const none = { name: "none", file: "fifo.ts", from: "BLOCK = 2;", to: "BLOCK = 3;" };
  const { story } = await tryMutant({ ...none, where: "limits, and a line" });
  assert.equal(story, "survived");
});

test("the exploration kills a mutant, so it can fail", async () => {
  const [mutant] = mutants;
  const { isKilled, story } = await tryMutant(mutant!);
  assert.ok(isKilled, story);
});
