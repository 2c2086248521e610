/** On a real server: how pools follow changes of `pool.config`, beside mysql2's. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import mysql2, { type Pool } from "mysql2";
import { createPool } from "../../mod.ts";
import mysql, { compat } from "../../src/entries/compat.ts";
import { type Server, startServer } from "../support/server.ts";
import { asked, ended, taken } from "./support/fixture.ts";

let server: Server;

before(async () => {
  server = await startServer();
});

after(async () => await server?.remove());

type Ask = (pool: Pool) => Promise<unknown>;

/** Returns the part of a pool's config that its connections read. */
function optionsOf(pool: Pool): Record<string, unknown> {
  return Reflect.get(pool.config, "connectionConfig") as Record<string, unknown>;
}

const query = (sql: string, values?: unknown): Ask => (pool) =>
  asked((done) => pool.query(sql, values as never, done));

const leased: Ask = async (pool) => {
  const connection = await taken(pool);
  try {
    return await asked((done) => connection.query("SELECT :n AS n", { n: 5 } as never, done));
  } finally {
    connection.release();
  }
};

/** A change of an option, and statements whose answers depend on it. */
const changes: Record<string, readonly [value: unknown, ...asks: Ask[]]> = {
  namedPlaceholders: [
    true,
    query("SELECT :n AS n", { n: 3 }),
    (pool) => asked((done) => pool.execute("SELECT :n AS n", { n: 4 } as never, done)),
    leased,
  ],
  rowsAsArray: [true, query("SELECT 1 AS n")],
  typeCast: [() => "cast", query("SELECT 1 AS n")],
  queryFormat: [(sql: string) => sql.replace("?", "7"), query("SELECT ? AS n", [1])],
  dateStrings: [true, query("SELECT DATE '2020-01-02' AS d")],
};

for (const [name, [value, ...asks]] of Object.entries(changes)) {
  test(`a pool follows a change of ${name}, as mysql2's does`, async () => {
    const outcomes: unknown[] = [];
    for (const { createPool } of [mysql2, mysql as unknown as typeof mysql2]) {
      const pool = createPool({ uri: server.url(), connectionLimit: 1 });
      optionsOf(pool)[name] = value;
      const answers: unknown[] = [];
      for (const ask of asks) answers.push(JSON.stringify(await ask(pool)));
      outcomes.push(answers);
      await ended(pool);
    }
    assert.deepEqual(outcomes[1], outcomes[0]);
  });

  test(`a pool follows a change of ${name} on connections that are open already`, async () => {
    const pool = mysql.createPool({ uri: server.url(), connectionLimit: 1 });
    const [ask] = asks as [Ask];
    const before = await ask(pool).catch(({ code }) => code);
    optionsOf(pool)[name] = value;
    assert.equal(optionsOf(pool)[name], value);
    assert.notDeepEqual(await ask(pool), before);
    await ended(pool);
  });
}

test("a pool refuses changes of its config that it cannot follow", async () => {
  const ssl = { rejectUnauthorized: false };
  const pool = mysql.createPool({ uri: server.url(), connectionLimit: 1, ssl });
  const refused = { code: "OPTION_INVALID", message: /config\..* cannot be changed/ };
  const config = pool.config as unknown as Record<string, unknown>;
  assert.throws(() => Object.assign(config, { connectionLimit: 5 }), refused);
  assert.throws(() => Object.assign(optionsOf(pool), { database: "mysql" }), refused);
  assert.throws(() => Object.assign(config, { connectionConfig: {} }), refused);
  // Code in sloppy mode hears of it, too.
  const sloppy = new Function("config", "config.connectionLimit = 5");
  assert.throws(() => sloppy(config), refused);
  assert.throws(() => delete config["queueLimit"], refused);
  assert.throws(() => delete optionsOf(pool)["typeCast"], refused);
  const attributes = optionsOf(pool)["connectAttributes"] as object;
  assert.equal(optionsOf(pool)["connectAttributes"], attributes);
  assert.throws(() => Object.assign(attributes, { program_name: "shop" }), refused);
  assert.throws(() => Object.assign(optionsOf(pool)["ssl"] as object, { ca: "other" }), refused);
  Object.assign(config, { connectionLimit: 1 });
  assert.equal(config["connectionLimit"], 1);
  await ended(pool);
});

test("a compat pool of a virtual connection refuses all changes of its config", async () => {
  const db = createPool({ uri: server.url(), shared: false });
  const options = optionsOf(compat(db));
  assert.throws(() => Object.assign(options, { rowsAsArray: true }), { code: "OPTION_INVALID" });
  await db.drain();
});
