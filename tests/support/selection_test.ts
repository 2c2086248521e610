/** What `npm test -- WORD…` and `npm run check` select, and their table of the slowest. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { pureTestFiles } from "./pure.ts";
import { checkWords, type Named, select } from "./selection.ts";
import { Durations } from "./slowest.ts";

const lint: Named = { title: "lint", path: "deno lint" };
const types: Named = { title: "types, of Bun", path: "tsc -p tests/types/bun" };
const books: Named = { title: "", path: "tests/chaos/books_test.ts" };
const chaos: Named = { title: "chaos, in node", path: "tests/chaos" };
const all: readonly Named[] = [lint, types, books, chaos];

test("words select items by title or path, and no words select all", () => {
  assert.deepEqual(select(all, []), all);
  assert.deepEqual(select(all, ["chaos"]), [books, chaos]);
  assert.deepEqual(select(all, ["LINT", "bun"]), [lint, types]);
});

test("a word without a match throws an error that names similar ones", () => {
  assert.doesNotThrow(() => checkWords(all, ["lint", "chaos"]));
  assert.throws(() => checkWords(all, ["lint", "chaoss"]), {
    name: "RangeError",
    message: 'No tool, test file or suite has "chaoss" in its title or path; ' +
      'near ones are tests/chaos/books_test.ts, "chaos, in node"',
  });
  assert.throws(() => checkWords(all, ["xyzzyxyzzy"]), /has "xyzzyxyzzy" in its title or path$/);
});

test("the table lists the slowest twenty, the slowest first", () => {
  const durations = new Durations();
  for (let i = 1; i <= 25; i++) durations.add(`file ${i}`, i * 1000);
  const rows = durations.table().trim().split("\n").slice(1).map((line) => line.trim());
  assert.equal(rows.length, 20);
  assert.match(rows[0] ?? "", /^file 25 +25\.0 s$/);
  assert.match(rows[19] ?? "", /^file 6 +6\.0 s$/);
});

test("a test file is pure unless one of its imports reaches out of the process", () => {
  const pure = pureTestFiles();
  assert.ok(pure.includes("tests/core/table_test.ts"));
  assert.ok(pure.includes("tests/support/selection_test.ts"));
  assert.ok(!pure.includes("tests/shell/process_test.ts"));
  assert.ok(!pure.includes("tests/server/units_test.ts"));
});
