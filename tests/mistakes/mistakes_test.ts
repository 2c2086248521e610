/** Each of thirty common mistakes gets an error that names it and leads to its line. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/source.ts";
import { figuresOf, guide, makeAll, pageOf, server } from "./mistakes.ts";

test("thirty mistakes are named, each at its own line, as the guide shows", async () => {
  const outcomes = await makeAll(() => undefined);
  const wrong = outcomes.filter(({ isNamed, hasOwnLine }) => !isNamed || !hasOwnLine);
  assert.deepEqual(wrong, []);
  assert.deepEqual(figuresOf(outcomes), { mistakes: 30, named: 30, ownLine: 30 });
  const shown = readFileSync(join(root, guide), "utf8");
  // The messages of the server are those of one version.
  if (shown.includes(`MariaDB\n${server}. `)) assert.equal(shown, pageOf(outcomes));
  for (const { title } of outcomes) assert.ok(shown.includes(`| ${title} |`), title);
});
