/** Options in each form in which mysql2 reads them: of any object, and as a URL. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createPool } from "../../mod.ts";
import compat from "../../src/entries/compat_promise.ts";
import { type Server, startServer } from "../support/server.ts";

let server: Server;

before(async () => void (server = await startServer()));

after(async () => await server?.remove());

/** The options of an application, whose password nobody sees who prints it. */
class Config {
  readonly host: string = server.host;
  readonly #password: string = "secret";
  readonly #port: number = server.port;

  get user(): string {
    return "app";
  }

  get port(): number {
    return this.#port;
  }

  get password(): string {
    return this.#password;
  }

  describe(): string {
    return `${this.user}@${this.host}`;
  }
}

/** Returns options that mysql2 reads, by what is unusual about each. */
function forms(): Readonly<Record<string, object>> {
  const plain = { host: server.host, port: server.port, user: "app", password: "secret" };
  const { password, ...open } = plain;
  const cause: Readonly<Record<string, unknown>> = plain;
  return {
    "a class with getters": new Config(),
    "inherited properties": Object.create(plain),
    "a password that is not enumerable": Object.defineProperty(open, "password", {
      value: password,
    }),
    "a frozen object": Object.freeze({ ...plain, flags: Object.freeze([]) }),
    "a proxy of the options": new Proxy(plain, {}),
    "a proxy that only reads": new Proxy({}, { get: (_, name) => cause[String(name)] }),
    "a URL": new URL(server.url()),
    "a URL as uri": { uri: new URL(server.url()) },
    "an inherited uri": Object.create({ uri: server.url() }),
  };
}

test("the pool logs in with options in each form that mysql2 reads, and leaves them as they are", async () => {
  for (const [form, options] of Object.entries(forms())) {
    const shown = JSON.stringify(options);
    await using db = createPool(options);
    const [rows] = await db.query("SELECT CURRENT_USER() AS user");
    assert.match(String(rows[0]?.["user"]), /^app@/, form);
    const pool = compat.createPool(options);
    await pool.query("SELECT 1");
    await pool.end();
    assert.equal(JSON.stringify(options), shown, form);
  }
});

test("a virtual connection, and a unit's bind, take options of a class", async () => {
  class Other {
    get database(): string {
      return "mysql";
    }
  }
  const uri = server.url();
  await using db = createPool({ uri, connections: { main: {}, other: new Other() } });
  const sql = "SELECT DATABASE() AS db";
  assert.deepEqual(db.connection("other").target.database, "mysql");
  await db.unit(async () => {
    assert.deepEqual((await db.query(sql))[0], [{ db: "information_schema" }]);
  }, { bind: { main: Object.create({ database: "information_schema" }) } });
});

test("frozen TLS settings, and those of a class, are taken as they are", () => {
  class Settings {
    get ca(): string {
      return "authority";
    }
  }
  for (const ssl of [Object.freeze({ ca: "authority" }), Object.freeze(new Settings())]) {
    const { tls } = createPool({ host: "db", ssl }).connection("main").target;
    assert.equal(Reflect.get(Object(tls?.ssl), "ca"), "authority");
    const { pool } = compat.createPool({ host: "db", ssl });
    const { connectionConfig } = pool.config as unknown as { connectionConfig: { ssl: object } };
    assert.equal(Reflect.get(connectionConfig.ssl, "ca"), "authority");
  }
});
