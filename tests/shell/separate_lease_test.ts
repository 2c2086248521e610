/** Separate leases beside the lease of their unit, for code that expects two connections. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, type FakeLease, refused, seen } from "./support/pool.ts";

const own = { separate: true } as const;
const joining = { separate: "unlessInTransaction" } as const;

test("separate leases in one unit have different connections", async () => {
  const world = createWorld();
  const { db } = world;
  await db.unit(async () => {
    const mine = await db.lease();
    const one = await db.lease(own);
    const other = await db.lease(own);
    assert.deepEqual([mine.threadId, one.threadId, other.threadId], [1, 2, 3]);
    assert.equal((await seen(db)).threadId, 1);
    one.release();
    other.release();
  });
  await endsEmpty(world);
});

test("a separate lease can be used in any unit and outside of units", async () => {
  const world = createWorld();
  const { db } = world;
  const outside = await db.lease(own);
  await db.unit(async () => {
    assert.equal(outside.threadId, 1);
    const inside = await db.lease(own);
    await db.unit(async () => assert.equal((await seen(inside)).threadId, 2));
    inside.release();
  });
  outside.release();
  await endsEmpty(world);
});

test("a separate lease outlives its unit, and code of an ended unit can take one", async () => {
  const world = createWorld({ connectionLimit: 2 });
  const { db } = world;
  let later: Promise<FakeLease> | undefined;
  const lease = await db.unit(async () => {
    const lease = await db.lease(own);
    later = lease.query("SELECT").then(() => settled()).then(() => db.lease(own));
    return lease;
  });
  assert.equal(db.stats().leased, 1);
  assert.equal((await seen(lease, "SET @a = 1")).threadId, lease.threadId);
  const second = await later;
  assert.notEqual(second?.threadId, lease.threadId);
  second?.release();
  lease.release();
  await settled();
  assert.equal(db.stats().leased, 0);
  await endsEmpty(world);
});

test("a separate lease has the target that its unit is bound to", async () => {
  const world = createWorld({ connections: { main: {}, other: {} } });
  const { db } = world;
  assert.equal(db.connection("main").target.database, "shop");
  await db.unit(async () => {
    const lease = await db.lease(own);
    assert.equal((await seen(lease)).database, "tenant");
    lease.release();
  }, { bind: { main: { database: "tenant" } } });
  await endsEmpty(world);
});

test("the pool refuses a separate lease that would wait for its own transaction", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db } = world;
  await db.transaction(() => refused(db.lease(own), "LEASE_DEADLOCK"));
  const first = await db.unit(() => db.lease(own));
  // Any code may release the first lease, so the pool lets the second request wait.
  const second = db.unit(() => db.lease(own));
  await settled();
  first.release();
  (await second).release();
  await endsEmpty(world);
});

test('with "unlessInTransaction" a lease joins the open transaction of its unit', async () => {
  const world = createWorld();
  const { db } = world;
  await db.unit(async () => {
    const holder = await db.lease(own);
    await seen(holder, "BEGIN");
    const joined = await db.lease(joining);
    assert.equal(joined.threadId, holder.threadId);
    assert.equal((await seen(joined)).inTransaction, true);
    joined.release();
    assert.equal((await seen(holder)).inTransaction, true);
    await seen(holder, "COMMIT");
    const apart = await db.lease(joining);
    assert.notEqual(apart.threadId, holder.threadId);
    apart.release();
    holder.release();
    await db.transaction(async () => {
      const within = await db.lease(joining);
      assert.equal((await seen(within)).inTransaction, true);
      within.release();
    });
  });
  await endsEmpty(world);
});

test("the last of the leases that share a connection releases the connection", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db } = world;
  await db.unit(async () => {
    const holder = await db.lease(own);
    await seen(holder, "BEGIN");
    const joined = await db.lease(joining);
    holder.release();
    assert.equal(db.stats().leased, 1);
    assert.equal((await seen(joined)).inTransaction, true);
    joined.release();
    await settled();
    assert.equal(db.stats().leased, 0);
    assert.equal(world.connector.sessions[0]?.resets, 1);
  });
  await endsEmpty(world);
});

test("a drain waits for separate leases, and refuses new ones", async () => {
  const world = createWorld();
  const { db } = world;
  const lease = await db.unit(() => db.lease(own));
  const drained = db.drain();
  await refused(db.lease(own), "POOL_DRAINING");
  await settled();
  assert.equal((await seen(lease)).threadId, 1);
  lease.release();
  await drained;
  await endsEmpty(world);
});

test("without waitForConnections a request gets a free place or is refused at once", async () => {
  const world = createWorld({ connectionLimit: 2, waitForConnections: false });
  const { db } = world;
  const leases = await Promise.all([db.lease(), db.lease()]);
  await refused(db.lease(), "QUEUE_FULL");
  for (const lease of leases) lease.release();
  await seen(db);
  await endsEmpty(world);
});

test("with resetOnRelease the pool resets even a clean connection after each lease", async () => {
  const world = createWorld({ resetOnRelease: true });
  const { db, connector } = world;
  await seen(db);
  await settled();
  (await db.lease()).release();
  await settled();
  await db.unit(() => seen(db));
  await settled();
  assert.equal(connector.sessions[0]?.resets, 3);
  assert.equal(connector.sessions.length, 1);
  await endsEmpty(world);
});
