/** Units of work: each is separate from the others, and has one connection for all its calls. */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "../../../mod.ts";
import { assertFree, one, refused, threadOf } from "../../support/asking.ts";
import { until } from "../../support/wait.ts";
import { Suite } from "../suite/suite.ts";

/** Tests of units of work. */
export const units: Suite = new Suite();

/** Pins the connection of a unit, so that the unit keeps it until its end. */
async function pin(db: Pool<"main">, value: unknown): Promise<void> {
  await db.query("SET @own = ?", [value]);
}

units.test("concurrent units have separate connections", {}, async (world) => {
  const db = world.pool({ connectionLimit: 4 });
  const allHaveOne = until(() => db.stats().leased === 4, "all have one");
  const threads = await Promise.all([1, 2, 3, 4].map((i) =>
    db.unit(async () => {
      await pin(db, i);
      await allHaveOne;
      assert.equal(Number(await one(db, "SELECT @own")), i);
      return await threadOf(db);
    })
  ));
  assert.equal(new Set(threads).size, 4);
  assertFree(db);
});

units.test("all code that a unit calls uses the unit's connection", {}, async (world) => {
  const db = world.pool({ connectionLimit: 2 });
  const helper = async (): Promise<unknown> => {
    await sleep(5);
    return (await Promise.all([threadOf(db), threadOf(db)]))[1];
  };
  await Promise.all([1, 2, 3, 4, 5].map((i) =>
    db.unit(async () => {
      await pin(db, i);
      const thread = await threadOf(db);
      assert.deepEqual(await Promise.all([helper(), db.transaction(helper)]), [thread, thread]);
      assert.equal(Number(await one(db, "SELECT @own")), i);
    })
  ));
});

units.test(
  "a helper that starts a transaction inside a transaction does not lock the pool",
  {},
  async (world) => {
    const db = world.pool({ connectionLimit: 1 });
    const answer = await db.transaction(() => db.transaction(() => one(db, "SELECT 7")));
    assert.equal(answer, 7);
    assertFree(db);
  },
);

units.test("a unit within a unit is a unit of its own", {}, async (world) => {
  const db = world.pool({ connectionLimit: 2 });
  await db.unit(async () => {
    await pin(db, 1);
    assert.equal(await db.unit(() => one(db, "SELECT @own")), null);
    assert.equal(Number(await one(db, "SELECT @own")), 1);
  });
});

units.test("the pool refuses at once a request that would wait for its unit", {}, async (world) => {
  const db = world.pool({ connectionLimit: 1, connections: { shop: {}, reports: {} } });
  const [shop, reports] = [db.connection("shop"), db.connection("reports")];
  await shop.transaction(async () => {
    await shop.query("SELECT 1");
    await refused(threadOf(reports), "LEASE_DEADLOCK");
  });
  assert.equal(typeof await threadOf(reports), "number");
});

units.test(
  "a unit that holds its connection runs all its statements on it",
  {},
  async (world) => {
    const db = world.pool({ connectionLimit: 3, connections: { main: { hold: "unit" } } });
    await db.unit(async () => {
      const thread = await threadOf(db);
      assert.equal(db.stats().leased, 1);
      for (let i = 0; i < 3; i++) assert.equal(await threadOf(db), thread);
    });
    assertFree(db);
  },
);

units.test("each call of a handler is a unit, which ends with it", {}, async (world) => {
  const db = world.pool({ connectionLimit: 2 });
  const handle = db.handler(async (i: number) => {
    const before = await one(db, "SELECT @own");
    await pin(db, i);
    return [before, Number(await one(db, "SELECT @own"))];
  });
  const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((i) => handle(i)));
  assert.deepEqual(answers, [1, 2, 3, 4, 5, 6].map((i) => [null, i]));
  assertFree(db);
});

units.test("a handler's statements end when the HTTP request is aborted", {}, async (world) => {
  const db = world.pool();
  const abort = new AbortController();
  const handle = db.handler((_: { signal: AbortSignal }) => db.query("SELECT SLEEP(0.5)"));
  const answer = handle({ signal: abort.signal });
  await world.server.busyThread();
  const reason = new Error("The client has gone");
  abort.abort(reason);
  await assert.rejects(answer, reason);
  assertFree(db);
});

units.test("a statement that comes after its unit has ended is refused", {}, async (world) => {
  const db = world.pool();
  const late = Promise.withResolvers<void>();
  const { straggler } = await db.unit(async () => {
    await pin(db, 1);
    return { straggler: late.promise.then(() => threadOf(db)) };
  });
  late.resolve();
  await refused(straggler, "UNIT_ENDED");
  assertFree(db);
});

units.test("a lease belongs to the unit that took it", {}, async (world) => {
  const db = world.pool();
  await db.unit(async () => {
    const lease = await db.lease();
    const thread = await threadOf(lease);
    assert.equal(await threadOf(db), thread);
    await db.unit(() => refused(threadOf(lease), "LEASE_FOREIGN"));
    lease.release();
    await refused(threadOf(lease), "LEASE_ENDED");
  });
});

units.test("a unit may bind a virtual connection to another database", {}, async (world) => {
  await world.server.query("CREATE DATABASE IF NOT EXISTS tenant");
  const db = world.pool({ connectionLimit: 2 });
  const where = (): Promise<unknown> => one(db, "SELECT DATABASE()");
  const bind = { main: { database: "tenant" } };
  assert.deepEqual(
    await Promise.all([db.unit(where), db.unit(where, { bind }), where()]),
    ["test", "tenant", "test"],
  );
});

units.test(
  "the pool serves 200 concurrent units with at most 5 connections",
  {},
  async (world) => {
    await world.server.query("FLUSH STATUS");
    const db = world.pool({ connectionLimit: 5 });
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) =>
      db.unit(async () => {
        await pin(db, i);
        return Number(await one(db, "SELECT @own"));
      })));
    assert.deepEqual(answers, Array.from({ length: 200 }, (_, i) => i));
    assertFree(db);
    // The lab's own connection counts.
    const peak = await world.server.status("Max_used_connections") - 1;
    assert.ok(peak <= 5, `the server had ${peak} connections`);
  },
);

units.test(
  "connections whose lifespan is a unit close at its end",
  {},
  async (world) => {
    const db = world.pool({ lifespan: "unit", connectionLimit: 3 });
    const threads = await Promise.all([1, 2].map((i) =>
      db.unit(async () => {
        await pin(db, i);
        assert.equal(Number(await one(db, "SELECT @own")), i);
        return await db.transaction(() => threadOf(db));
      })
    ));
    assert.equal(new Set(threads).size, 2);
    await world.server.count(0);
    assert.equal(typeof await threadOf(db), "number");
    await world.server.count(0);
  },
);
