/** `lifespan: "unit"`: connections live no longer than the unit that they were opened for. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEADLOCK, FakeConnector, FakeServerError } from "./support/fake_connector.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

const perUnit = { lifespan: "unit", connectionLimit: 2 } as const;

test("no connection that a unit has opened outlives the unit", async () => {
  const world = createWorld(perUnit);
  for (let round = 1; round <= 2; round++) {
    await world.db.unit(async () => {
      const own = await seen(world.db);
      assert.equal((await seen(world.db)).threadId, own.threadId);
      assert.equal(world.db.stats().size, 1);
    });
    assert.equal(world.connector.open.length, 0);
    assert.equal(world.clock.alarms, 0);
  }
  assert.equal(world.connector.sessions.length, 2);
  assert.equal(world.db.stats().size, 0);
  await endsEmpty(world);
});

test("parallel units share no connections, and each has its own limit", async () => {
  const world = createWorld({ ...perUnit, connections: { a: {}, b: {} } });
  const threads = await Promise.all([1, 2, 3].map(() =>
    world.db.unit(async () => {
      const [one, other] = await Promise.all([
        world.db.connection("a").transaction(() => seen(world.db.connection("a"))),
        world.db.connection("b").transaction(() => seen(world.db.connection("b"))),
      ]);
      return [one.threadId, other.threadId];
    })
  ));
  assert.equal(new Set(threads.flat()).size, 6);
  assert.equal(world.connector.open.length, 0);
  await endsEmpty(world);
});

test("a nested unit uses the outer unit's connections, and does not close them", async () => {
  const world = createWorld({ lifespan: "unit", connectionLimit: 1 });
  await world.db.unit(async () => {
    const outer = await seen(world.db);
    const inner = await world.db.unit(() => seen(world.db));
    assert.equal(inner.threadId, outer.threadId);
    assert.equal((await seen(world.db)).threadId, outer.threadId);
  });
  assert.equal(world.connector.sessions.length, 1);
  await endsEmpty(world);
});

test("outside any unit each statement, transaction and lease is a unit of its own", async () => {
  const world = createWorld(perUnit);
  const one = await seen(world.db);
  const other = await world.db.transaction(async () => {
    const first = await seen(world.db);
    assert.equal((await seen(world.db)).threadId, first.threadId);
    return first;
  });
  assert.notEqual(one.threadId, other.threadId);
  const lease = await world.db.lease();
  assert.equal(world.connector.open.length, 1);
  lease.release();
  await endsEmpty(world);
});

test("the pool asks the host to wait for its closes, and the caller does not wait", async () => {
  const world = createWorld(perUnit);
  const promises: Promise<unknown>[] = [];
  const ctx = { waitUntil: (promise: Promise<unknown>) => void promises.push(promise) };
  const answer = world.db.handler(async (_request: object, _env: object, _ctx: typeof ctx) => {
    return (await seen(world.db)).threadId;
  });
  const { promise: gate, resolve: letClose } = Promise.withResolvers<void>();
  world.connector.closeGate = gate;
  await answer({}, {}, ctx);
  assert.equal(promises.length, 1);
  assert.equal(world.connector.open.length, 1);
  letClose();
  await Promise.all(promises);
  assert.equal(world.connector.open.length, 0);
  await endsEmpty(world);
});

test("a repeated unit gets new connections for each attempt", async () => {
  const world = createWorld(perUnit);
  const threads: number[] = [];
  const unit = world.db.unit(async () => {
    threads.push((await seen(world.db)).threadId);
    const [session] = world.connector.open;
    if (threads.length === 1 && session !== undefined) {
      session.failNext = new FakeServerError(DEADLOCK, "Deadlock found");
    }
    await seen(world.db);
  }, { retries: 1 });
  await unit;
  assert.deepEqual(threads, [1, 2]);
  await endsEmpty(world);
});

test("a drain waits for the units under way, and refuses new ones", async () => {
  const world = createWorld(perUnit);
  const { promise, resolve } = Promise.withResolvers<void>();
  const unit = world.db.unit(async () => {
    await seen(world.db);
    await promise;
    await seen(world.db);
  });
  let isDrained = false;
  const drained = world.db.drain().then(() => {
    isDrained = true;
  });
  await refused(world.db.unit(() => undefined), "POOL_DRAINING");
  assert.equal(isDrained, false);
  resolve();
  await Promise.all([unit, drained]);
  assert.equal(world.connector.open.length, 0);
});

test("without it connections outlive units, and the pool does not call waitUntil", async () => {
  const world = createWorld({ connectionLimit: 1 }, new FakeConnector());
  const ctx = { waitUntil: () => assert.fail("asked") };
  await world.db.unit(() => seen(world.db), { ctx });
  assert.equal(world.connector.open.length, 1);
  await endsEmpty(world);
});

for (const when of ["before it fails", "before it is repeated"]) {
  test(`the pool does not repeat a unit if the unit around it has ended ${when}`, async () => {
    const world = createWorld(perUnit);
    const { db, connector } = world;
    const goOn = Promise.withResolvers<void>();
    let runs = 0;
    let inner: Promise<unknown> = Promise.resolve();
    await db.unit(async () => {
      const [began, failed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      inner = db.unit(async () => {
        if (++runs > 1) await seen(db);
        began.resolve();
        if (when === "before it fails") await goOn.promise;
        failed.resolve();
        throw new FakeServerError(DEADLOCK, "Deadlock found");
      }, { retries: 2 });
      inner.catch(() => undefined);
      await (when === "before it fails" ? began : failed).promise;
      if (when === "before it is repeated") await settled();
    });
    goOn.resolve();
    await assert.rejects(
      inner,
      when === "before it fails" ? { errno: DEADLOCK } : { code: "UNIT_ENDED" },
    );
    assert.equal(runs, 1);
    assert.equal(connector.open.length, 0);
    await endsEmpty(world);
  });
}
