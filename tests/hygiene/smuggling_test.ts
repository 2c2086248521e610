/**
 * On real servers: state that statements smuggle past a reader of their text, by disguised calls,
 * by comments and strings that can be read in two ways, by functions. The next unit finds nothing
 * of it; and literals of any content cost nothing.
 */

import assert from "node:assert/strict";
import { after } from "node:test";
import { raw } from "mysql2";
import type { PoolOptions } from "../../mod.ts";
import { threadOf } from "../support/asking.ts";
import { roundTrips } from "./rows.ts";
import { removeServers, testOnBoth } from "./support/fixture.ts";
import { cost, prepare, traceOn } from "./support/smuggled.ts";

after(removeServers);

/** A statement that smuggles state, what it leaves, and the initSql of its session. */
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

testOnBoth("the pool finds a disguised statement when it is prepared, too", async (place) => {
  await prepare(place);
  await place.db.execute("SELECT hit()");
  assert.equal(await traceOn(place.db), "");
});

testOnBoth("literals of any content cost nothing", async ({ db, proxy, flavor }) => {
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
    `${flavor}: ${proxy.forget().filter((line) => !/INSERT/.test(line))}`,
  );
  await db.query("DROP TABLE texts");
});

testOnBoth("a function costs a new login, a clean function nothing", async (place) => {
  await prepare(place);
  assert.equal(await cost(place, "SELECT pure(1)"), 0);
  assert.equal(await cost(place, "SELECT hit()"), roundTrips.login[place.flavor]);
}, { cleanFunctions: ["pure"] });
