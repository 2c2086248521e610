/** The work of a unit on leases of other units, and the work that a unit leaves behind. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEADLOCK } from "./support/fake_connector.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

test("the pool does not repeat a unit that may have written on another unit's lease", async () => {
  const world = createWorld();
  const { db } = world;
  let runs = 0;
  await db.unit(async (outer) => {
    await using own = await db.lease({ separate: true });
    const writes = [
      () => seen(outer, "INSERT a"),
      () => outer.transaction((tx) => seen(tx, "INSERT a")),
      () => seen(own, "INSERT a"),
      () => Promise.resolve(own.connection),
      // The name in this read may be that of a view that writes.
      () => seen(outer, "SELECT a"),
    ];
    for (const write of writes) {
      runs = 0;
      const inner = db.unit(async () => {
        runs++;
        await write();
        await seen(db, `FAIL ${DEADLOCK}`);
      }, { retries: 2 });
      await assert.rejects(inner, /not repeated, as something that it did/);
      assert.equal(runs, 1);
    }
  });
  await endsEmpty(world);
});

test("the pool does not repeat a unit while a unit that began within it goes on", async () => {
  const world = createWorld();
  const { db } = world;
  const hanging = Promise.withResolvers<void>();
  let runs = 0;
  let inner: Promise<unknown> = Promise.resolve();
  const outer = db.unit(async () => {
    runs++;
    inner = db.unit(async () => {
      await hanging.promise;
      await seen(db, "INSERT a");
    }, { retries: 1 });
    await seen(db, `FAIL ${DEADLOCK}`);
  }, { retries: 2 });
  await assert.rejects(outer, /not repeated/);
  assert.equal(runs, 1);
  hanging.resolve();
  await inner;
  await endsEmpty(world);
});

test("a unit fails if its connection is lost while its own BEGIN is open", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const lost = db.unit(async () => {
    await seen(db, "BEGIN");
    await seen(db, "INSERT a");
    connector.sessions[0]?.kill();
  });
  await refused(lost, "CONNECTION_LOST");
  await endsEmpty(world);
});

test('with lifespan: "unit" a separate lease ends with its unit', async () => {
  const world = createWorld({ lifespan: "unit" });
  const { db, connector } = world;
  const lease = await db.unit(() => db.lease({ separate: true }));
  await settled();
  assert.equal(connector.open.length, 0);
  await refused(seen(lease), "LEASE_ENDED");
  lease.release();
  await endsEmpty(world);
});

test("the pool refuses a drain at once in a unit that has an explicit lease", async () => {
  const world = createWorld();
  const { db } = world;
  for (const separate of [false, true]) {
    await db.unit(async () => {
      await using lease = await db.lease({ separate });
      await refused(db.drain(), "LEASE_DEADLOCK");
      await seen(lease);
    });
  }
  await endsEmpty(world);
});

test("a lease timeout names the explicit lease of the same unit as the holder", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db, clock } = world;
  await db.unit(async () => {
    await using lease = await db.lease({ separate: true });
    const late = refused(seen(db), "LEASE_TIMEOUT");
    await clock.pass(60_000);
    assert.match((await late).message, /a lease of its own unit, on "main", holds/);
    await seen(lease);
  });
  await endsEmpty(world);
});
