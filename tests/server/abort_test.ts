/**
 * On a real server: work that a signal or a timeout ends early, at any stage, leaves nothing
 * behind.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pool, RunOptions } from "../../mod.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import {
  assertFree,
  busyThread,
  busyThreads,
  connected,
  failure,
  one,
  poolAt,
  refused,
  serverOfFile,
  threadOf,
  timed,
  valuesIn,
} from "./support/fixture.ts";

let server: Server;

/**
 * How long a statement runs that a test ends early. A server in SLEEP does not notice that the
 * client has gone, and its connection counts until the end; so the sleep is short.
 */
const longS = 0.6;
const long = `SELECT SLEEP(${longS})`;
/** How long the next request may have to wait for that end, in ms. */
const nextMsMax = 3_000;

serverOfFile((started) => server = started, {
  statements: ["CREATE TABLE t (v INT PRIMARY KEY) ENGINE = InnoDB"],
  tables: ["t"],
});

/** Work that can be ended early, with the options that it takes. */
type Way = (db: Pool<"main">, options: RunOptions) => Promise<unknown>;

/** Ways to request a connection and run a long statement, which a signal ends. */
const ways: Readonly<Record<string, Way>> = {
  "a query": (db, options) => db.query(long, [], options),
  "an execute": (db, options) => db.execute(long, [], options),
  "a method": (db, options) => db.method<{ s: number }>("SELECT SLEEP(:s)")({ s: longS }, options),
  "a query with its options in it": (db, options) => db.query({ sql: long, ...options }),
  "a lease": async (db, options) => {
    await using lease = await db.lease(options);
    await lease.query(long, [], options);
  },
  "a transaction": (db, { signal }) => db.transaction(() => db.query(long), { signal }),
  "a unit": (db, { signal }) => db.unit(() => db.query(long), { signal }),
  "a transaction in a unit": (db, { signal }) =>
    db.unit(() => db.transaction(() => db.execute(long)), { signal }),
  "a unit in a unit": (db, { signal }) => db.unit(() => db.unit(() => db.query(long)), { signal }),
  "a handler": (db, { signal }) =>
    db.handler((_: { signal?: AbortSignal | undefined }) => db.query(long))({ signal }),
};

/** Expects that a pool whose limit is 1 has a free connection, and can use it at once. */
async function isUsable(db: Pool<"main">): Promise<void> {
  assertFree(db);
  assert.ok(await timed(db.query("INSERT INTO t VALUES (7)")) < nextMsMax);
  assert.deepEqual(await valuesIn(server, "t"), [7]);
}

const reason = new Error("The client has gone");

for (const [name, run] of Object.entries(ways)) {
  test(`${name} whose signal is already aborted does not begin`, async () => {
    await using db = poolAt(server, { connectionLimit: 1 });
    const attempts = await server.status("Connections");
    assert.equal(await failure(run(db, { signal: AbortSignal.abort(reason) })), reason);
    assert.equal(db.stats().size, 0);
    assert.equal(await server.status("Connections"), attempts);
    await isUsable(db);
  });

  test(`${name} that is aborted while its connection opens leaves nothing behind`, async () => {
    await using db = poolAt(server, { connectionLimit: 1 });
    const abort = new AbortController();
    server.freeze();
    try {
      const attempt = failure(run(db, { signal: abort.signal }));
      await until(() => db.stats().connecting === 1, "it connects");
      abort.abort(reason);
      assert.equal(await attempt, reason);
      assertFree(db);
    } finally {
      server.thaw();
    }
    await isUsable(db);
  });

  test(`${name} that is aborted while it waits in the queue leaves nothing behind`, async () => {
    await using db = poolAt(server, { connectionLimit: 1 });
    const abort = new AbortController();
    await using lease = await db.lease();
    const attempt = failure(run(db, { signal: abort.signal }));
    await until(() => db.stats().waiting === 1, "it waits");
    abort.abort(reason);
    assert.equal(await attempt, reason);
    assert.equal(db.stats().waiting, 0);
    lease.release();
    await isUsable(db);
  });

  test(`${name} that is aborted while it runs leaves no busy connection in the pool`, async () => {
    await using db = poolAt(server, { connectionLimit: 1 });
    const abort = new AbortController();
    const attempt = failure(run(db, { signal: abort.signal }));
    await busyThread(server);
    const next = threadOf(db);
    abort.abort(reason);
    assert.equal(await attempt, reason);
    assert.ok(await timed(next) < nextMsMax);
    await isUsable(db);
    await until(async () => (await busyThreads(server)).length === 0, "nothing runs");
  });
}

test("a transaction that is aborted is rolled back, and its locks are free", async () => {
  await using db = poolAt(server);
  const abort = new AbortController();
  const transaction = failure(db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    abort.abort(reason);
    await db.query("INSERT INTO t VALUES (2)");
  }, { signal: abort.signal }));
  assert.equal(await transaction, reason);
  await server.query("INSERT INTO test.t VALUES (1)");
  assert.deepEqual(await valuesIn(server, "t"), [1]);
  assertFree(db);
});

