/** `deno doc --lint` complains about mysql2's types only. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { root } from "../support/source.ts";

const entries = ["mod.ts", "src/entries/compat.ts", "src/entries/compat_promise.ts"];

test("every export is documented, except mysql2's own", () => {
  const deno = join(root, "node_modules", ".bin", "deno");
  const { stderr } = spawnSync(deno, ["doc", "--lint", "--quiet", ...entries], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  const places = [...stderr.matchAll(/^\s*--> (.*)$/gm)].map(([, place = ""]) => place);
  assert.ok(places.length > 0, stderr);
  const own = places.filter((place) => !/\/(mysql2|sql-escaper)\//.test(place.replace(root, "/")));
  assert.deepEqual(own, []);
});
