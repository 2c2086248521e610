/** On a real server: lost connections, servers that are down, and the errors that callers get. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import type { Pool, QueryError } from "mysql2";
import { createPool } from "../../mod.ts";
import { compat } from "../../src/entries/compat.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { asked, ended, one, poolAt, promisesAt, sleeper, taken } from "./support/fixture.ts";

let server: Server;

before(async () => {
  server = await startServer();
  await server.query("CREATE TABLE test.t (v INT)");
});

after(async () => await server?.remove());

/** The error codes of a connection that the server ended; they depend on timing. */
const lossCode = /^(PROTOCOL_CONNECTION_LOST|EPIPE|ECONNRESET|ER_CONNECTION_KILLED)$/;

/** Returns the driver's state of a connection. */
function stateOf(lent: { readonly connection: object }): unknown {
  return Reflect.get(lent.connection, "state");
}

test("the pool does not lend a connection that the server has closed", async () => {
  const pool = poolAt(server, { connectionLimit: 1, validateAfter: 60_000 });
  const first = await taken(pool);
  first.release();
  await server.query(`KILL ${first.threadId}`);
  await until(() => first.state !== "authenticated", "the end of its socket is known");
  const second = await taken(pool);
  assert.notEqual(second.threadId, first.threadId);
  assert.equal(await one(second.promise(), "SELECT 1"), 1);
  second.release();
  await ended(pool);
});

test("a statement whose connection is lost fails, by every way to send it", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const sql = "SELECT SLEEP(20)";
  const asks: Record<string, () => Promise<unknown>> = {
    query: () => asked((done) => pool.query(sql, done)),
    execute: () => asked((done) => pool.execute(sql, done)),
    promise: () => pool.promise().query(sql),
    listener: () => once(pool.query(sql), "error").then(([error]) => Promise.reject(error)),
    stream: () => once(pool.query(sql).stream().resume(), "end"),
  };
  for (const [name, ask] of Object.entries(asks)) {
    const failed = assert.rejects(ask(), ({ code }: QueryError) => {
      assert.match(String(code), lossCode, name);
      return true;
    });
    await server.query(`KILL ${await sleeper(server)}`);
    await failed;
    assert.deepEqual(await asked((done) => pool.query("SELECT 1 AS n", done)), [{ n: 1 }], name);
  }
  await ended(pool);
});

test("a holder whose connection was lost gets an error, and its release is harmless", async () => {
  const pool = promisesAt(server, { connectionLimit: 1 });
  for (const isKnown of [false, true]) {
    const lent = await pool.getConnection();
    const waiting = pool.getConnection();
    await server.query(`KILL ${lent.threadId}`);
    if (isKnown) await until(() => stateOf(lent) !== "authenticated", "its end is known");
    await assert.rejects(lent.query("SELECT 1"), { fatal: true, code: lossCode });
    lent.release();
    const next = await waiting;
    assert.equal(await one(next, "SELECT 1"), 1);
    next.release();
  }
  await pool.end();
});

test("a lost connection fails each request once, asynchronously, with the cause", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const connection = await taken(pool);
  await server.query(`KILL ${connection.threadId}`);
  await until(() => connection.state !== "authenticated", "its end is known");
  const told: string[] = [];
  const note = (name: string) => (error: QueryError | null) => {
    told.push(name);
    assert.equal(error?.message, "Can't add new command when connection is in closed state");
    assert.match(String(error?.code), lossCode);
    assert.equal((error?.cause as QueryError).code, error?.code);
  };
  connection.query("SELECT 1", note("query"));
  connection.execute("SELECT 1", note("execute"));
  connection.ping(note("ping"));
  connection.query("SELECT 1").on("error", note("listener"));
  connection.execute("SELECT 1").on("error", note("listener to execute"));
  connection.query("SELECT 1").stream().on("error", note("stream")).resume();
  assert.equal(told.length, 0);
  await until(() => told.includes("stream"), "the last callback runs");
  await new Promise((resolve) => setImmediate(resolve));
  const all = ["query", "execute", "ping", "listener", "listener to execute", "stream"];
  assert.deepEqual(told, all);
  connection.release();
  await ended(pool);
});

