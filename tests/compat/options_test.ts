/** On a real server: each option of mysql2's pool, and the options that only Sublet has. */

import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import type { PoolConnection } from "mysql2";
import type { LeakEvent } from "../../mod.ts";
import promises from "../../src/entries/compat_promise.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { asked, ended, one, poolAt, promisesAt, taken } from "./support/fixture.ts";

let server: Server;

before(async () => {
  server = await startServer({ tls: true, options: ["--local-infile=1"] });
  await server.query("CREATE TABLE test.t (v INT)");
});

after(async () => await server?.remove());

/** Returns how many connections pools have at the server. */
const count = (): Promise<number> => server.connectionCount();

test("createPool takes a URI, with options in it and beside it", async () => {
  const uri = `${server.url()}?connectionLimit=3&rowsAsArray=true&acquireTimeout=500`;
  for (const pool of [promises.createPool(uri), promises.createPool({ uri, queueLimit: 2 })]) {
    assert.equal(Reflect.get(pool.pool.config, "connectionLimit"), 3);
    assert.deepEqual((await pool.query("SELECT 1"))[0], [[1]]);
    await pool.end();
  }
  const text = { uri, host: server.host, port: String(server.port) as never, user: "app" };
  const pool = promises.createPool({ ...text, password: "secret", connectionLimit: "2" as never });
  assert.equal(Reflect.get(pool.pool.config, "connectionLimit"), 2);
  assert.equal(await one(pool, "SELECT 1"), 1);
  await pool.end();
});

test("a pool warns of options unknown to the driver, except Sublet's own", async (context) => {
  const told = context.mock.method(console, "error", () => undefined);
  const more = { acquireTimeout: 1, maxLifetime: 0, unit: "join", initSql: "DO 1" } as const;
  const pool = poolAt(server, { ...more, hots: "localhost" } as never);
  assert.equal(told.mock.callCount(), 1);
  assert.match(String(told.mock.calls[0]?.arguments[0]), /invalid configuration option .* hots/);
  await ended(pool);
  assert.throws(() => poolAt(server, { unit: "joins" as "join" }), { code: "OPTION_INVALID" });
  assert.throws(() => poolAt(server, { ssl: "Nowhere" }), /Unknown SSL profile/);
});

test("connectionLimit 0 sets no limit", async () => {
  const pool = poolAt(server, { connectionLimit: 0 });
  const before = await count();
  const connections = await Promise.all(Array.from({ length: 12 }, () => taken(pool)));
  assert.equal(await count() - before, 12);
  for (const connection of connections) connection.release();
  await ended(pool);
});

test("without waitForConnections, the pool refuses requests when none is free", async () => {
  const pool = poolAt(server, { connectionLimit: 1, waitForConnections: false });
  const connection = await taken(pool);
  const error = { code: "POOL_CONNLIMIT", message: "No connections available." };
  await assert.rejects(taken(pool), error);
  await assert.rejects(asked((done) => pool.query("SELECT 1", done)), error);
  await assert.rejects(pool.promise().execute("SELECT 1"), error);
  await assert.rejects(taken(pool), ({ cause }) => cause.code === "QUEUE_FULL");
  connection.release();
  (await taken(pool)).release();
  await ended(pool);
});

test("queueLimit limits how many requests may queue", async () => {
  const pool = poolAt(server, { connectionLimit: 1, queueLimit: 1 });
  const connection = await taken(pool);
  const waiting = taken(pool);
  const error = { code: "POOL_ENQUEUELIMIT", message: "Queue limit reached." };
  await assert.rejects(taken(pool), error);
  connection.release();
  (await waiting).release();
  await ended(pool);
});

test("idleTimeout closes idle connections, with the default maxIdle", async () => {
  const before = await count();
  const pool = poolAt(server, { connectionLimit: 3, idleTimeout: 200 });
  const connections = await Promise.all([1, 2, 3].map(() => taken(pool)));
  assert.equal(await count() - before, 3);
  for (const connection of connections) connection.release();
  const began = performance.now();
  await until(async () => await count() === before, "all that lie idle are closed");
  assert.ok(performance.now() - began < 5_000);
  await ended(pool);
});

