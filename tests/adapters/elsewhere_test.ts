/** Has the tests of this folder run by Deno and by Bun as well, each on its own sockets. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";
import { denoConfig } from "../support/deno_config.ts";
import { root } from "../support/source.ts";

const run = promisify(execFile);

/** The tests that run in every runtime that runs programs. */
const files: readonly string[] = ["stream", "sockets", "failing", "session", "secrets"]
  .map((name) => `./tests/adapters/${name}_test.ts`);
/** How many tests they hold, but for those that a runtime skips. */
const passedMin = 50;
/** How long all of them may take. */
const runMsMax = 120_000;

/** Runs the tests by a program, and returns what it says. */
async function runBy(program: string, args: readonly string[]): Promise<string> {
  const path = join(root, "node_modules", ".bin", program);
  const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const options = { cwd: root, env, timeout: runMsMax, maxBuffer: Infinity };
  const { stdout, stderr } = await run(path, [...args, ...files], options);
  return stdout + stderr;
}

/** Expects that all passed, and that there was something to pass. */
function assertPassed(said: string): void {
  const count = Number(/(\d+) pass/.exec(said)?.[1]);
  assert.ok(count >= passedMin, said);
}

test("the sockets of Deno do as those of Node", async () => {
  const { path } = await denoConfig();
  const options = ["--allow-all", "--no-check", "--no-lock", "--quiet", "--config", path];
  assertPassed(await runBy("deno", ["test", ...options]));
});

test("the sockets of Bun do as those of Node", async () => {
  assertPassed(await runBy("bun", ["test", "--timeout", String(runMsMax)]));
});