test("a transaction that is aborted between its statements is not committed", async () => {
  await using db = poolAt(server);
  const abort = new AbortController();
  const unit = db.unit(() =>
    db.transaction(async () => {
      await db.query("INSERT INTO t VALUES (1)");
      abort.abort(reason);
    }), { signal: abort.signal });
  assert.equal(await failure(unit), reason);
  assert.deepEqual(await valuesIn(server, "t"), []);
  assert.equal(db.stats().idle, 1);
});

test("an abort after the answer has come changes nothing", async () => {
  await using db = poolAt(server);
  const abort = new AbortController();
  const { signal } = abort;
  const thread = await threadOf(db);
  await db.query("INSERT INTO t VALUES (1)", [], { signal, timeout: 5_000 });
  const lease = await db.lease({ signal });
  abort.abort(reason);
  assert.equal(await threadOf(lease), thread);
  lease.release();
  assert.equal(await threadOf(db), thread);
});

test("however many statements are aborted, the server never has more than the limit", async () => {
  await connected(server, 0);
  await server.query("FLUSH STATUS");
  await using db = poolAt(server, { connectionLimit: 2 });
  for (let i = 0; i < 3; i++) {
    const abort = new AbortController();
    const options = { signal: abort.signal };
    const statements = [1, 2].map(() => failure(db.query("SELECT SLEEP(0.8)", [], options)));
    await until(() => db.stats().leased === 2, "both have a connection");
    await busyThread(server);
    abort.abort(reason);
    await Promise.all(statements);
    await Promise.all([threadOf(db), threadOf(db)]);
  }
  // The test's own connection counts, and two that the server still counts after their end may.
  const most = await server.status("Max_used_connections");
  assert.ok(most <= 5, `the server had ${most}`);
});

test("of many waiters, the aborted ones leave, and the others are served in order", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  await using lease = await db.lease();
  const abort = new AbortController();
  const served: number[] = [];
  const waiters = Array.from(
    { length: 30 },
    (_, i) =>
      db.query("SELECT 1", [], i % 3 === 0 ? { signal: abort.signal } : {})
        .then(() => served.push(i), (error) => assert.equal(error, reason)),
  );
  abort.abort(reason);
  assert.equal(db.stats().waiting, 20);
  lease.release();
  await Promise.all(waiters);
  assert.deepEqual(served, Array.from({ length: 30 }, (_, i) => i).filter((i) => i % 3 !== 0));
});

test("a statement ends at its timeout, in the queue or while it runs", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const running = db.query(long, [], { timeout: 300 });
  const waiting = db.query("INSERT INTO t VALUES (1)", [], { timeout: 150 });
  const next = threadOf(db);
  const waitedMs = await timed(waiting);
  await refused(waiting, "LEASE_TIMEOUT");
  assert.ok(waitedMs > 145 && waitedMs < 290, `it waited for ${waitedMs} ms`);
  await refused(running, "STATEMENT_TIMEOUT");
  assert.ok(await timed(next) < nextMsMax);
  assertFree(db);
  assert.deepEqual(await valuesIn(server, "t"), []);
});

test("a statement ends at its timeout while the server is too slow to connect", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  server.freeze();
  try {
    const attempt = db.query("SELECT 1", [], { timeout: 100 });
    const waitedMs = await timed(attempt);
    await refused(attempt, "LEASE_TIMEOUT");
    assert.ok(waitedMs < 500, `it waited for ${waitedMs} ms`);
    assertFree(db);
  } finally {
    server.thaw();
  }
  assert.equal(await one(db, "SELECT 1"), 1);
});

test("a statement that times out in a transaction ends the transaction", async () => {
  await using db = poolAt(server);
  const transaction = db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    await refused(db.query(long, [], { timeout: 100 }), "STATEMENT_TIMEOUT");
    await db.query("INSERT INTO t VALUES (2)");
  });
  await refused(transaction, "CONNECTION_LOST");
  await until(async () => (await busyThreads(server)).length === 0, "nothing runs");
  assert.deepEqual(await valuesIn(server, "t"), []);
  assertFree(db);
});

test("a statement that is aborted at any moment leaks nothing", async () => {
  await using db = poolAt(server, { connectionLimit: 2 });
  for (let ms = 0; ms <= 40; ms += 2) {
    const attempts = Array.from(
      { length: 6 },
      (_, i) =>
        db.unit(() => db.transaction(() => db.query("SELECT SLEEP(0.01)")), {
          signal: AbortSignal.timeout(ms + i),
        }),
    );
    await Promise.allSettled(attempts);
    assertFree(db);
  }
  assert.equal(await one(db, "SELECT 1"), 1);
});
