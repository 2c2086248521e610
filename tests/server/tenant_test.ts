/**
 * On real servers: a prepared statement never runs with the database, the sql_mode, the character
 * set or the role of an earlier moment.
 */

import assert from "node:assert/strict";
import type { Connection } from "mysql2";
import { createPool, type Lease, type MethodOf, type Pool, type PoolOptions } from "../../mod.ts";
import { onBoth, serversOf } from "../support/both.ts";
import { startProxy } from "../support/proxy.ts";
import type { Server } from "../support/server.ts";

const testOnBoth = onBoth(serversOf([], async (server) => {
  for (
    const sql of [
      "CREATE DATABASE b",
      "CREATE TABLE test.t (v TEXT)",
      "CREATE TABLE b.t (v TEXT)",
      "INSERT INTO test.t VALUES ('of a')",
      "INSERT INTO b.t VALUES ('of b')",
      "CREATE ROLE clerk",
      "GRANT clerk TO app",
      "CREATE PROCEDURE test.be_clerk() SQL SECURITY INVOKER SET ROLE clerk",
      "CREATE PROCEDURE test.pay() SELECT 1",
    ]
  ) await server.query(sql);
}));

function poolAt(server: Server, options: PoolOptions = {}): Pool<"main"> {
  return createPool({ uri: server.url(), shared: false, connectionLimit: 1, ...options });
}

const rows = "SELECT v AS value FROM t";
const sum = "SELECT 1 || 0 AS value";
const collation = "SELECT COLLATION('a') AS value";
const role = "SELECT CURRENT_ROLE() LIKE '%clerk%' AS value";

/** A statement that changes the meaning of a text, the text, and its result before and after. */
const changes: readonly (readonly [sql: string, text: string, before: unknown, after: unknown])[] =
  [
    ["USE b", rows, "of a", "of b"],
    ["SET sql_mode = 'PIPES_AS_CONCAT'", sum, 1, "10"],
    ["SET @a = 1, SESSION sql_mode = 'ANSI'", sum, 1, "10"],
    ["SET @@sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')", sum, 1, "10"],
    ["EXECUTE setting", sum, 1, "10"],
    ["SET NAMES latin1", collation, "utf8mb4_unicode_ci", "latin1_swedish_ci"],
    ["SET collation_connection = utf8mb4_bin", collation, "utf8mb4_unicode_ci", "utf8mb4_bin"],
    ["SET ROLE clerk", role, undefined, 1],
    ["CALL be_clerk()", role, undefined, 1],
  ];

type Run = (sql: string) => Promise<unknown>;

/** Returns all ways to prepare and execute a text, in a unit that keeps its connection. */
function waysOf(db: Pool<"main">, lease: Lease): Readonly<Record<string, Run>> {
  const methods = new Map<string, MethodOf<string>>();
  const first = ([rows]: readonly unknown[]): unknown => Object(rows)[0]?.value;
  return {
    "execute": async (sql) => first(await db.execute(sql)),
    "a lease": async (sql) => first(await lease.execute(sql)),
    "the driver": async (sql) => first(await lease.connection.promise().execute(sql)),
    "a method": async (sql) => {
      const method = methods.get(sql) ?? db.method(sql);
      methods.set(sql, method);
      return first([await method([])]);
    },
  };
}

for (const [change, text, before, after] of changes) {
  testOnBoth(`after ${change} statements are prepared anew, on every path`, async (
    server,
  ) => {
    await using db = poolAt(server);
    for (const way of ["execute", "a lease", "the driver", "a method"]) {
      for (const changeBy of ["execute", "the driver's query"]) {
        await db.unit(async () => {
          await using lease = await db.lease();
          const run = waysOf(db, lease)[way];
          if (run === undefined) throw new RangeError(way);
          await lease.query("PREPARE setting FROM 'SET @@sql_mode = \\'PIPES_AS_CONCAT\\''");
          const found = await run(text);
          if (before !== undefined) assert.equal(found, before, way);
          if (changeBy === "execute" && !/^(?:USE|CALL|EXECUTE)/.test(change)) {
            await db.execute(change);
          } else await lease.connection.promise().query(change);
          assert.equal(await run(text), after, `${way}, changed by ${changeBy}`);
          assert.equal(await run(text), after, `${way}, changed by ${changeBy}`);
        });
        assert.notEqual((await db.execute(text))[0][0]?.["value"], after);
      }
    }
  });
}

testOnBoth("after a holder's changeUser or reset, statements are prepared anew", async (server) => {
  await using db = poolAt(server);
  await using lease = await db.lease();
  const driver = lease.connection.promise();
  const value = async (): Promise<unknown> => Object(await lease.execute(rows))[0][0].value;
  assert.equal(await value(), "of a");
  await driver.changeUser({ database: "b" });
  assert.equal(await value(), "of b");
  await driver.changeUser({ database: "test" });
  assert.equal(await value(), "of a");
  await driver.query("USE b");
  assert.equal(await value(), "of b");
  await driver.reset();
  assert.equal(await value(), "of b");
  lease.release();
  assert.equal((await db.execute(rows))[0][0]?.["value"], "of a");
});

testOnBoth("an execute behind a running change of database waits for it", async (server) => {
  await using db = poolAt(server);
  await using lease = await db.lease();
  const driver = lease.connection.promise();
  const asked = [
    driver.execute(rows),
    driver.query("USE b"),
    driver.execute(rows),
    driver.query("USE test"),
    driver.execute(rows),
  ];
  const found = (await Promise.all(asked)).map(([rows]) => Object(rows)[0]?.value);
  assert.deepEqual(found, ["of a", undefined, "of b", undefined, "of a"]);
});

testOnBoth("statements that initSql prepares do not outlive its change of database", async (
  server,
) => {
  const initSql = async (connection: Connection): Promise<void> => {
    await connection.promise().execute(rows);
    await connection.promise().query("USE b");
  };
  await using db = poolAt(server, { initSql });
  for (let round = 0; round < 2; round++) {
    assert.equal((await db.execute(rows))[0][0]?.["value"], "of b");
    await db.unit(() => db.query("SET @a = 1"));
  }
});

testOnBoth("a prepared statement that the holder keeps stays usable", async (server) => {
  await using db = poolAt(server);
  await using lease = await db.lease();
  const driver = lease.connection.promise();
  const handle = await driver.prepare(rows);
  await driver.query("USE b");
  assert.equal(Object((await handle.execute([]))[0])[0].value, "of a");
  assert.equal(Object((await driver.execute(rows))[0])[0].value, "of b");
  await handle.close();
  assert.equal(Object((await driver.execute(rows))[0])[0].value, "of b");
});

testOnBoth("other statements leave all prepared statements in use", async (server) => {
  await using proxy = await startProxy(server);
  await using db = poolAt(server, { uri: proxy.uri });
  await db.unit(async () => {
    await using lease = await db.lease();
    await lease.execute(rows);
    for (
      const sql of [
        "SELECT 1",
        "SET @a = 1",
        "SET SESSION max_join_size = 1000000",
        "SET time_zone = '+01:00'",
        "CREATE TEMPORARY TABLE tmp (v INT)",
        "START TRANSACTION",
        "INSERT INTO t VALUES ('more')",
        "ROLLBACK",
        "SELECT GET_LOCK('a', 0)",
      ]
    ) {
      await lease.query(sql);
      await lease.query("SELECT nonsense").catch(() => undefined);
      proxy.forget();
      await lease.execute(rows);
      assert.deepEqual(proxy.forget(), ["EXECUTE"], sql);
    }
  });
});
