/** The README table of how each package takes the pool matches the programs that test it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../support/source.ts";
import { programs } from "./orms.ts";

/** A row: the name of a package, and the code that hands it the pool. */
const row = /^\| ([^ |]+) \| `(.*?)` \|/;

const readme = readFileSync(join(root, "README.md"), "utf8").split("\n");
const from = readme.findIndex((line) => line.startsWith("| package | gets `pool` by |"));
const lines = readme.slice(from + 2);
const rows = lines.slice(0, lines.findIndex((line) => !line.startsWith("|")))
  .map((line) => row.exec(line)?.slice(1) ?? [line, ""]);

/** Returns code without whitespace and trailing commas, so that line breaks do not matter. */
function unbroken(code: string): string {
  return code.replace(/\s+/g, "").replace(/,(?=[)}\]])/g, "");
}

test("README lists every tested package, in the order of the programs", () => {
  assert.ok(from >= 0, "README has no such table");
  assert.deepEqual(rows.map(([name]) => name), Object.keys(programs));
});

for (const [name = "", code = ""] of rows) {
  test(`README hands the pool to ${name} as its program does`, () => {
    const program = readFileSync(join(root, "tests/compat/orms", programs[name] ?? ""), "utf8");
    assert.ok(code.length > 0 && unbroken(program).includes(unbroken(code)), code);
  });
}
