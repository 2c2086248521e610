/** The goals in a report, and the owners of the code in a profile. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Figures } from "./figures.ts";
import { judge, needsProfile } from "./judge.ts";
import { ownerOf, sharesOf } from "./owners.ts";
import { lowOf } from "./stats.ts";

const missed: Figures = { pointSelectCpu: { 1: { bare: 1.2 }, 16: { bare: 1.3 } } };

test("the report judges a goal only on its runtimes and only if it was measured", () => {
  const { prose, rows } = judge(missed, "node");
  assert.equal(prose, "1 of 2 are met.");
  assert.deepEqual(rows.map((row) => row[3]), ["met", "missed"]);
  assert.deepEqual(judge(missed, "bun").rows, []);
});

test("a missed goal of statements needs a profile, and then shows where the time goes", () => {
  assert.equal(needsProfile(missed, "node"), true);
  assert.equal(needsProfile({ pointSelectCpu: { 1: { bare: 1.2 } } }, "node"), false);
  assert.equal(needsProfile({ pairGrowth: 9 }, "node"), false);
  const sublet = { "Sublet, core": 5, "Sublet, mysql": 5, "the kernel's write": 60, mysql2: 20 };
  const profiled: Figures = { ...missed, clientUs: { sublet: { ...sublet, "the runtime": 10 } } };
  assert.equal(needsProfile(profiled, "node"), false);
  assert.deepEqual(judge(profiled, "node").rows.map((row) => row[4]), [
    "",
    "kernel write 60 %, Sublet 10 %, mysql2 20 %, garbage 0 %, rest 10 %",
  ]);
});

test("ownerOf finds the owner of functions by file, and of native writes by name", () => {
  const owner = (name: string, url: string): string => ownerOf({ name, url, us: 1 });
  assert.equal(owner("step", "file:///srv/src/pool/src/core/step.ts"), "Sublet, core");
  assert.equal(owner("execute", "file:///app/node_modules/mysql2/lib/src/core/x.js"), "mysql2");
  assert.equal(owner("writeBuffer", ""), "the kernel's write");
  assert.equal(owner("writeBuffer", "node:internal/stream_base_commons"), "the runtime");
  assert.equal(owner("(garbage collector)", ""), "collection of garbage");
});

test("the shares of a profile add up to 100 %", () => {
  assert.equal(
    sharesOf({ "Sublet, core": 1, mysql2: 1, "collection of garbage": 1, "this benchmark": 1 }),
    "kernel write 0 %, Sublet 25 %, mysql2 25 %, garbage 25 %, rest 25 %",
  );
});

test("the low cost is the one that a fifth of the rounds stayed below", () => {
  const costs = new Map([["one", [9, 1, 8, 2, 7, 3, 6, 4, 5, 10]]]);
  assert.equal(lowOf(costs, "one"), 3);
});
