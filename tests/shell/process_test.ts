/** The pool keeps the process alive for requests and leases, and for nothing else. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Runs a program to its end and returns what it printed. */
async function run(program: string): Promise<string> {
  const path = fileURLToPath(new URL(`support/${program}`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 20_000 });
  return stdout;
}

test("a process waits for its leases, and ends by itself although the pool is open", async () => {
  const { idle, waiting, phase } = JSON.parse(await run("leave_open.ts"));
  assert.deepEqual({ idle, waiting, phase }, { idle: 2, waiting: 0, phase: "open" });
});

test("if a listener throws, the statement succeeds and the error is uncaught", async () => {
  const lines = (await run("throwing_listener.ts")).trim().split("\n").sort();
  assert.deepEqual(lines, ["answered: SELECT", "uncaught: the listener's"]);
});
