/** On a real server: one limit for all virtual connections, and every request gets an answer. */

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import {
  assertFree,
  atRest,
  busyThread,
  busyThreads,
  connected,
  poolAt,
  prepareServer,
  refused,
  threadOf,
  timed,
  valuesIn,
} from "./support/fixture.ts";

let server: Server;

before(async () => {
  server = await prepareServer([
    "CREATE DATABASE reports",
    "CREATE TABLE t (v INT PRIMARY KEY) ENGINE = InnoDB",
    "CREATE TABLE reports.t (v INT PRIMARY KEY) ENGINE = InnoDB",
  ]);
});

afterEach(async () => {
  await connected(server, 0);
  for (const name of ["test", "reports"]) await server.query(`DELETE FROM ${name}.t`);
});

after(async () => await server?.remove());

test("1,000 units over 3 virtual connections never have more than the limit at the server", async () => {
  // Max_used_connections counts from here on, the test's own connection included.
  await server.query("FLUSH STATUS");
  await using db = poolAt(server, {
    connectionLimit: 10,
    acquireTimeout: 60_000,
    connections: { shop: {}, audit: { hold: "unit" }, reports: { database: "reports", limit: 2 } },
  });
  const names = ["shop", "audit", "reports"] as const;
  const inUse = new Set<number>();
  let busyMax = 0;
  const units = Promise.all(Array.from({ length: 1000 }, (_, i) =>
    db.unit(async () => {
      const virtual = db.connection(names[i % 3] ?? "shop");
      await virtual.query("SELECT 1");
      return await virtual.transaction(async () => {
        const thread = await threadOf(virtual);
        assert.ok(!inUse.has(thread), `Two have connection ${thread}`);
        inUse.add(thread);
        await virtual.execute("INSERT INTO t VALUES (?)", [i]);
        assert.equal(await threadOf(virtual), thread);
        inUse.delete(thread);
        return i;
      });
    })));
  let isDone = false;
  const watched = until(
    async () => {
      busyMax = Math.max(
        busyMax,
        (await busyThreads(server)).length,
        await server.connectionCount(),
      );
      return isDone;
    },
    "all are answered",
    { timeoutMs: 60_000 },
  );
  assert.deepEqual(
    await units.finally(() => isDone = true),
    Array.from({ length: 1000 }, (_, i) => i),
  );
  await watched;
  assert.ok(busyMax > 1 && busyMax <= 10, `${busyMax} were seen`);
  assert.ok(await server.status("Max_used_connections") <= 11);
  assertFree(db);
  const rows = await server.query("SELECT v FROM test.t UNION ALL SELECT v FROM reports.t");
  assert.equal(rows.length, 1000);
});

test("a virtual connection has no more leases than its own limit", async () => {
  await using db = poolAt(server, { connections: { shop: {}, reports: { limit: 2 } } });
  const reports = db.connection("reports");
  const leases = await Promise.all([reports.lease(), reports.lease()]);
  const third = reports.lease();
  assert.equal(typeof await threadOf(db.connection("shop")), "number");
  assert.equal(db.stats().blocked, 1);
  leases[0].release();
  (await third).release();
  leases[1].release();
});

test("the pool serves waiters in the order of their requests", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const lease = await db.lease();
  const served: number[] = [];
  const waiters = Array.from({ length: 20 }, async (_, i) => {
    await db.query("SELECT 1");
    served.push(i);
  });
  assert.equal(db.stats().waiting, 20);
  lease.release();
  await Promise.all(waiters);
  assert.deepEqual(served, Array.from({ length: 20 }, (_, i) => i));
});

test("a request beyond the queueLimit is refused at once, the others are served", async () => {
  await using db = poolAt(server, { connectionLimit: 1, queueLimit: 2 });
  const lease = await db.lease();
  const waiters = [threadOf(db), threadOf(db)];
  const late = threadOf(db);
  assert.ok(await timed(late) < 100);
  const { stats, stage } = await refused(late, "QUEUE_FULL");
  assert.deepEqual([stats?.waiting, stats?.leased, stage], [2, 1, "lease"]);
  const { threadId } = lease;
  lease.release();
  assert.deepEqual(await Promise.all(waiters), [threadId, threadId]);
});

