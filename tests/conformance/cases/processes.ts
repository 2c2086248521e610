/** A process whose work is done ends by itself, whatever connections its pools have. */

import assert from "node:assert/strict";
import { uriAt } from "../suite/failing.ts";
import { both, type Gaps, none, Suite } from "../suite/suite.ts";
import type { World } from "../suite/world.ts";

/** Tests of the ends of processes. */
export const processes: Suite = new Suite();

/** How long a process may take to end when its work is done, in ms: less than an idle time. */
const lingerMsMax = 5_000;

const gaps: Gaps = { workerd: "workerd serves, and does not end by itself" };

/** Runs a program that uses a pool in one of several ways, and expects it to end by itself. */
async function run(world: World, uri: string, way: string, ca = ""): Promise<readonly string[]> {
  const { runtime, lab } = world;
  if (runtime === "workerd") throw new Error("workerd runs no programs");
  const args = [runtime, uri, way, ca];
  const { status, lines, errors, lingeredMs } = await lab.programs.run(
    runtime,
    "leave_open.ts",
    args,
  );
  assert.deepEqual({ status, errors }, { status: 0, errors: "" });
  assert.ok(lingeredMs < lingerMsMax, `it took ${lingeredMs} ms to end`);
  return lines;
}

const ways: Readonly<Record<string, readonly string[]>> = {
  "was never used": ["size: 0"],
  "has idle connections": ["idle: true, leased: 0"],
  "keeps a least number open": ["size: 2"],
  "was drained": ["closed"],
  "had a session reset": ["reset"],
  "had a statement aborted": ["STATEMENT_TIMEOUT"],
  "has a statement under way": ["1 row"],
};

for (const [way, expected] of Object.entries(ways)) {
  processes.test(`a program whose pool ${way} ends by itself`, { gaps }, async (world) => {
    assert.deepEqual(await run(world, world.server.info.url, way), expected);
  });
}

processes.test("a program whose pool has idle connections over TLS ends by itself", {
  on: both,
  gaps,
}, async (world) => {
  const { url, ca } = world.server.info;
  assert.deepEqual(await run(world, url, "has idle connections over TLS", ca), ["TLS"]);
});

processes.test(
  "a program whose pool could not connect ends by itself",
  { on: none, gaps },
  async (world) => {
    const uri = uriAt(await world.lab.network.closedPort());
    assert.deepEqual(await run(world, uri, "could not connect"), ["CONNECT_FAILED"]);
  },
);

processes.test("a program that has given up a host which does not answer ends by itself", {
  on: none,
  gaps: { ...gaps, bun: "Bun cannot call off a connect: the process ends when the system does" },
}, async (world) => {
  const uri = uriAt(await world.lab.network.fullPort());
  assert.deepEqual(await run(world, uri, "has given up"), ["LEASE_TIMEOUT"]);
});
