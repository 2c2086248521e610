/** Runs the tests of this folder on Deno and on Bun as well, each with its own sockets. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";
import { denoConfig } from "../support/deno_config.ts";
import { root } from "../support/source.ts";

const run = promisify(execFile);

/** The tests that run on every runtime. */
const files: readonly string[] = ["stream", "sockets", "failing", "session", "secrets"]
  .map((name) => `./tests/adapters/${name}_test.ts`);
/** The least number of tests that pass on a runtime, without those that it skips. */
const passedMin = 50;
/** How long all of them may take. */
const runMsMax = 120_000;

/** Runs the tests with a runtime, and returns its output. */
async function runBy(program: string, args: readonly string[]): Promise<string> {
  const path = join(root, "node_modules", ".bin", program);
  const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const options = { cwd: root, env, timeout: runMsMax, maxBuffer: Infinity };
  const { stdout, stderr } = await run(path, [...args, ...files], options);
  return stdout + stderr;
}

/** Expects that enough tests passed. */
function assertPassed(said: string): void {
  const count = Number(/(\d+) pass/.exec(said)?.[1]);
  assert.ok(count >= passedMin, said);
}

test("the sockets of Deno behave as those of Node", async () => {
  const { path } = await denoConfig();
  const options = ["--allow-all", "--no-check", "--no-lock", "--quiet", "--config", path];
  assertPassed(await runBy("deno", ["test", ...options]));
});

test("the sockets of Bun behave as those of Node", async () => {
  assertPassed(await runBy("bun", ["test", "--timeout", String(runMsMax)]));
});
