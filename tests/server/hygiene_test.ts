/**
 * On a real server: the cost of resets, and when the pool resets a connection. Each kind of
 * session state has a row in tests/hygiene.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Server } from "../support/server.ts";
import { looked, poolAt, serverOfFile, threadOf } from "./support/fixture.ts";
import { startProxy } from "../support/proxy.ts";

let server: Server;

serverOfFile((started) => server = started, {
  statements: [
    "CREATE TABLE t (v INT) ENGINE = InnoDB",
  ],
  tables: ["t"],
});

test("the server frees a unit's locks once the unit has ended", async () => {
  await using db = poolAt(server);
  await db.unit(async () => {
    await db.query("SELECT GET_LOCK('till', 0)");
    await db.query("LOCK TABLES t WRITE");
    assert.deepEqual(await server.query("SELECT GET_LOCK('till', 0) l"), [{ l: 0 }]);
  });
  assert.deepEqual(await server.query("SELECT GET_LOCK('till', 5) l"), [{ l: 1 }]);
  await server.query("INSERT INTO test.t VALUES (1)");
  await server.query("DO RELEASE_LOCK('till')");
});

test("a clean release costs no round trip", async () => {
  await using proxy = await startProxy(server);
  await using db = poolAt(server, { uri: proxy.uri, connectionLimit: 1, validateAfter: 60_000 });
  await looked(db, "t");
  await db.query("SELECT 0");
  proxy.forget();
  for (let i = 0; i < 5; i++) await db.query(`SELECT ${i}`);
  await db.unit(() => db.query("INSERT INTO t VALUES (1)"));
  await db.unit(() => db.transaction(() => db.query("INSERT INTO t VALUES (2)")));
  (await db.lease()).release();
  assert.deepEqual(proxy.forget(), [
    ...[0, 1, 2, 3, 4].map((i) => `QUERY SELECT ${i}`),
    "QUERY INSERT INTO t VALUES (1)",
    "QUERY START TRANSACTION",
    "QUERY INSERT INTO t VALUES (2)",
    "QUERY COMMIT",
  ]);
});

test("the pool resets a dirty connection once, before the next lease", async () => {
  await using proxy = await startProxy(server);
  await using db = poolAt(server, { uri: proxy.uri, connectionLimit: 1, validateAfter: 60_000 });
  await db.query("SELECT 0");
  proxy.forget();
  await db.unit(() => db.query("SET @a = 1"));
  await db.query("SELECT 1");
  const commands = proxy.forget();
  assert.deepEqual(commands.slice(0, 2), ["QUERY SET @a = 1", "RESET"]);
  assert.equal(commands.at(-1), "QUERY SELECT 1");
  assert.equal(commands.filter((command) => command === "RESET").length, 1);
});

test("a request does not wait for a reset while another connection is free", async () => {
  await using db = poolAt(server, { connectionLimit: 2 });
  const leases = await Promise.all([db.lease(), db.lease()]);
  await leases[0].query("SET @a = 1");
  const { threadId } = leases[1];
  for (const lease of leases) lease.release();
  assert.equal(db.stats().resetting, 1);
  const next = db.lease();
  assert.equal(db.stats().waiting, 0);
  const lease = await next;
  assert.equal(lease.threadId, threadId);
  lease.release();
});

test("a statement is prepared once on each connection, and again after a reset", async () => {
  await using proxy = await startProxy(server);
  await using db = poolAt(server, { uri: proxy.uri, connectionLimit: 1, validateAfter: 60_000 });
  const square = db.method<{ n: number }, { s: number }>("SELECT :n * :n s");
  const prepared = "PREPARE SELECT ? * ? s";
  for (const n of [2, 3]) assert.deepEqual(await square({ n }), [{ s: n * n }]);
  const first = proxy.forget().filter((command) => /^(PREPARE|EXECUTE)/.test(command));
  assert.deepEqual(first, [prepared, "EXECUTE", "EXECUTE"]);
  await db.unit(() => db.query("SET @a = 1"));
  assert.deepEqual(await square({ n: 4 }), [{ s: 16 }]);
  const second = proxy.forget().filter((command) => /^(PREPARE|EXECUTE)/.test(command));
  assert.deepEqual(second, [prepared, "EXECUTE"]);
});

test("a connection released with a running statement is not lent again", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const lease = await db.lease();
  const { threadId } = lease;
  const left = lease.connection.promise().query("SELECT SLEEP(1)");
  const ended = assert.rejects(left);
  lease.release();
  const thread = await threadOf(db);
  assert.notEqual(thread, threadId);
  await ended;
});

test("the isolation of a transaction ends with it, and needs no reset", async () => {
  await using proxy = await startProxy(server);
  await using db = poolAt(server, { uri: proxy.uri, connectionLimit: 1 });
  await db.query("SELECT 0");
  proxy.forget();
  await db.transaction(() => db.query("SELECT 1"), { isolation: "serializable" });
  await db.query("SELECT 2");
  assert.ok(!proxy.forget().some((command) => /^(RESET|CHANGE_USER)$/.test(command)));
});
