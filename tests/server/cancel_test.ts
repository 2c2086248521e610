/**
 * On a real server: the pool ends an aborted statement at the server at once, its connection
 * serves the next request, and the kill never ends another statement.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { startProxy } from "../support/proxy.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import {
  assertFree,
  busyThread,
  busyThreads,
  endless,
  failure,
  one,
  poolAt,
  refused,
  serverOfFile,
  threadOf,
  timed,
  valuesIn,
} from "./support/fixture.ts";

/** Less than an abandoned connection counts for, and more than a busy machine needs. */
const atOnceMsMax = 2_000;
const reason = new Error("The client has gone");

let server: Server;
serverOfFile((started) => server = started, {
  statements: ["CREATE TABLE t (v INT PRIMARY KEY) ENGINE = InnoDB"],
  tables: ["t"],
});

/** Waits until nothing runs: a server lists a statement for a moment after its answer. */
async function quiet(): Promise<void> {
  await until(async () => (await busyThreads(server)).length === 0, "nothing runs");
}

for (const how of ["query", "execute"] as const) {
  test(`an aborted ${how} ends at the server, and its connection serves the next`, async () => {
    await using db = poolAt(server, { connectionLimit: 1 });
    const thread = await threadOf(db);
    const abort = new AbortController();
    const attempt = failure(db[how](endless, [], { signal: abort.signal }));
    assert.equal(await busyThread(server), thread);
    abort.abort(reason);
    assert.equal(await attempt, reason);
    const next = threadOf(db);
    assert.ok(await timed(next) < atOnceMsMax);
    assert.equal(await next, thread);
    await quiet();
  });
}

test("a statement that times out ends at the server, and its connection is reused", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const thread = await threadOf(db);
  await refused(db.query(endless, [], { timeout: 100 }), "STATEMENT_TIMEOUT");
  assert.equal(await threadOf(db), thread);
});

test("an aborted transaction is rolled back, unlocked and reset at once", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const thread = await threadOf(db);
  const abort = new AbortController();
  const transaction = failure(db.transaction(async () => {
    await db.query("SET @left = 1");
    await db.query("INSERT INTO t VALUES (1)");
    await db.query(endless);
  }, { signal: abort.signal }));
  await busyThread(server);
  abort.abort(reason);
  assert.equal(await transaction, reason);
  assert.equal(await one(db, "SELECT @left"), null);
  assert.equal(await threadOf(db), thread);
  assert.deepEqual(await valuesIn(server, "t"), []);
});

test("a transaction that is aborted between its statements is rolled back at once", async () => {
  await using db = poolAt(server);
  const abort = new AbortController();
  const go = Promise.withResolvers<void>();
  let later: Promise<unknown> | undefined;
  const transaction = failure(db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    await db.transaction(async () => {
      await db.query("INSERT INTO t VALUES (2)");
      abort.abort(reason);
      await go.promise;
      await (later = failure(db.query("INSERT INTO t VALUES (3)")));
    });
  }, { signal: abort.signal }));
  await until(() => abort.signal.aborted, "it is aborted");
  assert.ok(await timed(server.query("INSERT INTO test.t VALUES (1)")) < atOnceMsMax);
  go.resolve();
  assert.equal(await transaction, reason);
  assert.equal(await later, reason);
  assert.deepEqual(await valuesIn(server, "t"), [1]);
});

test("a unit goes on after one of its transactions was aborted", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  await db.unit(async () => {
    const abort = new AbortController();
    const transaction = failure(db.transaction(() => db.query(endless), { signal: abort.signal }));
    await busyThread(server);
    abort.abort(reason);
    assert.equal(await transaction, reason);
    await db.transaction(() => db.query("INSERT INTO t VALUES (4)"));
  });
  assert.deepEqual(await valuesIn(server, "t"), [4]);
});

