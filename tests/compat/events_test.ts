/** On a real server: the events of a pool, and the session state that their listeners set. */

import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { after, before, test } from "node:test";
import mysql2, { type Pool, type PoolConnection } from "mysql2";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { asked, ended, newsOf, one, poolAt, promisesAt, taken } from "./support/fixture.ts";

let server: Server;

before(async () => {
  server = await startServer();
});

after(async () => await server?.remove());

/** Replaces thread ids by the order of their appearance, so that runs can be compared. */
function named(news: readonly string[]): string[] {
  const ids = [...new Set(news.map((item) => item.split(" ")[1]).filter(Boolean))];
  return news.map((item) => item.replace(/ .*/, (id) => ` ${ids.indexOf(id.trim())}`));
}

/** Returns the events of a pool that lends connections one after another, then two in parallel. */
async function newsOfWork(pool: Pool): Promise<string[]> {
  const news = newsOf(pool);
  (await taken(pool)).release();
  await asked((done) => pool.query("SELECT 1", done));
  await asked((done) => pool.execute("SELECT 1", done));
  const [one, other] = await Promise.all([taken(pool), taken(pool)]);
  one.release();
  other.release();
  await ended(pool);
  return named(news);
}

test("without waiters, a pool emits the same events as mysql2's, in the same order", async () => {
  const theirs = await newsOfWork(mysql2.createPool({ uri: server.url(), connectionLimit: 2 }));
  const ours = await newsOfWork(poolAt(server, { connectionLimit: 2 }));
  assert.deepEqual(ours, theirs);
  assert.equal(ours.length, 1 + 2 * 3 + 1 + 4);
});

test("the pool emits events for every lease, those of waiters too", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const news = newsOf(pool);
  const first = await taken(pool);
  const second = taken(pool);
  const third = asked((done) => pool.query("SELECT 1", done));
  first.release();
  (await second).release();
  await third;
  await ended(pool);
  assert.deepEqual(named(news), [
    ...["connection 0", "acquire 0", "enqueue", "enqueue"],
    ...["release 0", "acquire 0", "release 0", "acquire 0", "release 0"],
  ]);
});

test("the pool emits release for a destroyed connection too", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const news = newsOf(pool);
  (await taken(pool)).destroy();
  (await taken(pool)).release();
  await ended(pool);
  // A connection counts until it has closed, so the next request has to wait for that.
  assert.deepEqual(named(news).filter((item) => item !== "enqueue"), [
    ...["connection 0", "acquire 0", "release 0", "connection 1", "acquire 1", "release 1"],
  ]);
});

test("listeners get the callback connection, which the promise connection wraps", async () => {
  const pool = promisesAt(server);
  const told: PoolConnection[] = [];
  pool.on("connection", (connection) => told.push(connection as unknown as PoolConnection));
  pool.on("acquire", (connection) => told.push(connection as unknown as PoolConnection));
  const lent = await pool.getConnection();
  assert.deepEqual(told, [lent.connection, lent.connection]);
  assert.equal(typeof told[0]?.release, "function");
  lent.release();
  await pool.end();
});

test("state that a listener sets in a new session survives changes by holders", async () => {
  const pool = promisesAt(server, { connectionLimit: 1 });
  pool.on("connection", (connection) => {
    connection.query("SET time_zone = '+05:00'");
    connection.query("SET @@group_concat_max_len = ?", [2048]);
  });
  const id = await one(pool, "SELECT CONNECTION_ID()");
  const state = "SELECT @@time_zone AS z, @@group_concat_max_len AS n, @left AS l";
  const expected = [{ z: "+05:00", n: 2048, l: null }];
  const resets = () => server.status("Com_reset_connection").catch(() => 0);
  const before = await resets();
  for (let i = 0; i < 3; i++) assert.deepEqual((await pool.query(state))[0], expected);
  assert.equal(await resets(), before);
  await pool.query("SET @left = 1, time_zone = '+01:00'");
  assert.deepEqual((await pool.query(state))[0], expected);
  await pool.query("USE mysql");
  assert.deepEqual((await pool.query(state))[0], expected);
  assert.equal(await one(pool, "SELECT CONNECTION_ID()"), id);
  await pool.end();
});

test("session state that a listener sets asynchronously lasts as well", async () => {
  const pool = promisesAt(server, { connectionLimit: 1 });
  let isSet = false;
  pool.on("connection", async (connection) => {
    const own = (connection as unknown as PoolConnection).promise();
    await own.query("SELECT 1");
    await own.execute("SET time_zone = '+05:00'");
    isSet = true;
  });
  await pool.query("SELECT 1");
  await until(() => isSet, "the listener is done");
  await pool.query("SET @left = 1");
  assert.deepEqual((await pool.query("SELECT @@time_zone AS z"))[0], [{ z: "+05:00" }]);
  await pool.end();
});

test("the pool does not repeat a listener's statement that left no session state", async () => {
  const pool = promisesAt(server, { connectionLimit: 1 });
  let told = 0;
  pool.on("connection", (connection) => {
    told++;
    connection.query("SELECT 'told'");
  });
  await pool.query("SET @a = 1");
  const before = await server.status("Questions");
  await pool.query("SELECT 1");
  // The reset, the session's first statements, and this one; not the listener's.
  assert.ok(await server.status("Questions") - before <= 4);
  assert.equal(told, 1);
  await pool.end();
});

test("initSql runs before the statements of listeners", async () => {
  const pool = promisesAt(server, { initSql: ["SET @a = 1", "SET @a = @a + 1"] });
  pool.on("connection", (connection) => connection.query("SET @a = @a * 10"));
  assert.equal(await one(pool, "SELECT @a"), 20);
  await pool.query("SET @a = 5");
  assert.equal(await one(pool, "SELECT @a"), 20);
  await pool.end();
});

test("mysql2's tracing channel reports the start and end of a wait for a connection", async () => {
  const told: unknown[] = [];
  const note = (news: unknown): void => void told.push(news);
  const names = ["start", "asyncEnd"].map((name) => `tracing:mysql2:pool:connect:${name}`);
  for (const name of names) subscribe(name, note);
  const pool = promisesAt(server);
  await pool.query("SELECT 1");
  for (const name of names) unsubscribe(name, note);
  await pool.end();
  assert.equal(told.length, 2);
  const { database, serverAddress, serverPort } = told[0] as never;
  const place = { database: "test", serverAddress: server.host, serverPort: server.port };
  assert.deepEqual({ database, serverAddress, serverPort }, place);
});
