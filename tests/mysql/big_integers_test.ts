/** The option bigint: integers that a number cannot hold come back right. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, type PoolOptions } from "../../mod.ts";
import compat from "../../src/entries/compat_promise.ts";
import { Target } from "../../src/mysql/mod.ts";
import { onBoth, serversOf } from "../support/both.ts";
import type { Server } from "../support/server.ts";

const testOnBoth = onBoth(
  serversOf([], async (server) => {
    await server.query(
      "CREATE TABLE test.t (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, v INT)",
    );
  }),
  (server) => server.query("TRUNCATE TABLE test.t"),
);

const sql = "SELECT 9007199254740993 AS big, COUNT(*) AS small, NULL + 1 AS nothing, " +
  "CAST(-9223372036854775808 AS SIGNED) AS least";
const big = "9007199254740993";
const least = "-9223372036854775808";

/** What each setting makes of the statement's row. */
const rows: readonly (readonly [options: PoolOptions, row: readonly unknown[]])[] = [
  [{}, [big, 1, null, least]],
  [{ bigint: "string" }, [big, 1, null, least]],
  [{ bigint: "bigint" }, [BigInt(big), 1n, null, BigInt(least)]],
  [{ bigint: "number" }, [Number(big), 1, null, Number(least)]],
  [{ supportBigNumbers: false }, [Number(big), 1, null, Number(least)]],
  [{ supportBigNumbers: true, bigNumberStrings: true }, [big, "1", null, least]],
];

async function answers(
  server: Server,
  options: PoolOptions,
  row: readonly unknown[],
): Promise<void> {
  await using db = createPool({ uri: server.url(), shared: false, ...options });
  const names = ["big", "small", "nothing", "least"];
  const right = Object.fromEntries(names.map((name, index) => [name, row[index]]));
  for (const kind of ["query", "execute"] as const) {
    for (let round = 0; round < 2; round++) {
      const [[object]] = await db[kind](sql);
      assert.deepEqual({ ...object }, right, kind);
      const [[list]] = await db[kind]({ sql, rowsAsArray: true });
      assert.deepEqual(list, row, kind);
      const [[nested]] = await db[kind]({ sql, nestTables: "_" });
      assert.deepEqual(Object.values({ ...nested }), row, kind);
      const [[tables]] = await db[kind]({ sql, nestTables: true });
      assert.deepEqual({ ...Object(tables)[""] }, right, kind);
    }
  }
}

testOnBoth("a BIGINT is what the option says, in each form of row", async (server) => {
  for (const [options, row] of rows) await answers(server, options, row);
});

testOnBoth("an id and several results are converted, too", async (server) => {
  await using db = createPool({
    ...{ uri: server.url(), shared: false, bigint: "bigint", multipleStatements: true },
  });
  const insert = `INSERT INTO t (id) VALUES (${big})`;
  const [header] = await db.query(insert);
  assert.equal(Object(header).affectedRows, 1);
  const [next] = await db.execute("INSERT INTO t (v) VALUES (1)");
  assert.equal(Object(next).insertId, BigInt(big) + 1n);
  const [[first, , second]] = await db.query(`${sql}; DELETE FROM t; SELECT 1, ${big} AS big`);
  assert.equal(Object(first)[0].big, BigInt(big));
  assert.equal(Object(second)[0].big, BigInt(big));
});

testOnBoth("compat keeps mysql2's default", async (server) => {
  const pool = compat.createPool({ uri: server.url() });
  const [list] = await pool.query(sql) as unknown as [{ big: unknown }[]];
  assert.equal(list[0]?.big, Number(big));
  await pool.end();
});

test("an unknown setting, and one that contradicts the driver's options, is refused", () => {
  const wrong = [
    { bigint: "text" },
    { bigint: "bigint", supportBigNumbers: true },
    { bigint: "number", bigNumberStrings: false },
  ];
  for (const options of wrong) {
    assert.throws(() => new Target({ host: "a", ...options }), {
      name: "TargetOptionError",
      message: /^Option bigint must be /,
    });
  }
});