test("a unit that loses its session state to an abort fails with CONNECTION_LOST", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const abort = new AbortController();
  await db.unit(async () => {
    await db.query("SET @mine = 1");
    const attempt = failure(db.query(endless, [], { signal: abort.signal }));
    await busyThread(server);
    abort.abort(reason);
    assert.equal(await attempt, reason);
    await refused(db.query("SELECT @mine"), "CONNECTION_LOST");
  });
  assert.equal(await one(db, "SELECT @mine"), null);
});

test("a kill never hits the next statement, however late the kill comes", async () => {
  await using db = poolAt(server, { connectionLimit: 2 });
  for (let round = 0; round < 150; round++) {
    const abort = new AbortController();
    const sql = `SELECT SLEEP(${0.008 + (round % 10) / 1000})`;
    const attempt = db.query(sql, [], { signal: abort.signal }).catch((error) => {
      assert.equal(error, reason);
    });
    setTimeout(() => abort.abort(reason), round % 7);
    await attempt;
    assert.equal(await one(db, "SELECT SLEEP(0.003)"), 0);
  }
  assertFree(db);
});

test("many statements aborted at once take one extra connection, and leave none", async () => {
  const limit = 10;
  await server.query("FLUSH STATUS");
  await using db = poolAt(server, { connectionLimit: limit });
  const abort = new AbortController();
  const attempts = Array.from(
    { length: limit },
    () => failure(db.query(endless, [], { signal: abort.signal })),
  );
  await until(async () => (await busyThreads(server)).length === limit, "all run");
  abort.abort(reason);
  for (const error of await Promise.all(attempts)) assert.equal(error, reason);
  assert.ok(await timed(quiet()) < atOnceMsMax);
  // The limit, the connection that kills, and the test's own.
  const most = await server.status("Max_used_connections");
  assert.ok(most <= limit + 2, `the server had ${most}`);
});

test("behind an address of two servers, a kill spares the other server's threads", async () => {
  await using other = await startServer();
  await using proxy = await startProxy(server);
  await using db = poolAt(server, { uri: proxy.uri, connectionLimit: 1 });
  await using bystander = poolAt(other, { connectionLimit: 1 });
  const thread = await threadOf(db);
  // Both servers count their threads from the start: one of `other` has the same number.
  let same = await threadOf(bystander);
  while (same < thread) {
    bystander.retire();
    same = await threadOf(bystander);
  }
  assert.equal(same, thread);
  const running = bystander.query("SELECT SLEEP(1.2)");
  const abort = new AbortController();
  const attempt = failure(db.query("SELECT SLEEP(1)", [], { signal: abort.signal }));
  await busyThread(server);
  proxy.lead(other);
  abort.abort(reason);
  assert.equal(await attempt, reason);
  const [[row]] = await running;
  assert.deepEqual(Object.values(row ?? {}), [0]);
  assert.equal(await one(db, "SELECT 1"), 1);
});

test("if no kill can connect to the server, an abort ends the statement's connection", async () => {
  // One of these connections is the test's own.
  await server.query("SET GLOBAL max_connections = 10");
  await using db = poolAt(server, { connectionLimit: 1 });
  const others = poolAt(server, { connectionLimit: 8, shared: false });
  try {
    const thread = await threadOf(db);
    const leases = await Promise.all(Array.from({ length: 8 }, () => others.lease()));
    const abort = new AbortController();
    const attempt = failure(db.query("SELECT SLEEP(0.7)", [], { signal: abort.signal }));
    await until(async () => (await server.status("Threads_running")) > 1, "it runs");
    abort.abort(reason);
    assert.equal(await attempt, reason);
    assert.notEqual(await threadOf(db), thread);
    for (const lease of leases) lease.release();
  } finally {
    await others.drain();
    await server.query("SET GLOBAL max_connections = 151");
  }
});

test("a drain waits for statements that are being killed", async () => {
  const db = poolAt(server, { connectionLimit: 3, shared: false });
  const abort = new AbortController();
  const attempt = failure(db.query(endless, [], { signal: abort.signal }));
  await busyThread(server);
  abort.abort(reason);
  await attempt;
  assert.ok(await timed(db.drain()) < atOnceMsMax);
  await quiet();
});
