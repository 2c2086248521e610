/**
 * On real servers: state that is smuggled past whoever reads the text of a statement, by calls in
 * disguise, by comments and strings that are read in two ways, by functions. The next unit finds
 * nothing of it; and literals, whatever they say, cost nothing.
 */

import assert from "node:assert/strict";
import { after } from "node:test";
import { raw } from "mysql2";
import type { PoolOptions } from "../../mod.ts";
import { type Asked, one, threadOf } from "../support/asking.ts";
import { roundTrips } from "./rows.ts";
import { type Place, removeServers, testOnBoth } from "./support/fixture.ts";

after(removeServers);

/** What functions leave: a variable, a lock, and a role. */
const functions: readonly string[] = [
  "CREATE FUNCTION IF NOT EXISTS hit() RETURNS INT BEGIN SET @hit = 7; RETURN 1; END",
  "CREATE FUNCTION IF NOT EXISTS seize() RETURNS INT BEGIN DO GET_LOCK('smuggled', 0); RETURN 1; END",
  `CREATE FUNCTION IF NOT EXISTS roles() RETURNS INT SQL SECURITY INVOKER
     BEGIN SET ROLE clerk; RETURN 1; END`,
  "CREATE FUNCTION IF NOT EXISTS `now`() RETURNS INT BEGIN SET @hit = 7; RETURN 1; END",
  "CREATE FUNCTION IF NOT EXISTS pure(a INT) RETURNS INT DETERMINISTIC RETURN a + 1",
];

/** Returns what is there of all that: nothing if it is "". */
async function traceOn(asked: Asked): Promise<string> {
  const sql = "SELECT CONCAT(COALESCE(@hit, ''), " +
    "IF(IS_USED_LOCK('smuggled') = CONNECTION_ID(), 'lock', ''), " +
    "IF(CURRENT_ROLE() LIKE '%clerk%', 'role', ''))";
  return String(await one(asked, sql) ?? "");
}

/** Views that call them, one by way of another, and one that calls nothing. */
const views: readonly string[] = [
  "CREATE OR REPLACE VIEW hitting AS SELECT hit() AS h",
  "CREATE OR REPLACE VIEW seizing AS SELECT v, seize() AS s FROM t",
  "CREATE OR REPLACE VIEW locking AS SELECT GET_LOCK('smuggled', 0) AS l",
  "CREATE OR REPLACE SQL SECURITY INVOKER VIEW posing AS SELECT roles() AS r",
  "CREATE OR REPLACE SQL SECURITY INVOKER VIEW `a ``view``` AS SELECT r + 1 AS n FROM posing",
  "CREATE OR REPLACE VIEW plain AS SELECT v + 1 AS w FROM t WHERE LENGTH(v) > 0",
];

async function prepare({ server }: Place): Promise<void> {
  await server.query("SET GLOBAL log_bin_trust_function_creators = 1");
  for (const sql of [...functions, ...views]) await server.query(sql);
}

/** A statement that smuggles, what it leaves, and what a session begins with. */
interface Smuggling {
  readonly sql: string;
  readonly values?: unknown[];
  readonly leaves: string;
  readonly initSql?: string;
}

const smugglings: readonly Smuggling[] = [
  { sql: "SELECT ??('smuggled', 0)", values: ["GET_LOCK"], leaves: "lock" },
  { sql: "SELECT ?", values: [raw("hit()")], leaves: "7" },
  { sql: "SELECT hit()", leaves: "7" },
  { sql: "SELECT seize()", leaves: "lock" },
  { sql: "SELECT roles()", leaves: "role" },
  { sql: "SELECT `test` . `hit` /* */ ()", leaves: "7" },
  { sql: "SELECT `now`()", leaves: "7" },
  { sql: "SELECT now ()", leaves: "7", initSql: "SET sql_mode = ''" },
  { sql: "INSERT INTO t VALUES (hit())", leaves: "7" },
  { sql: "SELECT * FROM hitting", leaves: "7" },
  { sql: "INSERT INTO t SELECT h FROM test.hitting", leaves: "7" },
  {
    sql:
      "SELECT * FROM t LEFT JOIN seizing USING (v) UNION SELECT s, s FROM (SELECT seize() AS s) d",
    leaves: "lock",
  },
  { sql: "SELECT * FROM locking", leaves: "lock" },
  { sql: "SELECT * FROM posing", leaves: "role" },
  { sql: "SELECT @n := n FROM `a ``view```", leaves: "role" },
  { sql: "SELECT * FROM ??", values: ["a `view`"], leaves: "role" },
  { sql: "SELECT 1; SELECT hit()", leaves: "7" },
  { sql: String.raw`SET NAMES '\gbk'; SELECT '中\', roles() -- '`, leaves: "role" },
  { sql: "SELECT /*!99999 ' */ hit() -- '", leaves: "7" },
  { sql: "SELECT /*!99999 /* ' */ 1 */ hit() -- '", leaves: "7" },
  { sql: "SELECT 1 --\x7f'\n, hit() -- '", leaves: "7" },
  { sql: "SELECT 1 --\x01'\n, hit() -- '", leaves: "7" },
  {
    sql: "SELECT ?",
    values: ["a', hit() -- "],
    leaves: "7",
    initSql: "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
  },
  {
    sql: String.raw`SELECT 'a\', hit() -- '`,
    leaves: "7",
    initSql: "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
  },
  {
    sql: String.raw`SELECT 1 AS "a\", hit() -- "`,
    leaves: "7",
    initSql: "SET sql_mode = 'ANSI_QUOTES'",
  },
];

