/** Drains: the pool finishes its work, refuses new work, and closes every connection. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

test("an unused pool drains at once, and then refuses all work", async () => {
  const { db } = createWorld();
  await db.drain();
  assert.equal(db.stats().phase, "closed");
  await refused(db.query("SELECT"), "POOL_DRAINING");
  await refused(db.unit(() => 1), "POOL_DRAINING");
  await refused(db.lease(), "POOL_DRAINING");
  await refused(db.transaction(() => 1), "POOL_DRAINING");
});

test("a drain serves the queue and waits for leases, also when it is called twice", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db, connector } = world;
  const holder = seen(db, "HANG");
  const waiter = seen(db);
  await settled();
  let isDrained = false;
  const drained = Promise.all([db.drain(), db.drain()]).then(() => isDrained = true);
  await settled();
  assert.equal(isDrained, false);
  assert.equal(db.stats().phase, "serving");
  connector.sessions[0]?.answer();
  await Promise.all([holder, waiter, drained]);
  await endsEmpty(world);
});

test("a drain with `refuse` refuses the queue", async () => {
  const { db, connector } = createWorld({ connectionLimit: 1 });
  const holder = seen(db, "HANG");
  const waiter = refused(seen(db), "POOL_DRAINING");
  await settled();
  const drained = db.drain({ refuse: true });
  await waiter;
  connector.sessions[0]?.answer();
  await holder;
  await drained;
});

test("a drain serves the further statements of a unit that is under way", async () => {
  const world = createWorld();
  const { db } = world;
  const go = Promise.withResolvers<void>();
  const unit = db.unit(async () => {
    await go.promise;
    await seen(db);
    return await db.transaction(() => seen(db));
  });
  const drained = db.drain();
  await refused(db.query("SELECT"), "POOL_DRAINING");
  assert.equal(db.stats().phase, "serving");
  go.resolve();
  assert.equal((await unit).inTransaction, true);
  await drained;
  await endsEmpty(world);
});

test("at its timeout a drain destroys leased connections and refuses waiters", async () => {
  const { db, connector, clock } = createWorld({ connectionLimit: 2 });
  const holder = refused(seen(db, "HANG"), "POOL_DRAINING");
  await settled();
  connector.connectGate = Promise.withResolvers<void>().promise;
  const waiter = refused(seen(db), "POOL_DRAINING");
  const unit = refused(db.transaction(() => settled()), "POOL_DRAINING");
  await settled();
  const drained = db.drain({ timeout: 5_000 });
  await clock.pass(4_999);
  assert.equal(db.stats().leased, 1);
  await clock.pass(1);
  await Promise.all([holder, waiter, unit, drained]);
  assert.equal(db.stats().phase, "closed");
  assert.equal(connector.open.length, 0);
  assert.equal(clock.alarms, 0);
});

test("a drain does not wait for a connect that no request needs any more", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const abort = new AbortController();
  connector.connectGate = Promise.withResolvers<void>().promise;
  const waiter = assert.rejects(seen(db, "SELECT", { signal: abort.signal }), "AbortError");
  await settled();
  abort.abort();
  await waiter;
  assert.equal(connector.opening, 1);
  await db.drain();
  await endsEmpty(world);
  assert.equal(connector.opening, 0);
});

test("a drain closes a connection that opens just as the drain gives it up", async () => {
  for (let turns = 0; turns < 10; turns++) {
    const world = createWorld();
    const { db, connector } = world;
    const abort = new AbortController();
    const opened = Promise.withResolvers<void>();
    connector.connectGate = opened.promise;
    const waiter = assert.rejects(seen(db, "SELECT", { signal: abort.signal }), "AbortError");
    await settled();
    abort.abort();
    await waiter;
    opened.resolve();
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    await db.drain();
    await endsEmpty(world);
  }
});

test("a unit may drain the pool that it uses: the drain does not wait for the unit", async () => {
  const { db } = createWorld();
  await db.unit(async () => {
    await seen(db);
    await db.drain();
    await refused(seen(db), "POOL_DRAINING");
  });
  assert.equal(db.stats().phase, "closed");
});

test("a paused pool grants no lease until resume() or drain()", async () => {
  const world = createWorld();
  const { db } = world;
  db.pause();
  const first = seen(db);
  await settled();
  assert.equal(db.stats().waiting, 1);
  db.resume();
  await first;
  db.pause();
  const second = seen(db);
  await settled();
  await Promise.all([second, db.drain()]);
  await endsEmpty(world);
});

test("retire() closes idle connections at once, and leased ones at their release", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const lease = await db.lease();
  await seen(db);
  db.retire();
  await settled();
  assert.deepEqual(connector.open.map(({ threadId }) => threadId), [1]);
  lease.release();
  await settled();
  assert.equal(connector.open.length, 0);
  await endsEmpty(world);
});

test("`await using` drains a pool", async () => {
  const { db } = createWorld();
  {
    await using pool = db;
    await seen(pool);
  }
  assert.equal(db.stats().phase, "closed");
});

test("a drain refuses an invalid timeout", async () => {
  for (const timeout of [-1, null as unknown as number]) {
    await refused(createWorld().db.drain({ timeout }), "OPTION_INVALID");
  }
});
