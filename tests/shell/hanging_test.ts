/** Code that hangs keeps neither connection nor locks once the code around it has ended. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEADLOCK } from "./support/fake_connector.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

const mine = new Error("mine");

test("a savepoint whose code hangs ends when the transaction around it throws", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const hanging = Promise.withResolvers<void>();
  await db.unit(async () => {
    let inner: Promise<unknown> = Promise.resolve();
    const outer = db.transaction(async () => {
      inner = db.transaction(async () => {
        await seen(db, "INSERT a");
        await hanging.promise;
        await refused(seen(db, "INSERT late"), "LEASE_ENDED");
      });
      await settled();
      throw mine;
    });
    await assert.rejects(outer, mine);
    assert.equal(connector.log.at(-1), "1: ROLLBACK");
    assert.equal(db.stats().leased, 0);
    hanging.resolve();
    await refused(inner, "LEASE_ENDED");
  });
  assert.ok(!connector.log.some((line) => line.includes("late")));
  await endsEmpty(world);
});

test("an abort releases the lease of a transaction even if its code hangs", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const abort = new AbortController();
  const hanging = Promise.withResolvers<void>();
  await db.unit(async () => {
    const outer = db.transaction(async () => {
      await seen(db, "INSERT a");
      await db.transaction(() => hanging.promise);
    }, { signal: abort.signal });
    await settled();
    abort.abort(mine);
    await settled();
    assert.equal(connector.log.at(-1), "1: ROLLBACK");
    assert.equal(db.stats().leased, 0);
    hanging.resolve();
    await assert.rejects(outer, mine);
  });
  await endsEmpty(world);
});

test("a waiting transaction begins when an abort ends the hanging one before it", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db } = world;
  const abort = new AbortController();
  const hanging = Promise.withResolvers<void>();
  await db.unit(async () => {
    const outer = db.transaction(() => hanging.promise, { signal: abort.signal });
    const next = db.transaction(() => seen(db));
    await settled();
    abort.abort(mine);
    assert.equal((await next).inTransaction, true);
    hanging.resolve();
    await assert.rejects(outer, mine);
  });
  await endsEmpty(world);
});

test("the pool refuses a drain at once if the drain would wait for its own caller", async () => {
  const world = createWorld();
  const { db } = world;
  await db.transaction(async () => {
    const error = await refused(db.drain(), "LEASE_DEADLOCK");
    assert.match(error.message, /drain it after that, or give a `timeout`/);
    await db.unit(() => refused(db.drain(), "LEASE_DEADLOCK"));
    await seen(db);
  });
  await db.unit(async () => {
    await seen(db, "SET @a = 1");
    await refused(db.drain(), "LEASE_DEADLOCK");
  });
  await endsEmpty(world);
});

test("a lease that joins a savepoint's transaction does not wait for the savepoint", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db } = world;
  await db.transaction(() =>
    db.transaction(async () => {
      await using lease = await db.lease({ separate: "unlessInTransaction" });
      assert.equal((await seen(lease)).inTransaction, true);
    })
  );
  await endsEmpty(world);
});

test("a lease from within a transaction is part of it in any async context", async () => {
  const world = createWorld();
  const { db } = world;
  const asked = Promise.withResolvers<{ query: typeof db.query }>();
  await db.unit(async () => {
    const elsewhere = asked.promise.then((lease) => seen(lease, "INSERT a"));
    await db.transaction(async () => {
      await using lease = await db.lease();
      asked.resolve(lease);
      assert.equal((await elsewhere).inTransaction, true);
    });
  });
  await endsEmpty(world);
});

test("the pool refuses a transaction that is still beginning when its unit ends", async () => {
  const world = createWorld();
  const { db, connector } = world;
  let late: Promise<unknown> = Promise.resolve();
  const unit = db.unit(async () => {
    await seen(db);
    Object.assign(connector.sessions[0] ?? {}, { hangsOn: "SET TRANSACTION" });
    late = refused(db.transaction(() => seen(db), { isolation: "serializable" }), "UNIT_ENDED");
    await settled();
    throw mine;
  });
  await assert.rejects(unit, mine);
  connector.sessions[0]?.answer();
  await late;
  assert.ok(!connector.log.some((line) => line.includes("START TRANSACTION")));
  await endsEmpty(world);
});

test("an abort ends the proof of whether the pool may repeat a unit", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const abort = new AbortController();
  let runs = 0;
  const unit = db.unit(async () => {
    runs++;
    await seen(db, "SELECT view reading");
    Object.assign(connector.sessions[0] ?? {}, { hangsOn: "PROVE" });
    await seen(db, `FAIL ${DEADLOCK}`);
  }, { retries: 1, signal: abort.signal });
  const rejected = assert.rejects(unit, mine);
  while (!connector.log.some((line) => line.includes(": PROVE"))) await settled();
  abort.abort(mine);
  await rejected;
  assert.equal(runs, 1);
  await endsEmpty(world);
});
