/**
 * Names from outside (of databases, users, character sets, isolation levels) never become part of
 * a statement: the pool refuses an unknown name, and sends a name only as a name.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createPool, type Pool, type PoolOptions } from "../../mod.ts";
import { one, refused } from "../support/asking.ts";
import { type Proxy, startProxy } from "../support/proxy.ts";
import { type Server, startServer } from "../support/server.ts";
import { lackOf } from "../support/server_binary.ts";

/** A text that would end a name, a string or a statement. */
const malice = "x`'\"; DROP TABLE t; -- ";
const quoted = "`x``'\"; DROP TABLE t; -- y`";
const database = `${malice}y`;

/** Creates a pool of one connection, and forgets what the proxy saw before. */
function poolAt(proxy: Proxy, options: PoolOptions = {}): Pool<"main"> {
  proxy.forget();
  return createPool({ uri: proxy.uri, shared: false, connectionLimit: 1, ...options });
}

function assertUnsaid(proxy: Proxy): void {
  for (const command of proxy.forget()) assert.doesNotMatch(command, /DROP|constructor|native/);
}

async function namesDatabase(proxy: Proxy): Promise<void> {
  await using db = poolAt(proxy, { database });
  assert.equal(await one(db, "SELECT DATABASE()"), database);
  await using plain = poolAt(proxy);
  await plain.unit(async () => {
    assert.equal(await one(plain, "SELECT DATABASE()"), database);
  }, { bind: { main: { database } } });
  await plain.query("SELECT * FROM t");
  assertUnsaid(proxy);
}

function refusesCharsets(proxy: Proxy): void {
  for (const charset of [malice, `utf8mb4_bin${malice}`, "constructor", "__proto__"]) {
    assert.throws(() => poolAt(proxy, { charset }), { code: "OPTION_INVALID" });
  }
}

async function refusesIsolation(proxy: Proxy): Promise<void> {
  await using db = poolAt(proxy);
  for (const name of [malice, `serializable${malice}`, "constructor", "__proto__", "", 1]) {
    const isolation = name as "serializable";
    await refused(db.transaction(() => undefined, { isolation }), "OPTION_INVALID");
  }
  assert.deepEqual(proxy.forget(), []);
}

async function refusesUser(proxy: Proxy): Promise<void> {
  await using db = poolAt(proxy, { user: malice });
  const { cause } = await refused(db.query("SELECT 1"), "CONNECT_FAILED");
  assert.equal((cause as { errno?: unknown }).errno, 1045);
  assertUnsaid(proxy);
}

for (const flavor of ["mariadb", "mysql"] as const) {
  describe(flavor, { skip: lackOf(flavor) ?? false }, () => {
    let server: Server;
    let proxy: Proxy;
    before(async () => {
      server = await startServer({ flavor });
      await server.query("CREATE TABLE test.t (v INT) ENGINE = InnoDB");
      await server.query(`CREATE DATABASE ${quoted}`);
      await server.query(`GRANT ALL ON ${quoted}.* TO app`);
      proxy = await startProxy(server);
    });
    after(async () => {
      await proxy?.[Symbol.asyncDispose]();
      await server?.remove();
    });

    test("the pool names a database in a login and in a new login, whatever its name", () =>
      namesDatabase(proxy));

    test("a character set that the driver does not know is refused", () => refusesCharsets(proxy));

    test("an unknown isolation level is refused", () => refusesIsolation(proxy));

    test("a user's name is only sent in a login", () => refusesUser(proxy));
  });
}
