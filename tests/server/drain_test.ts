/** On a real server: a drain loses no work, and closes connections with COM_QUIT. */

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import {
  busyThread,
  connected,
  endless,
  failure,
  poolAt,
  prepareServer,
  refused,
  threadOf,
  timed,
  valuesIn,
} from "./support/fixture.ts";
import { startProxy } from "../support/proxy.ts";

let server: Server;

before(async () => {
  server = await prepareServer(["CREATE TABLE t (v INT) ENGINE = InnoDB"]);
});

afterEach(async () => await server.query("TRUNCATE test.t"));

after(async () => await server?.remove());

test("a drain serves what runs and waits, refuses new requests, and closes all", async () => {
  const db = poolAt(server, { connectionLimit: 2 });
  const isDraining = Promise.withResolvers<void>();
  const units = [1, 2].map((v) =>
    db.unit(async () => {
      await db.query("SET @v = ?", [v]);
      await isDraining.promise;
      await db.transaction(() => db.query("INSERT INTO t VALUES (@v)"));
    })
  );
  await until(() => db.stats().leased === 2, "both hold a connection");
  const line = [3, 4, 5].map((v) => db.query("INSERT INTO t VALUES (?)", [v]));
  assert.equal(db.stats().waiting, 3);
  const drained = db.drain();
  assert.equal(db.stats().phase, "serving");
  await refused(db.query("INSERT INTO t VALUES (6)"), "POOL_DRAINING");
  await refused(db.unit(() => undefined), "POOL_DRAINING");
  isDraining.resolve();
  await Promise.all([...units, ...line, drained]);
  assert.deepEqual(await valuesIn(server, "t"), [1, 2, 3, 4, 5]);
  const { phase, size } = db.stats();
  assert.deepEqual({ phase, size }, { phase: "closed", size: 0 });
  await connected(server, 0);
  await refused(threadOf(db), "POOL_DRAINING");
});

test("a drain with `refuse` refuses the queue, and lets running statements end", async () => {
  const db = poolAt(server, { connectionLimit: 1 });
  const statement = db.query("INSERT INTO t SELECT SLEEP(0.2)");
  await busyThread(server);
  const line = [1, 2, 3].map((v) => failure(db.query("INSERT INTO t VALUES (?)", [v])));
  const drained = db.drain({ refuse: true });
  for (const promise of line) {
    await refused(promise.then((error) => Promise.reject(error)), "POOL_DRAINING");
  }
  await Promise.all([statement, drained]);
  assert.deepEqual(await valuesIn(server, "t"), [0]);
});

test("a drain destroys by its deadline whatever is left", async () => {
  const db = poolAt(server, { connectionLimit: 2 });
  const held = db.unit(async () => {
    await db.query("SET @a = 1");
    await db.query("INSERT INTO t VALUES (1)");
    await db.query(endless);
  });
  const outcome = refused(held, "POOL_DRAINING");
  await busyThread(server);
  const drainedMs = await timed(db.drain({ timeout: 200 }));
  assert.ok(drainedMs > 195 && drainedMs < 1_500, `it took ${drainedMs} ms`);
  await outcome;
  const { phase, size, leased } = db.stats();
  assert.deepEqual({ phase, size, leased }, { phase: "closed", size: 0, leased: 0 });
  await connected(server, 0);
});

test("a drain that a unit of the pool calls does not wait for that unit", async () => {
  const db = poolAt(server);
  await db.unit(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    await db.drain();
  });
  assert.equal(db.stats().phase, "closed");
});

test("a pool can drain twice, before its first use, or if it cannot connect", async () => {
  const unused = poolAt(server);
  await unused.drain();
  await unused.drain();
  const mistaken = poolAt(server, { password: "wrong" });
  const attempt = refused(threadOf(mistaken), "CONNECT_FAILED");
  await mistaken.drain();
  await attempt;
  assert.equal(mistaken.stats().phase, "closed");
});

test("a callback given by mistake takes no connection, and delays no drain", async () => {
  const db = poolAt(server, { connectionLimit: 1 });
  const callback = ((): void => undefined) as never;
  await using lease = await db.lease();
  const mistakes = [
    db.query("SELECT 1", callback),
    db.execute("SELECT 1", [], callback),
    db.transaction(() => db.query("SELECT 1", [], callback)),
    db.method<void>("SELECT 1")(callback),
    lease.query("SELECT 1", callback),
    lease.execute("SELECT 1", callback),
  ].map((promise) => assert.rejects(promise, TypeError));
  lease.release();
  await Promise.all(mistakes);
  assert.equal(typeof await threadOf(db), "number");
  await db.drain();
});

test("a drain of a paused pool serves the waiters", async () => {
  const db = poolAt(server);
  db.pause();
  const waiting = threadOf(db);
  await db.drain();
  assert.equal(typeof await waiting, "number");
});

test("the server receives a COM_QUIT on each connection, and counts none as aborted", async () => {
  const aborted = await server.status("Aborted_clients");
  await using proxy = await startProxy(server);
  {
    await using db = poolAt(server, { uri: proxy.uri, idleTimeout: 100 });
    const leases = await Promise.all([db.lease(), db.lease(), db.lease()]);
    await leases[0].query("SET @a = 1");
    for (const lease of leases) lease.release();
    await connected(server, 0);
    await threadOf(db);
    db.retire();
  }
  await connected(server, 0);
  assert.equal(proxy.commands.filter((command) => command === "QUIT").length, 4);
  assert.equal(await server.status("Aborted_clients"), aborted);
});

test("a drain ends at its timeout even if the server does not answer", async () => {
  const db = poolAt(server, { connectionLimit: 3 });
  const leases = await Promise.all([db.lease(), db.lease()]);
  leases[0].release();
  server.freeze();
  try {
    const statement = failure(leases[1].query("SELECT 1"));
    const drainedMs = await timed(db.drain({ timeout: 300 }));
    assert.ok(drainedMs < 2_000, `it took ${drainedMs} ms`);
    await statement;
    assert.equal(db.stats().size, 0);
  } finally {
    server.thaw();
  }
  await connected(server, 0);
});
