/** README shows the hygiene table that the tests beside this file check. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { others } from "./other_rows.ts";
import { roundTrips, rows, type Wipe } from "./rows.ts";

const titles: Readonly<Record<Wipe, string>> = {
  rollback: "a rollback",
  "rollback and reset": "a rollback and a reset",
  "rollback in vain and reset": "a reset, as the server refuses a rollback",
  "rollback and login": "a rollback and a new login",
  reset: "a reset",
  login: "a new login",
};

/** Returns the lines of the table, as README shows them. */
function table(): string[] {
  const states = rows.map(({ name, foundBy, wipedBy }) => {
    const { mariadb, mysql } = roundTrips[wipedBy];
    return [name, foundBy.join(", "), titles[wipedBy], mariadb, mysql];
  });
  const rest = others.map(({ name, foundBy, fate, roundTrips: [mariadb, mysql] }) => {
    return [name, foundBy, fate, mariadb, mysql];
  });
  const head = ["what a unit leaves", "found by", "wiped by", "MariaDB", "MySQL"];
  return [head, head.map(() => "---"), ...states, ...rest].map((cells) =>
    `| ${cells.join(" | ")} |`
  );
}

test("README has the hygiene table, row by row", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8").split("\n");
  const lines = table();
  const from = readme.indexOf(lines[0] ?? "");
  assert.ok(from >= 0, "README has no table that begins as this one does");
  assert.deepEqual(readme.slice(from, from + lines.length), lines);
  assert.equal(readme[from + lines.length], "");
});
