/**
 * A pool that drains under load during a fault of its network, server or process: it ends by its
 * deadline, every request settles, and no acknowledged transfer is lost.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Chance } from "../../examples/demo/chance.ts";
import { clientFaults } from "../chaos/client_faults.ts";
import type { Fault } from "../chaos/faults.ts";
import { networkFaults } from "../chaos/network_faults.ts";
import { mysqlFaults, serverFaults } from "../chaos/server_faults.ts";
import { lackOf } from "../support/server_binary.ts";
import { Branch } from "./support/branch.ts";

/** How long a pool may take to end, in ms. */
const deadlineMs = 300;
/** How late a drain may be on a busy machine, in ms. */
const lateMsMax = 700;
/** How long a client fault blocks a process at most, in ms: the drain ends that much later. */
const stillMsMax = 1_500;

for (const make of ["mariadb", "mysql"] as const) {
  describe(make, { skip: lackOf(make) ?? false }, () => {
    let branch: Branch;
    before(async () => {
      branch = await Branch.start(make);
    });
    after(() => branch?.[Symbol.asyncDispose]());

    const ofServer = make === "mysql" ? [...serverFaults, ...mysqlFaults] : serverFaults;
    for (const fault of [...networkFaults, ...ofServer]) {
      test(`a drain that begins during ${fault.kind} ends in time and loses nothing`, async () => {
        const chance = new Chance(1);
        await branch.open();
        const end = await fault.begin(branch, chance);
        const drained = branch.bank.ask("drain", deadlineMs);
        await sleep(chance.between(...fault.lastsMs));
        await end();
        assertInTime(await drained);
        await branch.close();
      });
    }

    for (const fault of clientFaults) {
      test(`a drain interrupted by ${fault.kind} ends in time and loses no transfer`, async () => {
        await branch.open();
        const drained = branch.bank.ask("drain", deadlineMs);
        await passThrough(fault, branch);
        assertInTime(await drained - stillMsMax);
        await branch.close();
      });
    }

    test("a drain under load without a deadline finishes all running work", async () => {
      await branch.open();
      await branch.bank.ask("drain", null);
      await branch.close();
      const { reasons } = await branch.bank.ask("report", undefined);
      const others = Object.keys(reasons).filter((reason) =>
        !["withdrawn", "aborted", "POOL_DRAINING", "ER_LOCK_DEADLOCK"].includes(reason)
      );
      assert.deepEqual(others, []);
    });
  });
}

async function passThrough(fault: Fault, branch: Branch): Promise<void> {
  const chance = new Chance(1);
  const end = await fault.begin(branch, chance);
  await sleep(chance.between(...fault.lastsMs));
  await end();
}

function assertInTime(drainMs: number): void {
  assert.ok(drainMs < deadlineMs + lateMsMax, `it took ${drainMs} ms`);
}
