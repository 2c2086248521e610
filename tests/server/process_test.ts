/** On a real server: a process that leaves its pool open ends by itself, once its work is done. */

import assert from "node:assert/strict";
import process from "node:process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Outcome, runToEnd } from "../support/run_to_end.ts";
import { type Server, startServer } from "../support/server.ts";
import { connected } from "./support/fixture.ts";

/** How long a process may take to end, in ms; the pool keeps an idle connection far longer. */
const lingerMsMax = 3_000;

let server: Server;

before(async () => {
  server = await startServer({ tls: true });
});

after(async () => await server?.remove());

/** Runs a program that uses a pool in one of its ways and leaves the pool open. */
async function leaveOpen(uri: string, way: string): Promise<Outcome> {
  const path = fileURLToPath(new URL("support/programs/leave_open.ts", import.meta.url));
  return await runToEnd(process.execPath, [path, uri, way]);
}

const ways: Readonly<Record<string, string>> = {
  "after its work": "idle: true, leased: 0",
  "after its work over TLS": "TLS",
  "with a least number": "size: 2",
  "never used": "size: 0",
  "after a reset": "reset",
  "after an abort": "STATEMENT_TIMEOUT, undefined",
  "after an error of the server": "ER_NO_SUCH_TABLE, undefined",
  "after a drain": "closed",
  "after a drain that left a lease": "closed",
};

for (const [way, said] of Object.entries(ways)) {
  test(`a process ends by itself with its pool left open: ${way}`, async () => {
    const { status, lines, errors, lingeredMs } = await leaveOpen(server.url(), way);
    assert.deepEqual({ status, lines, errors }, { status: 0, lines: [said], errors: "" });
    assert.ok(lingeredMs < lingerMsMax, `it took ${lingeredMs} ms to end`);
  });
}

test("a process ends by itself with its pool left open: after a failed connect", async () => {
  const uri = new URL(server.url());
  uri.port = "1";
  const outcome = await leaveOpen(uri.href, "after a failed connect");
  assert.deepEqual(outcome.lines, ["CONNECT_FAILED, ECONNREFUSED"]);
  assert.equal(outcome.status, 0, outcome.errors);
  assert.ok(outcome.lingeredMs < lingerMsMax);
});

const waits = ["with a statement under way", "with somebody waiting", "with nobody but a waiter"];

for (const way of waits) {
  test(`a process does not end before its answer: ${way}`, async () => {
    const { status, lines } = await leaveOpen(server.url(), way);
    assert.deepEqual({ status, lines }, { status: 0, lines: ["1"] });
  });
}

test("a process that has ended leaves no connection behind", async () => {
  await connected(server, 0);
});