for (const { sql, values = [], leaves, initSql } of smugglings) {
  const options: PoolOptions = {
    multipleStatements: true,
    ...(initSql === undefined ? {} : { initSql }),
  };
  testOnBoth(
    `${JSON.stringify(sql)} with ${leaves} leaves the next unit nothing`,
    async (place) => {
      const { db } = place;
      await prepare(place);
      const lease = await db.lease();
      const { threadId } = lease;
      const found = await lease.query(sql, values).then(() => traceOn(lease))
        .finally(() => lease.release());
      assert.equal(found, leaves);
      assert.equal(await traceOn(db), "");
      assert.equal(await threadOf(db), threadId);
      await db.query(sql, values);
      assert.equal(await traceOn(db), "");
      await db.unit(() => db.query(sql, values));
      assert.equal(await traceOn(db), "");
    },
    options,
  );
}

testOnBoth("a statement in disguise is found when it is prepared, too", async (place) => {
  await prepare(place);
  await place.db.execute("SELECT hit()");
  assert.equal(await traceOn(place.db), "");
});

testOnBoth("literals of any content cost nothing", async ({ db, proxy, make }) => {
  await db.query("CREATE TABLE IF NOT EXISTS texts (v TEXT)");
  await db.query("INSERT INTO texts VALUES ('')");
  await threadOf(db);
  proxy.forget();
  proxy.roundTrips = 0;
  const evil = [
    "it's",
    'a "b"',
    "back\\slash\\",
    "; DROP TABLE x",
    "/* ' */ -- ",
    "f(1)",
    "??",
    "\0",
  ];
  for (let round = 0; round < 10; round++) {
    await db.query("INSERT INTO texts VALUES ?", [evil.map((text) => [`${text}${round}`])]);
    for (const text of evil) {
      await db.query(`INSERT INTO texts VALUES (${JSON.stringify(`${text}${round}`)})`);
      await db.query("INSERT INTO texts VALUES (?), ('a\\'b;\\\\')", [text]);
    }
  }
  assert.equal(
    proxy.roundTrips,
    170,
    `${make}: ${proxy.forget().filter((line) => !/INSERT/.test(line))}`,
  );
  await db.query("DROP TABLE texts");
});

/** Returns how many round trips a statement costs more than itself. */
async function cost({ db, proxy }: Place, sql: string): Promise<number> {
  await threadOf(db);
  proxy.roundTrips = 0;
  await db.query(sql);
  await threadOf(db);
  return proxy.roundTrips - 2;
}

testOnBoth("a function costs a new login, one that is clean nothing", async (place) => {
  await prepare(place);
  assert.equal(await cost(place, "SELECT pure(1)"), 0);
  assert.equal(await cost(place, "SELECT hit()"), roundTrips.login[place.make]);
}, { cleanFunctions: ["pure"] });

testOnBoth(
  "a view costs a new login when it is named first, and then if it calls",
  async (place) => {
    await prepare(place);
    const login = roundTrips.login[place.make];
    // It asks what the names are, and then what those are that the view names.
    assert.equal(await cost(place, "SELECT * FROM plain JOIN t"), login + 2);
    assert.equal(await cost(place, "SELECT * FROM plain JOIN t"), 0);
    assert.equal(await cost(place, "SELECT * FROM t JOIN plain"), 0);
    assert.equal(await cost(place, "SELECT * FROM hitting"), login + 1);
    assert.equal(await cost(place, "SELECT * FROM hitting"), login);
    assert.deepEqual(place.db.census().renewals, {
      "first use of plain": 1,
      "first use of hitting": 1,
      "view hitting: call of hit": 1,
    });
  },
);

testOnBoth("a function that its own pool makes is known to be there", async ({ db, server }) => {
  const own = "CREATE OR REPLACE VIEW own_view AS SELECT own_function() AS f";
  const made = "CREATE FUNCTION own_function() RETURNS INT BEGIN SET @hit = 7; RETURN 1; END";
  await server.query("SET GLOBAL log_bin_trust_function_creators = 1");
  await threadOf(db);
  for (const sql of [made, own]) await db.query(sql);
  for (let round = 0; round < 3; round++) {
    await db.query("SELECT * FROM own_view");
    assert.equal(await traceOn(db), "");
  }
  for (const sql of ["DROP VIEW own_view", "DROP FUNCTION own_function"]) await db.query(sql);
});

testOnBoth("with resetOnRelease a lock that a trigger takes is wiped", async ({ db, server }) => {
  await server.query("CREATE TABLE watched (v INT)");
  await server.query(
    "CREATE TRIGGER watching BEFORE INSERT ON watched FOR EACH ROW DO GET_LOCK('smuggled', 0)",
  );
  const lease = await db.lease();
  await lease.query("INSERT INTO watched VALUES (1)").then(async () => {
    assert.equal(await traceOn(lease), "lock");
  }).finally(() => lease.release());
  assert.equal(await traceOn(db), "");
  await server.query("DROP TABLE watched");
}, { resetOnRelease: true });
