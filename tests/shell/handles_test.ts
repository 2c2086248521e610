/** The handle of a unit or transaction runs statements in exactly it, from any async context. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, type FakeVirtual, refused, seen } from "./support/pool.ts";

/** Runs code in the async context in which the loop was created, as a worker does. */
class Loop {
  readonly #jobs: (() => void)[] = [];
  #wake: () => void = () => undefined;
  #isOver = false;
  readonly #running: Promise<void> = this.#run();

  do<T>(job: () => Promise<T>): Promise<T> {
    const done = Promise.withResolvers<T>();
    this.#jobs.push(() => job().then(done.resolve, done.reject));
    this.#wake();
    return done.promise;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      for (const job of this.#jobs.splice(0)) job();
    }
  }
}

test("a transaction's handle runs in the transaction from a context outside any unit", async () => {
  const world = createWorld();
  const { db } = world;
  const loop = new Loop();
  await db.transaction(async (tx) => {
    const { threadId } = await seen(db);
    const inside = await loop.do(() => seen(tx, "INSERT a"));
    assert.deepEqual([inside.threadId, inside.inTransaction], [threadId, true]);
    assert.equal((await loop.do(() => seen(db))).inTransaction, false);
  });
  await loop.end();
  await endsEmpty(world);
});

test("a transaction's handle runs in it from another unit or transaction", async () => {
  const world = createWorld();
  const { db } = world;
  await db.transaction(async (outer) => {
    const { threadId } = await seen(outer);
    await db.unit(async () => {
      assert.equal((await seen(outer)).threadId, threadId);
      await db.transaction(async (inner) => {
        assert.notEqual((await seen(inner)).threadId, threadId);
        assert.equal((await seen(outer)).threadId, threadId);
      });
    });
  });
  await endsEmpty(world);
});

test("in a savepoint the outer transaction's handle runs statements in the savepoint", async () => {
  const world = createWorld();
  const { db, connector } = world;
  await db.transaction((outer) =>
    outer.transaction(async (inner) => {
      await seen(outer, "INSERT a");
      await seen(inner, "INSERT b");
    })
  );
  assert.deepEqual(connector.log.map((line) => line.slice(3)), [
    "START TRANSACTION",
    "SAVEPOINT sublet_1",
    "INSERT a",
    "INSERT b",
    "RELEASE SAVEPOINT sublet_1",
    "COMMIT",
  ]);
  await endsEmpty(world);
});

test("savepoints, leases and methods of a transaction's handle are part of it", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const loop = new Loop();
  await db.transaction(async (tx) => {
    await loop.do(() => tx.transaction((inner) => seen(inner, "INSERT a")));
    const lease = await loop.do(() => tx.lease());
    assert.equal((await loop.do(() => seen(lease))).inTransaction, true);
    lease.release();
    const [row] = await loop.do(() => tx.method<object, { inTransaction: boolean }>("SELECT")({}));
    assert.equal(row?.inTransaction, true);
  });
  assert.ok(connector.log.includes("1: RELEASE SAVEPOINT sublet_1"));
  await loop.end();
  await endsEmpty(world);
});

test("a handle refuses statements after the end of its transaction or unit", async () => {
  const world = createWorld();
  const { db } = world;
  let kept: FakeVirtual | undefined;
  await db.unit(async () => {
    await db.transaction((tx) => void (kept = tx));
    await refused(seen(kept!), "LEASE_ENDED");
  });
  await refused(seen(kept!), "UNIT_ENDED");
  await endsEmpty(world);
});

test("a unit's handle runs in the unit: its session state, targets and transactions", async () => {
  const world = createWorld({ connections: { main: {}, other: {} } });
  const { db } = world;
  const loop = new Loop();
  await db.unit(async (unit) => {
    const { threadId } = await seen(db.connection("main"), "SET @a = 1");
    const main = await loop.do(() => seen(unit));
    assert.equal(main.threadId, threadId);
    assert.equal((await loop.do(() => seen(unit.connection("other")))).database, "tenant");
    await loop.do(() =>
      unit.transaction(async (tx) => {
        assert.equal((await seen(tx)).inTransaction, true);
      })
    );
    await loop.do(async () => (await unit.lease()).release());
    assert.throws(() => unit.connection("none" as "main"), { code: "OPTION_INVALID" });
  }, { bind: { other: { database: "tenant" } } });
  await loop.end();
  await endsEmpty(world);
});

test("the handle of a unit that is a transaction runs in the transaction", async () => {
  const world = createWorld();
  const loop = new Loop();
  await world.db.unit(async (unit) => {
    assert.equal((await loop.do(() => seen(unit, "INSERT a"))).inTransaction, true);
    await settled();
  }, { transaction: "main" });
  await loop.end();
  await endsEmpty(world);
});
