/** Statements, prepared or not: their values, results and errors. */

import assert from "node:assert/strict";
import { one, refused } from "../../support/asking.ts";
import { both, Suite } from "../suite/suite.ts";

/** Tests of statements. */
export const statements: Suite = new Suite();

statements.test("an error of the server comes through unchanged", {
  on: both,
}, async (world) => {
  const db = world.pool();
  for (const how of ["query", "execute"] as const) {
    const error = await db[how]("SELECT * FROM nowhere").catch((error: unknown) => error);
    assert.ok(error instanceof Error);
    const { code, errno, sqlState } = error as Error & Record<string, unknown>;
    assert.deepEqual({ code, errno, sqlState }, {
      code: "ER_NO_SUCH_TABLE",
      errno: 1146,
      sqlState: "42S02",
    });
  }
  assert.equal(db.stats().size, 1);
});

statements.test("values of every kind come back as they were sent", { on: both }, async (world) => {
  await world.server.table(
    "t",
    "i BIGINT, d DECIMAL(20,4), f DOUBLE, s TEXT, b BLOB, t DATETIME(3), j JSON, n INT",
  );
  const db = world.pool({ timezone: "Z" });
  const at = new Date("2026-02-03T04:05:06.789Z");
  const bytes = Buffer.from([0, 255, 39, 92, 10]);
  const row = [
    -7,
    "12345678901234.5678",
    0.1,
    "naïve 🚲 'quoted' \\",
    bytes,
    at,
    '{"a": [1]}',
    null,
  ];
  const sql = "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
  await db.query(sql, row);
  await db.execute(sql, row);
  for (const how of ["query", "execute"] as const) {
    const [rows] = await db[how]("SELECT * FROM t");
    assert.equal(rows.length, 2);
    for (const { b, j, ...rest } of rows) {
      assert.deepEqual(rest, { i: -7, d: row[1], f: 0.1, s: row[3], t: at, n: null });
      assert.deepEqual([...(b as Uint8Array)], [...bytes]);
      assert.deepEqual(typeof j === "string" ? JSON.parse(j) : j, { a: [1] });
    }
  }
});

statements.test("a statement without rows returns counts and ids", { on: both }, async (world) => {
  await world.server.table("t", "id INT PRIMARY KEY AUTO_INCREMENT, v INT");
  const db = world.pool();
  const [inserted] = await db.execute<{ affectedRows: number; insertId: number }>(
    "INSERT INTO t (v) VALUES (1), (2), (3)",
  );
  assert.deepEqual([inserted.affectedRows, inserted.insertId], [3, 1]);
  const [rows, fields] = await db.query("SELECT v FROM t WHERE v > ?", [5]);
  assert.deepEqual([rows, fields.map(({ name }) => name)], [[], ["v"]]);
});

statements.test("a method binds its parameters by name", { on: both }, async (world) => {
  const db = world.pool();
  const sum = db.method<{ a: number; b: number }, { sum: number }>("SELECT :a + :b + :a AS sum");
  assert.deepEqual(await sum({ a: 1, b: 10 }), [{ sum: 12 }]);
  const sums = await Promise.all(Array.from({ length: 20 }, (_, a) => sum({ a, b: 0 })));
  assert.deepEqual(sums.flat().map((row) => row.sum), Array.from({ length: 20 }, (_, a) => 2 * a));
});

statements.test("a method binds its parameters in order", {}, async (world) => {
  const difference = world.pool().method<number[], { d: number }>("SELECT ? - ? AS d");
  assert.deepEqual(await difference([7, 3]), [{ d: 4 }]);
});

statements.test("a statement is prepared once on each connection, and again after a reset", {
  on: both,
}, async (world) => {
  const { id, uri } = await world.proxy();
  const db = world.pool({ uri, connectionLimit: 1, validateAfter: 60_000 });
  const square = db.method<{ n: number }, { s: number }>("SELECT :n * :n AS s");
  const prepared = "PREPARE SELECT ? * ? AS s";
  const sent = async (): Promise<string[]> => {
    const { commands } = await world.lab.network.traffic(id);
    return commands.filter((command) => /^(PREPARE|EXECUTE)/.test(command));
  };
  for (const n of [2, 3]) assert.deepEqual(await square({ n }), [{ s: n * n }]);
  assert.deepEqual(await sent(), [prepared, "EXECUTE", "EXECUTE"]);
  await db.unit(() => db.query("SET @a = 1"));
  assert.deepEqual(await square({ n: 4 }), [{ s: 16 }]);
  assert.deepEqual(await sent(), [prepared, "EXECUTE"]);
});

statements.test(
  "the driver's own prepared statements work on a lease",
  { on: both },
  async (world) => {
    const lease = await world.pool().lease();
    const statement = await lease.connection.promise().prepare("SELECT ? * 2 AS d");
    for (const n of [2, 3]) {
      const [rows] = await statement.execute([n]);
      assert.deepEqual(rows, [{ d: 2 * n }]);
    }
    await statement.close();
    lease.release();
  },
);

statements.test(
  "a lease hands out the driver's genuine connection",
  { on: both },
  async (world) => {
    const db = world.pool();
    const lease = await db.lease();
    const [rows] = await lease.connection.promise().query("SELECT CONNECTION_ID() AS id");
    assert.deepEqual(rows, [{ id: lease.threadId }]);
    lease.release();
    await refused(lease.query("SELECT 1"), "LEASE_ENDED");
    assert.throws(() => lease.connection, { code: "LEASE_ENDED" });
  },
);

statements.test("the driver gets its options", {}, async (world) => {
  const db = world.pool({ dateStrings: true });
  const [rows] = await db.query<unknown[]>({ sql: "SELECT 1 AS a, 2 AS a", rowsAsArray: true });
  assert.deepEqual(rows, [[1, 2]]);
  assert.equal(await one(db, "SELECT DATE '2026-02-03'"), "2026-02-03");
});
