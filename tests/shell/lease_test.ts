/** Explicit leases: the driver's own connection, until the holder releases it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { LeakEvent } from "../../src/shell/events.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

test("a lease hands out the driver's connection until the end of its block", async () => {
  const world = createWorld();
  {
    await using lease = await world.db.lease();
    assert.equal(lease.connection, world.connector.sessions[0]?.driver);
    assert.equal(lease.threadId, 1);
    assert.equal((await seen(lease)).threadId, 1);
    assert.equal(world.db.stats().leased, 1);
  }
  assert.equal(world.db.stats().idle, 1);
  await endsEmpty(world);
});

test("a lease that has ended refuses its use, and a second release does nothing", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const first = await world.db.lease();
  first.release();
  const second = await world.db.lease();
  first.release();
  assert.equal(world.db.stats().leased, 1);
  assert.throws(() => first.connection, { code: "LEASE_ENDED" });
  await refused(first.execute("SELECT"), "LEASE_ENDED");
  second.release();
  await endsEmpty(world);
});

test("the pool closes a connection that is still busy when its lease ends", async () => {
  const world = createWorld();
  const lease = await world.db.lease();
  world.connector.sessions[0]?.keepBusy();
  lease.release();
  await settled();
  assert.equal((await seen(world.db)).threadId, 2);
  await endsEmpty(world);
});

test("a lease that is released while a statement runs ends with the statement", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const lease = await world.db.lease();
  const running = lease.query("HANG");
  await settled();
  lease.release();
  await refused(lease.query("SELECT"), "LEASE_ENDED");
  const next = seen(world.db);
  await settled();
  assert.equal(world.db.stats().waiting, 1);
  world.connector.sessions[0]?.answer();
  await running;
  assert.equal((await next).threadId, 1);
  await endsEmpty(world);
});

test("within a unit lease() returns the unit's lease, which ends with the unit", async () => {
  const world = createWorld();
  const lease = await world.db.unit(async () => {
    const lease = await world.db.lease();
    assert.equal((await seen(world.db)).threadId, lease.threadId);
    assert.equal(await world.db.transaction(async () => (await seen(lease)).inTransaction), true);
    assert.equal(world.db.stats().leased, 1);
    return lease;
  });
  assert.equal(world.db.stats().leased, 0);
  assert.throws(() => lease.connection, { code: "LEASE_ENDED" });
  lease.release();
  await endsEmpty(world);
});

test("a lease cannot be used from another unit", async () => {
  const world = createWorld();
  const { db } = world;
  const outside = await db.lease();
  await db.unit(async () => {
    assert.throws(() => outside.connection, { code: "LEASE_FOREIGN" });
    const own = await db.lease();
    await db.unit(() => refused(own.query("SELECT"), "LEASE_FOREIGN"));
    assert.equal((await seen(own)).threadId, own.threadId);
  });
  assert.equal(outside.threadId, 1);
  outside.release();
  await endsEmpty(world);
});

test("a lease whose connection is lost fails, and takes no other connection", async () => {
  const world = createWorld();
  const lease = await world.db.lease();
  world.connector.sessions[0]?.kill();
  const error = await refused(lease.query("SELECT"), "CONNECTION_LOST");
  assert.match(error.message, /Connection lost$/);
  lease.release();
  await endsEmpty(world);
});

test("a lease request leaves the queue at its abort or its timeout", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db, clock } = world;
  const holder = await db.lease();
  const abort = new AbortController();
  const aborted = assert.rejects(db.lease({ signal: abort.signal }), { name: "AbortError" });
  const late = refused(db.lease({ timeout: 20 }), "LEASE_TIMEOUT");
  abort.abort();
  await aborted;
  await clock.pass(20);
  await late;
  holder.release();
  await endsEmpty(world);
});

test("the pool takes back a lease that is granted and aborted at once", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const holder = await world.db.lease();
  const abort = new AbortController();
  const raced = assert.rejects(world.db.lease({ signal: abort.signal }), { name: "AbortError" });
  holder.release();
  abort.abort();
  await raced;
  assert.equal(world.db.stats().idle, 1);
  await endsEmpty(world);
});

test("an abort at any moment leaks no lease and no waiter", async () => {
  for (let moment = 0; moment < 40; moment++) {
    const world = createWorld({ connectionLimit: 1, connections: { main: {}, other: {} } });
    const { db } = world;
    const abort = new AbortController();
    const { signal } = abort;
    const work = [
      seen(db, "SELECT", { signal }),
      db.transaction(() => seen(db), { signal }),
      db.lease({ signal }).then((lease) => lease.release()),
      db.unit(() => Promise.all([seen(db), seen(db.connection("other"))]), { signal }),
    ];
    const ended = Promise.allSettled(work);
    for (let i = 0; i < moment; i++) await Promise.resolve();
    abort.abort();
    await ended;
    await settled();
    const { leased, waiting } = db.stats();
    assert.deepEqual({ leased, waiting }, { leased: 0, waiting: 0 }, `at moment ${moment}`);
    await seen(db);
    await endsEmpty(world);
  }
});

test("the pool reports a lease held for too long once, with the stack of its caller", async () => {
  const world = createWorld({ leakDetectionTimeout: 1_000 });
  const { db, clock } = world;
  const leaks = leaksOf(db);
  async function forgetful(): Promise<() => void> {
    const lease = await db.lease();
    return () => lease.release();
  }
  const release = await forgetful();
  await seen(db);
  await clock.pass(999);
  assert.equal(leaks.length, 0);
  await clock.pass(5_000);
  assert.equal(leaks.length, 1);
  assert.equal(leaks[0]?.virtual, "main");
  assert.equal(leaks[0]?.heldMs, 1_000);
  assert.equal(leaks[0]?.isCollected, false);
  assert.match(leaks[0]?.stack ?? "", /forgetful .*lease_test\.ts/);
  release();
  await endsEmpty(world);
});

test("the pool reports a transaction or a pinned unit that lasts too long", async () => {
  const world = createWorld({ leakDetectionTimeout: 1_000 });
  const { db, clock } = world;
  const stacks: (string | undefined)[] = [];
  db.on("leak", ({ stack }) => stacks.push(stack));
  await db.transaction(() => clock.pass(500));
  await clock.pass(1_000);
  assert.equal(stacks.length, 0);
  await db.transaction(function slow() {
    return clock.pass(1_500);
  });
  assert.equal(stacks.length, 1);
  await db.unit(async function pinned() {
    await seen(db, "SET @a = 1");
    await clock.pass(1_500);
  });
  assert.equal(stacks.length, 2);
  assert.match(stacks[1] ?? "", /pinned .*lease_test\.ts/);
  await endsEmpty(world);
});

test("the pool reports a garbage-collected lease, and closes its connection", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db } = world;
  const leaks = leaksOf(db);
  await (async () => {
    await db.lease();
  })();
  await collectUntil(() => leaks.length > 0);
  assert.equal(leaks.length, 1);
  assert.equal(leaks[0]?.isCollected, true);
  assert.equal((await seen(db)).threadId, 2);
  await endsEmpty(world);
});

test("the pool reports a forgotten lease although a released one is still referenced", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db } = world;
  const leaks = leaksOf(db);
  const kept = await db.lease();
  kept.release();
  await collectUntil(() => leaks.length > 0);
  assert.equal(leaks.length, 0);
  await (async () => {
    await db.lease();
  })();
  await collectUntil(() => leaks.length > 0);
  assert.equal(leaks.length, 1);
  assert.throws(() => kept.threadId, { code: "LEASE_ENDED" });
  assert.equal((await seen(db)).threadId, 2);
  await endsEmpty(world);
});

function leaksOf(db: ReturnType<typeof createWorld>["db"]): LeakEvent[] {
  const leaks: LeakEvent[] = [];
  db.on("leak", (leak) => leaks.push(leak));
  return leaks;
}

/** Collects garbage until `isSo` returns true, but at most 50 times. */
async function collectUntil(isSo: () => boolean): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 50 && !isSo(); i++) {
    collect();
    await settled();
  }
}