test("maxIdle limits how many connections stay idle; idleTimeout 0 sets no limit", async () => {
  const before = await count();
  const pool = poolAt(server, { connectionLimit: 4, maxIdle: 1 });
  const forever = poolAt(server, { connectionLimit: 2, idleTimeout: 0 });
  const connections = await Promise.all([1, 2, 3, 4].map(() => taken(pool)));
  const more = await Promise.all([1, 2].map(() => taken(forever)));
  assert.equal(await count() - before, 6);
  for (const connection of [...connections, ...more]) connection.release();
  await until(async () => await count() - before <= 3, "those beyond are closed");
  assert.equal(await count() - before, 3);
  const [last] = connections.slice(-1);
  // The pool lends the connection released last first, and has not closed it.
  assert.equal((await taken(pool)).threadId, last?.threadId);
  last?.release();
  await ended(pool);
  assert.equal(await count() - before, 2);
  await ended(forever);
});

test("acquireTimeout ends a wait", async () => {
  const pool = poolAt(server, { connectionLimit: 1, acquireTimeout: 30 });
  const connection = await until(() => taken(pool), "one is open, however long that takes");
  await assert.rejects(taken(pool), { code: "LEASE_TIMEOUT" });
  connection.release();
  (await taken(pool)).release();
  await ended(pool);
});

test("maxLifetime and minimumIdle work as in Sublet", async () => {
  const before = await count();
  const pool = poolAt(server, { maxLifetime: 100, minimumIdle: 2, validateAfter: 0 });
  const first = await taken(pool);
  first.release();
  await until(async () => await count() - before === 2, "two are kept open");
  const sql = "SELECT id FROM information_schema.processlist WHERE id = ?";
  await until(
    async () => (await server.query(sql, [first.threadId])).length === 0,
    "it is too old",
  );
  await until(async () => await count() - before === 2, "another has taken its place");
  await ended(pool);
});

test("leakDetectionTimeout reports where code took a lease that it has held too long", async () => {
  const told: LeakEvent[] = [];
  const note = (news: unknown): void => void told.push(news as LeakEvent);
  subscribe("sublet:leak", note);
  const pool = poolAt(server, { leakDetectionTimeout: 50 });
  const { promise, resolve } = Promise.withResolvers<PoolConnection>();
  pool.getConnection((_error, connection) => resolve(connection));
  const lent = [await promise, await pool.promise().getConnection()];
  await until(() => told.length === 2, "both leaks are reported");
  unsubscribe("sublet:leak", note);
  for (const { heldMs, stack } of told) {
    assert.ok(heldMs >= 50);
    assert.match(String(stack), /options_test/);
  }
  for (const connection of lent) connection.release();
  await ended(pool);
});

test("session state ends at release; with resetOnRelease, prepared statements too", async () => {
  const prepared = "SELECT 'prepared'";
  for (const resetOnRelease of [false, true]) {
    const pool = promisesAt(server, { connectionLimit: 1, resetOnRelease });
    await pool.query("SET @left = 1");
    assert.equal(await one(pool, "SELECT @left IS NULL"), 1);
    await pool.execute(prepared);
    const before = await server.status("Com_stmt_prepare");
    await pool.execute(prepared);
    assert.equal(await server.status("Com_stmt_prepare") - before, resetOnRelease ? 1 : 0);
    await pool.end();
  }
});

test("connection options have the same effect as in mysql2", async () => {
  const options = { dateStrings: true, rowsAsArray: true, namedPlaceholders: true } as const;
  const more = { multipleStatements: true, charset: "latin1_swedish_ci", timezone: "Z" };
  const pool = promisesAt(server, { ...options, ...more, bigNumberStrings: 1 as never });
  const sql = "SELECT :date AS d, @@collation_connection AS c; SELECT 2";
  const [rows] = await pool.query(sql, { date: "2026-01-02" });
  assert.deepEqual(rows, [[["2026-01-02", "latin1_swedish_ci"]], [[2]]]);
  assert.deepEqual((await pool.query("SELECT DATE('2026-01-02')"))[0], [["2026-01-02"]]);
  await pool.end();
});

