/** Handles: each caller of `createPool` drains its own, and the last drain ends the pool. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createShared, watched } from "./support/handles.ts";
import { settled } from "./support/manual_clock.ts";
import { refused, seen } from "./support/pool.ts";

test("a drained handle refuses all work; the others keep the pool's connections", async () => {
  const { one, other, connector } = createShared();
  const { threadId } = await seen(one);
  const statement = one.method("SELECT :a");
  await one.drain();
  await refused(one.query("SELECT"), "POOL_DRAINING");
  await refused(one.unit(() => 1), "POOL_DRAINING");
  await refused(one.lease(), "POOL_DRAINING");
  await refused(one.transaction(() => 1), "POOL_DRAINING");
  await refused(one.connection("main").execute("SELECT"), "POOL_DRAINING");
  const error = await refused(statement({ a: 1 } as never), "POOL_DRAINING");
  assert.match(error.message, /this pool object has been drained; createPool makes another/);
  assert.equal((await seen(other)).threadId, threadId);
  assert.equal(one.stats().phase, "open");
  assert.equal(connector.open.length, 1);
  await other.drain();
  assert.equal(connector.open.length, 0);
  assert.deepEqual([one, other].map((db) => db.stats().phase), ["closed", "closed"]);
});

test("a definition gets the same pool until the last handle drains, then a new one", async () => {
  const { one, other, another, connector } = createShared();
  await seen(one);
  await one.drain();
  const third = another();
  await seen(third);
  assert.equal(connector.sessions.length, 1);
  await other.drain();
  await seen(third);
  const drained = third.drain();
  const fourth = another();
  await seen(fourth);
  await Promise.all([drained, fourth.drain()]);
  assert.deepEqual([connector.sessions.length, connector.open.length], [2, 0]);
});

test("a drain waits for the statements, units and leases of its own handle only", async () => {
  const begin: Record<string, (db: ReturnType<typeof createShared>["one"]) => Promise<unknown>> = {
    statement: (db) => seen(db, "HANG"),
    unit: (db) => db.unit(() => seen(db, "HANG")),
    transaction: (db) => db.transaction(() => seen(db, "HANG")),
    lease: async (db) => {
      await using lease = await db.lease();
      await lease.query("HANG");
    },
  };
  for (const [what, run] of Object.entries(begin)) {
    const { one, other, connector } = createShared();
    const ofOther = run(other);
    await settled();
    const ofOne = run(one);
    await settled();
    const drain = watched(one.drain());
    await settled();
    assert.equal(drain.isDone, false, `it does not wait for its ${what}`);
    connector.sessions[1]?.answer();
    await ofOne;
    await settled();
    assert.equal(drain.isDone, true, `it waits for a ${what} of another`);
    const last = watched(other.drain());
    await settled();
    assert.equal(last.isDone, false);
    connector.sessions[0]?.answer();
    await ofOther;
    await settled();
    assert.equal(last.isDone, true);
    assert.equal(connector.open.length, 0);
  }
});

test("a unit of a draining handle runs to its end, with the work that it starts", async () => {
  const { one, other } = createShared();
  const go = Promise.withResolvers<void>();
  const unit = one.unit(async () => {
    await go.promise;
    await seen(one);
    await one.unit(() => seen(one));
    await using lease = await one.lease();
    await lease.query("SELECT");
    return await one.transaction(() => seen(one));
  });
  const drained = one.drain();
  await refused(seen(one), "POOL_DRAINING");
  go.resolve();
  assert.equal((await unit).inTransaction, true);
  await drained;
  await other.drain();
});

test("the last drain waits for the work of handles that began to drain before", async () => {
  const { one, other, connector } = createShared();
  const hanging = seen(one, "HANG");
  await settled();
  const drains = [watched(one.drain()), watched(other.drain())];
  await settled();
  assert.deepEqual(drains, [{ isDone: false }, { isDone: false }]);
  assert.equal(other.stats().phase, "serving");
  connector.sessions[0]?.answer();
  await hanging;
  await settled();
  assert.deepEqual(drains, [{ isDone: true }, { isDone: true }]);
  assert.equal(connector.open.length, 0);
});

test("a second drain of a handle ends with the first, and counts once", async () => {
  const { one, other, connector } = createShared();
  const hanging = seen(one, "HANG");
  await settled();
  const drains = [one.drain(), one.drain()].map(watched);
  await settled();
  await seen(other);
  assert.deepEqual(drains, [{ isDone: false }, { isDone: false }]);
  connector.sessions[0]?.answer();
  await hanging;
  await one.drain();
  await seen(other);
  await other.drain();
});

test("a second drain of a handle is allowed in a transaction of the last other handle", async () => {
  const { one, other, connector } = createShared();
  await one.drain();
  await other.transaction(() => one.drain());
  await other.drain();
  assert.equal(connector.open.length, 0);
});

test("a drain with `refuse` refuses the waiters and units of its own handle only", async () => {
  const { one, other, connector } = createShared({ connectionLimit: 1 });
  const go = Promise.withResolvers<void>();
  const hanging = seen(other, "HANG");
  await settled();
  const waiting = seen(other);
  const refusedOnes = [seen(one), seen(one)].map((each) => refused(each, "POOL_DRAINING"));
  const unit = one.unit(async () => {
    await go.promise;
    await refused(seen(one), "POOL_DRAINING");
  });
  await settled();
  assert.equal(one.stats().waiting, 3);
  const drain = one.drain({ refuse: true });
  await Promise.all(refusedOnes);
  assert.equal(one.stats().waiting, 1);
  go.resolve();
  await Promise.all([unit, drain]);
  connector.sessions[0]?.answer();
  await Promise.all([hanging, waiting]);
  await other.drain();
});

test("at its timeout the drain of a handle destroys the work of that handle only", async () => {
  const { one, other, connector, clock } = createShared({ connectionLimit: 3 });
  const ofOther = seen(other, "HANG");
  await settled();
  const ofOne = refused(seen(one, "HANG"), "POOL_DRAINING");
  const stuck = Promise.withResolvers<void>();
  const unit = refused(one.transaction(() => stuck.promise), "CONNECTION_LOST");
  await settled();
  const waiting = [seen(one), seen(other)];
  waiting.forEach((each) => each.catch(() => undefined));
  const drain = watched(one.drain({ timeout: 1_000 }));
  await clock.pass(999);
  assert.deepEqual([drain.isDone, connector.open.length], [false, 3]);
  await clock.pass(1);
  assert.equal(drain.isDone, true);
  await ofOne;
  await refused(waiting[0]!, "POOL_DRAINING");
  await waiting[1];
  stuck.resolve();
  await unit;
  assert.equal(connector.sessions[0]?.isAlive, true);
  connector.sessions[0]?.answer();
  await ofOther;
  await other.drain();
  assert.deepEqual([connector.open.length, clock.alarms], [0, 0]);
});

test("at its timeout the last drain destroys all that is left in the pool", async () => {
  const { one, other, connector, clock } = createShared();
  const ofOne = refused(seen(one, "HANG"), "POOL_DRAINING");
  await settled();
  const first = one.drain();
  const last = other.drain({ timeout: 1_000 });
  await clock.pass(1_000);
  await Promise.all([ofOne, first, last]);
  assert.deepEqual([connector.open.length, clock.alarms], [0, 0]);
});

test("a listener receives events of the whole pool until its own handle has drained", async () => {
  const { one, other } = createShared();
  const heard: string[] = [];
  const listener = (): void => void heard.push("one");
  one.on("acquire", listener).once("acquire", () => heard.push("once"));
  other.on("acquire", () => heard.push("other"));
  await seen(other);
  assert.deepEqual(heard.splice(0), ["one", "once", "other"]);
  await seen(one);
  assert.deepEqual(heard.splice(0), ["one", "other"]);
  one.off("acquire", listener).on("acquire", listener);
  await one.drain();
  one.on("acquire", listener);
  await seen(other);
  assert.deepEqual(heard, ["other"]);
  await other.drain();
});

test("pause, resume, retire and stats concern the pool that all handles share", async () => {
  const { one, other, connector } = createShared();
  await seen(one);
  one.retire();
  await settled();
  assert.equal(connector.open.length, 0);
  one.pause();
  const waiting = seen(other);
  await settled();
  assert.deepEqual([one.stats(), other.stats().phase], [other.stats(), "paused"]);
  const drain = watched(one.drain());
  await settled();
  assert.deepEqual([drain.isDone, other.stats().phase], [true, "paused"]);
  other.resume();
  await waiting;
  await other.drain();
});
