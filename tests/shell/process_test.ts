/** The process: kept alive for those who wait, and for nobody else. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

test("a process waits for its leases, and ends by itself with the pool left open", async () => {
  const program = fileURLToPath(new URL("support/leave_open.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 20_000 });
  const { idle, waiting, phase } = JSON.parse(stdout);
  assert.deepEqual({ idle, waiting, phase }, { idle: 2, waiting: 0, phase: "open" });
});
