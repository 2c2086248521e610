/**
 * No printed object shows a secret: the tests search for planted passwords and keys in every object
 * that a pool exposes, in every state, as each runtime prints it and as JSON.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { inspect } from "node:util";
import mysql2, { type Connection } from "mysql2";
import { createPool } from "../../mod.ts";
import compat from "../../src/entries/compat.ts";
import compatPromise from "../../src/entries/compat_promise.ts";
import { packet, startHostile } from "../mysql/hostile_server.ts";
import { jsonOf } from "../support/json_of.ts";
import { failure } from "../support/asking.ts";
import { type Server, startServer } from "../support/server.ts";

const password = "planted-password-7Xq";
const other = "planted-password-4Tz";
const tls = {
  key: "planted-key-8Wp",
  cert: "planted-cert-5Rm",
  passphrase: "planted-passphrase-2Lk",
  pfx: "planted-pfx-6Vn",
};
const planted = /planted-\w+-\w{3}/;

let server: Server;

before(async () => {
  server = await startServer();
  await server.query(`CREATE USER planted IDENTIFIED BY '${password}'`);
  await server.query(`CREATE USER other IDENTIFIED BY '${other}'`);
  await server.query("GRANT ALL ON test.* TO planted, other");
});

after(() => server?.remove());

const uri = (): string => `mysql://planted:${password}@${server.host}:${server.port}/test`;

interface Inspector {
  inspect(thing: unknown, options: object): string;
}

/** Returns a value as Node and the current runtime print it in full, and as JSON. */
function printed(thing: unknown): string {
  const options = { depth: Infinity, showHidden: true, maxArrayLength: 1e6, maxStringLength: 1e6 };
  const { Deno, Bun } = globalThis as { Deno?: Inspector; Bun?: Inspector };
  const native = Deno?.inspect(thing, { ...options, depth: 100 }) ??
    Bun?.inspect(thing, { ...options, depth: 20 });
  return [inspect(thing, options), inspect(thing), native, jsonOf(thing)].join("\n");
}

/** Fails if a printed value shows a secret; `what` names the values and their state. */
function assertSilent(what: string, ...things: readonly unknown[]): void {
  for (const [index, thing] of things.entries()) {
    const text = printed(thing);
    const at = text.search(planted);
    assert.equal(at, -1, `${what}, ${index}: …${text.slice(Math.max(0, at - 300), at + 30)}`);
  }
}

/** Returns the running and the queued commands of a connection. */
function commandsOf(connection: unknown): unknown[] {
  const { _command, _commands } = Object(connection);
  const waiting = Array.from({ length: _commands.length }, (_, index) => _commands.get(index));
  return [_command, ..._command ? [_command.options] : [], ...waiting];
}

test("the search finds a secret", () => {
  assert.throws(() => assertSilent("it", { deep: { er: new Map([[1, { password }]]) } }));
  assert.throws(() =>
    assertSilent("it", { tls: Object.defineProperty({}, "key", { value: tls }) })
  );
});

test("a pool that has not connected shows no secret, nor do its targets", async () => {
  await using db = createPool({
    ...{ uri: uri(), password2: password, password3: password, ssl: tls, shared: false },
    connections: { main: {}, other: { user: "other", password: other } },
  });
  const [main, second] = [db.connection("main"), db.connection("other")];
  assertSilent("before a connect", db, main, main.target, second, second.target, db.stats());
  assert.equal(Object(main.target.tls?.ssl).key, tls.key);
});

test("a connection and its login command show no secret during the login", async () => {
  let seen = 0;
  const look = ({ connection, command }: { connection: Connection; command: unknown }) => {
    seen++;
    assertSilent("while it logs in", connection, command);
    return (): Promise<Buffer> => Promise.resolve(Buffer.alloc(0));
  };
  const admits = (socket: { write(bytes: Uint8Array): unknown }): void => {
    socket.write(packet(2, Buffer.from(`\xfeplanted\0${"x".repeat(20)}\0`, "latin1")));
  };
  await using hostile = await startHostile(password, { admits });
  const authPlugins = { planted: look as never };
  const options = { shared: false, connectTimeout: 200, authPlugins };
  await using db = createPool({ uri: hostile.uri.replace("hunter", password), ...options });
  assertSilent("after a login that failed", await failure(db.query("SELECT 1")));
  assert.equal(seen, 1);
});