test("LOAD DATA LOCAL sends a stream that the statement's own factory opens", async () => {
  const pool = promisesAt(server);
  const infileStreamFactory = (): Readable => Readable.from([Buffer.from("1\n2\n3\n")]);
  const sql = "LOAD DATA LOCAL INFILE 'numbers' INTO TABLE t";
  await pool.query({ sql, infileStreamFactory } as never);
  assert.equal(await one(pool, "SELECT COUNT(*) FROM t"), 3);
  await pool.end();
  const own = promisesAt(server, { flags: ["-LOCAL_FILES"] });
  await assert.rejects(own.query({ sql, infileStreamFactory } as never), { errno: 4166 });
  await own.end();
});

test("TLS trusts what mysql2 trusts, and does not verify the host name by default", async () => {
  const { ca } = server;
  assert.ok(ca !== undefined);
  const pool = promisesAt(server, { ssl: { ca } });
  const [rows] = await pool.query("SHOW STATUS LIKE 'Ssl_cipher'");
  assert.notEqual((rows as { Value: string }[])[0]?.Value, "");
  await pool.end();
  const stranger = promisesAt(server, { ssl: {} });
  await assert.rejects(stranger.query("SELECT 1"), { code: "HANDSHAKE_SSL_ERROR" });
  await stranger.end();
});

test("the stream option supplies the socket of a connection", async () => {
  const opened: unknown[] = [];
  const stream = (given: unknown) => {
    opened.push(given);
    return connect(server.port, server.host);
  };
  const pool = promisesAt(server, { stream, host: "nowhere.invalid", port: 1 });
  assert.equal(await one(pool, "SELECT 4"), 4);
  assert.equal(opened.length, 1);
  const { config } = opened[0] as { config: { user: string } };
  assert.equal(config.user, "app");
  await pool.end();
});

test("a password may be a function, and may be replaced in the config of the pool", async () => {
  const pool = promisesAt(server, {
    password: () => Promise.resolve("secret"),
    connectionLimit: 1,
  });
  assert.equal(await one(pool, "SELECT 5"), 5);
  await pool.end();
  const renewed = poolAt(server, { password: "wrong", connectionLimit: 1 });
  await assert.rejects(asked((done) => renewed.query("SELECT 1", done)), { errno: 1045 });
  const { connectionConfig } = renewed.config as unknown as {
    connectionConfig: { password: string };
  };
  connectionConfig.password = "secret";
  await until(async () => await asked((done) => renewed.query("SELECT 1", done)), "it is taken");
  await ended(renewed);
});

test("a pool returns promises of the class that its Promise option names", async () => {
  class Own<T> extends Promise<T> {}
  const pool = promisesAt(server, { Promise: Own } as never);
  assert.ok(pool.query("SELECT 1") instanceof Own);
  const taking = pool.getConnection();
  assert.ok(taking instanceof Own);
  const lent = await taking;
  assert.ok(lent.query("SELECT 1") instanceof Own);
  assert.ok(lent.end() instanceof Own);
  await assert.rejects(lent.query("SELECT 1"), { code: "LEASE_ENDED" });
  await pool.end();
});

test("the stack of an error contains the caller's lines, unless trace is off", async () => {
  for (
    const [trace, pattern] of [[true, /options_test/], [false, /^(?!.*options_test)/s]] as const
  ) {
    const pool = promisesAt(server, { trace });
    const lent = await pool.getConnection();
    for (const asking of [pool, lent]) {
      const error = await asking.query("SELECT nope").catch((error) => error);
      assert.match(error.stack, pattern);
    }
    lent.release();
    await pool.end();
  }
});