test("an execute whose connection is lost before its prepare calls back once", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const connection = await taken(pool);
  let answers = 0;
  connection.query("SELECT SLEEP(20)", () => undefined);
  const last = asked((done) => {
    connection.execute("SELECT 1", () => answers++);
    connection.ping(done);
  });
  const failed = assert.rejects(last, { fatal: true });
  await server.query(`KILL ${await sleeper(server)}`);
  await failed;
  assert.equal(answers, 1);
  connection.release();
  await ended(pool);
});

test("a lost connection ends its lease without a release, and drain does not wait", async () => {
  const db = createPool({ uri: server.url(), connectionLimit: 2, shared: false });
  const pool = compat(db);
  let releaseCount = 0;
  pool.on("release", () => releaseCount++);
  const all = [await taken(pool), await pool.promise().getConnection()];
  for (const { threadId } of all) await server.query(`KILL ${threadId}`);
  await until(() => releaseCount === 2, "their leases have ended");
  for (const lent of all) lent.release();
  await db.drain();
  assert.equal(releaseCount, 2);
});

test("if the pool cannot connect, every waiter gets the driver's own error", async () => {
  const closed = poolAt(server, { host: "127.0.0.1", port: 1, uri: "" });
  const refused = { code: "ECONNREFUSED", syscall: "connect" };
  const asks: ((done: (error: Error | null) => void) => unknown)[] = [
    (done) => closed.getConnection(done),
    (done) => closed.query("SELECT 1", done),
    (done) => closed.execute("SELECT 1", done),
  ];
  const all = [...asks, ...asks, ...asks].map((ask) => assert.rejects(asked(ask), refused));
  await Promise.all(all);
  const [error] = await once(closed.query("SELECT 1"), "error");
  assert.equal(error.code, "ECONNREFUSED");
  await ended(closed);
  const stranger = promisesAt(server, { password: "wrong" });
  await assert.rejects(stranger.getConnection(), { code: "ER_ACCESS_DENIED_ERROR", errno: 1045 });
  await stranger.end();
});

test("a failed connect leaves no request waiting for ever", async () => {
  const pool = poolAt(server, { connectionLimit: 2 });
  const first = await taken(pool);
  first.release();
  await server.kill();
  await until(() => first.state !== "authenticated", "the end of its socket is known");
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => taken(pool)));
  assert.deepEqual(outcomes.map(({ status }) => status), Array(6).fill("rejected"));
  await server.restart();
  await until(async () => await asked((done) => pool.query("SELECT 1", done)), "it serves again");
  const connections = await Promise.all([taken(pool), taken(pool)]);
  const waiting = Array.from({ length: 4 }, () => taken(pool).then((next) => next.release()));
  for (const connection of connections) connection.destroy();
  await Promise.all(waiting);
  await ended(pool);
});

test("the pool does not lend a connection again once its server is read-only", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const insert = "INSERT INTO t VALUES (1)";
  const asks: ((pool: Pool) => Promise<unknown>)[] = [
    (pool) => asked((done) => pool.query(insert, done)),
    (pool) => asked((done) => pool.execute(insert, done)),
    (pool) => once(pool.query(insert), "error").then(([error]) => Promise.reject(error)),
  ];
  const id = () => one(pool.promise(), "SELECT CONNECTION_ID()");
  await server.query("SET GLOBAL read_only = 1");
  try {
    for (const ask of asks) {
      const before = await id();
      assert.equal(await id(), before);
      await assert.rejects(ask(pool), { errno: 1290 });
      assert.notEqual(await id(), before);
    }
  } finally {
    await server.query("SET GLOBAL read_only = 0");
  }
  await ended(pool);
});

test("a statement that exceeds its timeout fails, and the pool keeps serving", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const slow = { sql: "SELECT SLEEP(0.3)", timeout: 50 };
  await assert.rejects(asked((done) => pool.query(slow, done)), {
    code: "PROTOCOL_SEQUENCE_TIMEOUT",
  });
  assert.deepEqual(await asked((done) => pool.query("SELECT 1 AS n", done)), [{ n: 1 }]);
  await ended(pool);
});
