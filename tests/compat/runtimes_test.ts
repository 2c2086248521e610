/** The compat tests pass on Bun and on Deno too, with the test runner of each. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { denoConfig } from "../support/deno_config.ts";
import { root } from "../support/source.ts";

const names: readonly string[] = [
  "callbacks",
  "cluster",
  "connection_options",
  "end",
  "events",
  "faces",
  "faults",
  "holding",
  "members",
  "options",
  "slow_reader",
];
const files = names.map((name) => `./tests/compat/${name}_test.ts`);

/** How long all tests may take in one runtime. */
const runMsMax = 300_000;

const commands: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  bun: () => Promise.resolve(["test", "--timeout", "20000", ...files]),
  deno: async () => {
    const { path } = await denoConfig();
    return ["test", "-A", "--no-lock", "--no-check", "--config", path, ...files];
  },
};

/** Returns the least number of tests: the files define more in loops. */
async function testCount(): Promise<number> {
  const texts = await Promise.all(files.map((file) => readFile(join(root, file), "utf8")));
  return texts.join("\n").match(/^test\(/gm)?.length ?? 0;
}

/** Runs all tests in one runtime. */
async function runIn(binary: string, args: readonly string[]): Promise<void> {
  const child = spawn(join(root, "node_modules", ".bin", binary), args, {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: runMsMax,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  const [status] = await once(child, "close");
  assert.equal(status, 0, output);
  const [, count] = /^\s*(?:ok \| )?(\d+) pass/m.exec(output) ?? [];
  assert.ok(Number(count) >= await testCount(), output);
}

for (const [binary, argsOf] of Object.entries(commands)) {
  test(`the compat tests pass on ${binary}`, async () => await runIn(binary, await argsOf()));
}