test("a connection and its commands show no secret in any state", async () => {
  const begun: unknown[] = [];
  const initSql = (connection: Connection): void => {
    begun.push(connection);
    assertSilent("while it begins", connection);
  };
  const db = createPool({ uri: uri(), initSql, shared: false, connectionLimit: 1 });
  const events: unknown[] = [];
  for (const name of ["connection", "acquire", "release", "remove"] as const) {
    db.on(name, (event) => void events.push(event));
  }
  const lease = await db.lease();
  const { connection } = lease;
  assertSilent("at rest", lease, connection, db);
  const query = connection.query("SELECT SLEEP(0.1)");
  const prepared = connection.promise().execute("SELECT SLEEP(0.1), ?", [1]);
  assertSilent("while statements run", query, connection, lease, ...commandsOf(connection));
  await prepared;
  const changed = connection.promise().changeUser({ user: "other", password: other });
  assertSilent("while a user logs in anew", connection, lease, ...commandsOf(connection));
  await changed;
  assertSilent("as another user", connection);
  const error = await failure(lease.query("SELECT * FROM nowhere"));
  assertSilent("after an error", error, connection);
  const refusal = await failure(connection.promise().changeUser({ password: `${other}-wrong` }));
  assertSilent("after a login that was refused", refusal, connection, lease);
  lease.release();
  await db.drain();
  assert.ok(begun.length >= 1);
  assert.ok(events.length >= 4);
  assertSilent("after the end", connection, lease, db, ...events, ...begun);
});

test("a connection shows no secret while it logs in to another target", async () => {
  const both = { main: {}, other: { user: "other", password: other } };
  await using db = createPool({ uri: uri(), shared: false, connectionLimit: 1, connections: both });
  let connection: Connection | undefined;
  db.on("acquire", (event) => connection = event.connection);
  await db.connection("main").query("SELECT 1");
  const moved = db.connection("other").query<{ user: string }[]>("SELECT USER() AS user");
  const isLoggingIn = (): boolean => "passwordSha1" in Object(commandsOf(connection)[0]);
  while (!isLoggingIn()) await setImmediate();
  assertSilent("while it is changed", connection, ...commandsOf(connection));
  const [[row]] = await moved;
  assert.match(String(row?.user), /^other@/);
  assertSilent("when it was changed", connection);
});

test("compat pools and their options show no secret", async () => {
  const pool = compat.createPool({ uri: uri(), connectionLimit: 1 });
  const promises = compatPromise.createPool(uri());
  const cluster = compat.createPoolCluster();
  cluster.add("one", { uri: uri() });
  await promises.query("SELECT 1");
  const connection = await promises.getConnection();
  const query = connection.connection.query("SELECT SLEEP(0.1)");
  const error = await failure(
    compatPromise.createPool(uri().replace("planted:", "nobody:")).query("SELECT 1"),
  );
  assertSilent("a pool", pool, pool.config, promises, promises.pool.config, error);
  assertSilent("a connection", connection, connection.connection, query);
  assertSilent("a cluster", cluster, cluster.of("*"));
  assert.equal({ ...Object(pool.config).connectionConfig }.password, password);
  connection.release();
  await promises.end();
  pool.end();
  cluster.end();
});

test("a copy of a connection's options opens another connection", async () => {
  await using db = createPool({ uri: uri(), shared: false });
  await using lease = await db.lease();
  const { stream: _stream, maxPacketSize: _size, clientFlags: _flags, ...copy } = Object(
    lease.connection.config,
  );
  assert.equal(copy.password, password);
  const opened = mysql2.createConnection(copy).promise();
  const [[row]] = await opened.query("SELECT USER() AS user") as never as [{ user: string }[]];
  assert.match(String(row?.user), /^planted@/);
  opened.destroy();
});