test("a request that waits too long is refused at its timeout, with the pool's stats", async () => {
  await using db = poolAt(server, { connectionLimit: 1, acquireTimeout: 200 });
  await using _lease = await db.lease();
  const waiting = threadOf(db);
  const waitedMs = await timed(waiting);
  assert.ok(waitedMs > 195 && waitedMs < 500, `it waited for ${waitedMs} ms`);
  assert.match((await refused(waiting, "LEASE_TIMEOUT")).message, /1 of 1 in use/);
  assert.equal(db.stats().waiting, 0);
});

test("a helper that needs a connection inside a transaction does not wait for itself", async () => {
  await using db = poolAt(server, { connectionLimit: 1, acquireTimeout: 2_000 });
  async function audit(v: number): Promise<number> {
    await db.execute("INSERT INTO t VALUES (?)", [v]);
    return await db.transaction(() => threadOf(db));
  }
  const threads = await db.transaction(async () => {
    const thread = await threadOf(db);
    await using lease = await db.lease();
    return [thread, await audit(1), await audit(2), lease.threadId];
  });
  assert.equal(new Set(threads).size, 1);
  assert.deepEqual(await valuesIn(server, "t"), [1, 2]);
});

test("of requests that would wait for each other, the newest is refused at once", async () => {
  await using db = poolAt(server, { connectionLimit: 2, connections: { a: {}, b: {} } });
  const [a, b] = [db.connection("a"), db.connection("b")];
  const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  async function nest(v: 0 | 1): Promise<number> {
    return await a.transaction(async () => {
      await a.execute("INSERT INTO t VALUES (?)", [v]);
      both[v].resolve();
      await both[1 - v]?.promise;
      if (v === 1) await until(() => db.stats().waiting === 1, "the other one waits");
      return await b.transaction(async () => {
        await b.execute("INSERT INTO t VALUES (?)", [v + 10]);
        return v;
      });
    });
  }
  const [older, newer] = [nest(0), nest(1)];
  const error = await refused(newer, "LEASE_DEADLOCK");
  assert.equal(error.stats?.leased, 2);
  assert.equal(await older, 0);
  assert.deepEqual(await valuesIn(server, "t"), [0, 10]);
  assertFree(db);
});

test("a deadlock on limits of virtual connections is refused, even in a free pool", async () => {
  await using db = poolAt(server, {
    connectionLimit: 10,
    connections: { a: { limit: 1 }, b: { limit: 1 } },
  });
  const [a, b] = [db.connection("a"), db.connection("b")];
  const hasB = Promise.withResolvers<void>();
  const older = a.transaction(async () => {
    await hasB.promise;
    return await threadOf(b);
  });
  const newer = b.transaction(async () => {
    hasB.resolve();
    await until(() => db.stats().waiting === 1, "the other one waits");
    return await threadOf(a);
  });
  await refused(newer, "LEASE_DEADLOCK");
  assert.equal(typeof await older, "number");
});

test("at the limit an idle connection of another database makes room", async () => {
  await using db = poolAt(server, {
    connectionLimit: 2,
    connections: { shop: {}, reports: { database: "reports" } },
  });
  const [shop, reports] = [db.connection("shop"), db.connection("reports")];
  const threads = await Promise.all([shop.lease(), shop.lease()]);
  for (const lease of threads) lease.release();
  const ids = threads.length;
  const leases = await Promise.all([reports.lease(), reports.lease()]);
  assert.equal(await server.connectionCount(), ids);
  for (const lease of leases) {
    assert.deepEqual((await lease.query("SELECT DATABASE() d"))[0], [{ d: "reports" }]);
    lease.release();
  }
  await atRest(db);
});

test("a busy virtual connection does not keep another waiting for ever", async () => {
  await using db = poolAt(server, {
    connectionLimit: 2,
    connections: { shop: {}, reports: { database: "reports" } },
  });
  const [shop, reports] = [db.connection("shop"), db.connection("reports")];
  let isDone = false;
  const crowd = Array.from({ length: 10 }, async () => {
    while (!isDone) await shop.query("SELECT 1");
  });
  await busyThread(server);
  for (let i = 0; i < 3; i++) assert.ok(await timed(reports.query("SELECT 1")) < 1_000);
  isDone = true;
  await Promise.all(crowd);
});
