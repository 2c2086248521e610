/** The pool works on the oldest mysql2 that package.json allows; `npm run drivers` tests it all. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";
import { startServer } from "../support/server.ts";
import { root } from "../support/source.ts";
import { Driver, oldestVersion } from "./driver.ts";

const run = promisify(execFile);

test("the oldest mysql2 connects, queries, executes, cancels, compresses and heals", async () => {
  await using server = await startServer();
  await using driver = await Driver.install(await oldestVersion());
  const program = join(root, "tests", "drivers", "short_program.ts");
  const { stdout } = await run(process.execPath, [program, server.url()], {
    env: driver.environment,
    timeout: 60_000,
  });
  const parts = ["query", "execute", "cancel", "heal", "compress"];
  assert.deepEqual(JSON.parse(stdout), {
    version: await oldestVersion(),
    done: [...parts, ...parts],
  });
});
