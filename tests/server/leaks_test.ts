/** On a real server: leases that their holder does not release in time, or never. */

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { LeakEvent, Pool } from "../../mod.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { assertFree, connected, poolAt, prepareServer, threadOf } from "./support/fixture.ts";

let server: Server;

before(async () => {
  server = await prepareServer();
});

afterEach(async () => await connected(server, 0));

after(async () => await server?.remove());

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** Returns the leaks that a pool reports from now on. */
function leaksOf(db: Pool<"main">): LeakEvent[] {
  const leaks: LeakEvent[] = [];
  db.on("leak", (news) => leaks.push(news));
  return leaks;
}

test("a lease that is held for too long is reported once, with its caller's stack", async () => {
  await using db = poolAt(server, { leakDetectionTimeout: 150 });
  const leaks = leaksOf(db);
  async function forgetful(): Promise<void> {
    await using lease = await db.lease();
    await until(() => leaks.length > 0, "it is reported");
    assert.equal(await threadOf(lease), lease.threadId);
  }
  await forgetful();
  const [leak] = leaks;
  assert.equal(leaks.length, 1);
  assert.match(leak?.stack ?? "", /forgetful .*leaks_test\.ts/);
  assert.deepEqual([leak?.virtual, leak?.isCollected], ["main", false]);
  const heldMs = leak?.heldMs ?? 0;
  assert.ok(heldMs >= 150 && heldMs < 500, `it was reported after ${heldMs} ms`);
});

test("transactions and pinned units that take too long are reported", async () => {
  await using db = poolAt(server, { leakDetectionTimeout: 100 });
  const leaks = leaksOf(db);
  async function slowTransaction(): Promise<void> {
    await db.transaction(() => until(() => leaks.length === 1, "it is reported"));
  }
  async function pinned(): Promise<void> {
    await db.query("SET @a = 1");
    await until(() => leaks.length === 2, "it is reported");
  }
  await slowTransaction();
  await db.unit(pinned);
  assert.match(leaks[0]?.stack ?? "", /slowTransaction/);
  assert.match(leaks[1]?.stack ?? "", /pinned/);
  assert.equal(leaks.length, 2);
});

test("a lease that is released in time is not reported", async () => {
  await using db = poolAt(server, { leakDetectionTimeout: 100 });
  const leaks = leaksOf(db);
  for (let i = 0; i < 5; i++) (await db.lease()).release();
  const beganAt = performance.now();
  await until(() => performance.now() - beganAt > 250, "the time is up");
  assert.deepEqual(leaks, []);
});

test("a lease that is garbage-collected is reported, and its connection closed", async () => {
  await using db = poolAt(server, { connectionLimit: 1, leakDetectionTimeout: 60_000 });
  const leaks = leaksOf(db);
  async function forgetful(): Promise<number> {
    const lease = await db.lease();
    await lease.query("SET @a = 1");
    return lease.threadId;
  }
  const thread = await forgetful();
  assert.equal(db.stats().leased, 1);
  const next = threadOf(db);
  await until(() => {
    collectGarbage();
    return leaks.length > 0;
  }, "it is collected");
  assert.notEqual(await next, thread);
  const [leak] = leaks;
  assert.deepEqual([leaks.length, leak?.isCollected, leak?.virtual], [1, true, "main"]);
  assert.match(leak?.stack ?? "", /forgetful/);
  assertFree(db);
});

test("a lease is not collected while its statement runs", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const leaks = leaksOf(db);
  const answer = (await db.lease()).query("SELECT SLEEP(0.2) s");
  let isDone = false;
  const done = answer.finally(() => isDone = true);
  await until(() => {
    collectGarbage();
    return isDone;
  }, "it is answered");
  assert.deepEqual((await done)[0], [{ s: 0 }]);
  await until(() => {
    collectGarbage();
    return leaks.length > 0;
  }, "it is collected");
  assertFree(db);
});
