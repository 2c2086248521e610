/**
 * On real servers behind a network that can fail: which error a running statement, an idle
 * transaction and a waiter get, and when; that the pool recovers by itself; and that its events
 * match the connections of the server.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Chance } from "../../examples/demo/chance.ts";
import { one, timed } from "../support/asking.ts";
import { lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";
import { type Row, rows } from "./support/rows.ts";
import { Crowd, Open, Scene, type Told } from "./support/scene.ts";

/** The meaning of "at once", in ms. */
const onceMsMax = 1_000;
/** How soon a pool must have recovered, in ms. */
const recoveryMsMax = 1_000;
/** How long a fault lasts here, in ms: longer than the first attempts to reconnect. */
const lastsMs = 300;

function assertTold(who: string, told: Told, expected: Row["busy"]): void {
  const isExpected = expected.includes(told.code) || expected.includes(told.errno ?? "");
  assert.ok(isExpected, `${who} got ${told.code} ${told.errno ?? ""}, not ${expected}`);
}

/** Tells whether the running statement, and the waiters, have settled by now. */
async function toldAmong(crowd: Crowd): Promise<{ busy: boolean; line: boolean }> {
  const told = { busy: false, line: false };
  void crowd.busy.then(() => told.busy = true);
  void crowd.line.then(() => told.line = true);
  await sleep(0);
  return told;
}

for (const flavor of ["mariadb", "mysql"] as const) {
  describe(flavor, { skip: lackOf(flavor) ?? false }, () => {
    let scene: Scene;
    before(async () => {
      scene = await Scene.start(flavor);
    });
    afterEach(() => scene.tidy());
    after(() => scene?.[Symbol.asyncDispose]());

    for (const row of rows.filter((each) => (each.flavor ?? flavor) === flavor)) {
      test(`${row.kind}: requests get their outcome ${row.when}, the pool recovers`, async () => {
        await passThrough(scene, row);
      });
    }
  });
}

/** Runs a fault against a pool in full use. */
async function passThrough(scene: Scene, row: Row): Promise<void> {
  const db = scene.pool({ connectionLimit: 2, acquireTimeout: 5_000 });
  const open = new Open(db);
  const crowd = await Crowd.gather(db, scene.server);
  crowd.strike();
  const end = await row.begin({ ...scene, bank: undefined as never }, new Chance(1));
  await sleep(lastsMs);
  crowd.resume();
  await sleep(50);
  const early = await toldAmong(crowd);
  if (row.when === "when it ends") assert.deepEqual(early, { busy: false, line: false });
  await end();
  const endedAt = performance.now();
  const recoveryMs = await timed(until(() => one(db, "SELECT 1"), "it serves"));
  assert.ok(recoveryMs < recoveryMsMax, `it took ${recoveryMs} ms to recover`);
  const [busy, idle, line] = await Promise.all([crowd.busy, crowd.idle, crowd.line]);
  assertTold("Who runs a statement", busy, row.busy);
  assertTold("The holder of a transaction", idle, row.idle);
  for (const told of line) assertTold("A waiter", told, row.line);
  assert.ok(performance.now() - endedAt < 2_000, "an error came late");
  if (row.when === "at once") {
    for (const { ms } of [busy, ...line]) assert.ok(ms < onceMsMax, `it took ${ms} ms`);
  }
  await scene.agrees(db);
  assert.deepEqual(open.threads, await scene.threads(), "what it has told is what the server has");
  const values = await scene.takeValues();
  const expected = idle.code === "served" ? [2, 3] : [];
  assert.deepEqual(values.filter((value) => value >= 2), expected, "of the transaction");
}
