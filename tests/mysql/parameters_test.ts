/** Parameters of prepared statements: counted before anything is sent; lists fill IN (…). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, type Pool } from "../../mod.ts";
import { ANSI_QUOTES, NO_BACKSLASH_ESCAPES } from "../../src/mysql/lexer.ts";
import { Parameters, placesIn } from "../../src/mysql/parameters.ts";
import { failure } from "../support/asking.ts";
import { onBoth, serversOf } from "../support/both.ts";

const testOnBoth = onBoth(serversOf([], async (server) => {
  await server.query("CREATE TABLE test.t (id INT, name VARCHAR(20), more JSON)");
  await server.query("INSERT INTO test.t (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
}));

function bound(sql: string, values: unknown, isNamed = false): [sql: string, values: unknown] {
  const statement = { sql, values, isPrepared: true, options: undefined };
  const { sql: text, values: all } = new Parameters(sql, 0).bound(statement, isNamed);
  return [text, all];
}

function countOf(sql: string, mode = 0): number {
  return placesIn(sql, mode).places.length;
}

test("placeholders in strings, names and comments do not count", () => {
  assert.equal(countOf("SELECT ?, '?', \"?\", `?` /* ? */ -- ?\n, ? # ?"), 2);
  assert.equal(countOf("SELECT '\\'?', ?"), 1);
  assert.equal(countOf("SELECT '\\', ?", NO_BACKSLASH_ESCAPES), 1);
  assert.equal(countOf('SELECT "a\\" = ?', ANSI_QUOTES), 1);
});

test("a list fills IN (…) as often as a power of two, by its last element", () => {
  const sql = "SELECT * FROM t WHERE id IN (?) AND a NOT IN ( /* ? */ ? ) AND b = ?";
  assert.deepEqual(bound(sql, [[1, 2, 3], ["x"], 7]), [
    "SELECT * FROM t WHERE id IN (?, ?, ?, ?) AND a NOT IN ( /* ? */ ? ) AND b = ?",
    [1, 2, 3, 3, "x", 7],
  ]);
  const texts = new Set(Array.from({ length: 100 }, (_, index) => {
    return bound("SELECT 1 IN (?)", [Array(index + 1).fill(1)])[0];
  }));
  assert.equal(texts.size, 8);
});

test("a statement without lists is sent as it is", () => {
  const statement = { sql: "SELECT ?", values: [1], isPrepared: true, options: undefined };
  assert.equal(new Parameters("SELECT ?", 0).bound(statement, false), statement);
});

test("lists of named placeholders become question marks, in their order", () => {
  const sql = "SELECT ':c' FROM t WHERE id IN (:ids) AND a = :a OR id NOT IN (:ids)";
  assert.deepEqual(bound(sql, { a: 7, ids: [1, 2, 3] }, true), [
    "SELECT ':c' FROM t WHERE id IN (?, ?, ?, ?) AND a = ? OR id NOT IN (?, ?, ?, ?)",
    [1, 2, 3, 3, 7, 1, 2, 3, 3],
  ]);
  const values = { a: 7, ids: 1, other: [1] };
  assert.deepEqual(bound(sql, values, true), [sql, values]);
});

test("a single value is that of a single placeholder", () => {
  for (const value of [7, 0, "", false, 1n]) {
    assert.deepEqual(bound("SELECT ?", value), ["SELECT ?", [value]]);
  }
  assert.deepEqual(bound("SELECT 1", null), ["SELECT 1", null]);
  assert.throws(() => bound("SELECT ?", null), /has 1 parameter, and no value was given/);
  assert.throws(() => bound("SELECT ?, ?", 7), /has 2 parameters, and 1 value was given/);
});

test("an error shows the text around the place", () => {
  const sql = `INSERT INTO t (${"column, ".repeat(30)}) VALUES (1, f(?) + g(:name)) -- the end`;
  assert.throws(() => bound(sql, [[1]]), /: ….* VALUES \(1, f\(\?\) \+ g\(:name\)\) -- the end$/);
  assert.throws(() => bound(sql, {}, true), /:name is missing.*: ….* g\(:name\)\) -- the end$/);
});

test("lists of all lengths fit into what one statement can take", () => {
  const [sql, values] = bound("SELECT 1 IN (?), ?", [Array(65_000).fill(1), 2]);
  assert.equal((values as unknown[]).length, 65_535);
  assert.equal(sql.split("?").length - 1, 65_535);
  assert.throws(() => bound("SELECT 1 IN (?), ?", [Array(65_535).fill(1), 2]), {
    name: "TypeError",
    message: /Parameter 1 is a list of 65535 elements, and at most 65534 can be sent/,
  });
});

test("what cannot be sent is an error that names the place", () => {
  const cases: readonly [sql: string, values: unknown[], message: RegExp][] = [
    ["SELECT ?, ?", [1], /has 2 parameters, and 1 value was given: SELECT \?, \?$/],
    ["SELECT ?", [1, 2], /has 1 parameter, and 2 were given/],
    ["SELECT 1", [1], /has 0 parameters, and 1 value was given/],
    ["SELECT ?", [], /has 1 parameter, and no value was given/],
    ["SELECT ?, ?", [1, undefined], /Parameter 2 of 2 is missing or undefined; NULL is null/],
    ["SELECT ? = 1", [[1]], /Parameter 1 of 1 is an array: .*JSON\.stringify/],
    ["SELECT 1 IN (?, 2)", [[1]], /Parameter 1 of 1 is an array/],
    ["SELECT f(?)", [[1]], /Parameter 1 of 1 is an array/],
    ["INSERT INTO t VALUES (?)", [[1]], /Parameter 1 of 1 is an array/],
    ["SELECT 1 IN (?)", [[]], /Parameter 1 of 1 is an empty list/],
    ["SELECT 1 IN (?)", [[1, undefined]], /Parameter 1 of 1, an element of a list, is missing/],
    ["SELECT (1, 2) IN (?)", [[[1, 2]]], /Parameter 1 of 1 is a list of lists/],
  ];
  for (const [sql, values, message] of cases) {
    const error = { name: "TypeError", code: "PARAMETER_INVALID", message };
    assert.throws(() => bound(sql, values), error, sql);
  }
});

/** Returns the ids that a statement finds. */
async function idsOf(asked: Promise<unknown[]>): Promise<unknown[]> {
  return (await asked).map((row) => Object(row).id);
}

async function executed(db: Pool<"main">, sql: string, values: unknown[]): Promise<unknown[]> {
  return await idsOf(db.execute(sql, values).then(([rows]) => rows));
}

testOnBoth("lists are found by execute, methods, leases and transactions", async (server) => {
  await using db = createPool({ uri: server.url(), shared: false });
  const sql = "SELECT id FROM t WHERE id IN (?) AND id NOT IN (?) ORDER BY id";
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(await executed(db, sql, [[1, 2, 3], [2]]), [1, 3]);
    assert.deepEqual(await executed(db, sql, [2, 1]), [2]);
  }
  const byIds = db.method<{ ids: number[]; name?: string }, { id: number }>(
    "SELECT id FROM t WHERE id IN (:ids) ORDER BY id",
  );
  assert.deepEqual(await idsOf(byIds({ ids: [3, 1, 9] })), [1, 3]);
  const named = { sql: "SELECT id FROM t WHERE id IN (:ids)", namedPlaceholders: true };
  assert.deepEqual(await idsOf(db.execute(named, { ids: [2] }).then(([rows]) => rows)), [2]);
  await using other = createPool({ uri: server.url(), shared: false, namedPlaceholders: true });
  assert.equal((await other.execute(named.sql, { ids: [3, 1, 9] }))[0].length, 2);
  assert.equal((await other.execute("SELECT id FROM t WHERE id = :id", { id: 1 }))[0].length, 1);
  assert.equal((await other.execute("SELECT id FROM t WHERE id = ?", 1))[0].length, 1);
  const byPlaces = db.method<unknown[]>("SELECT id FROM t WHERE id IN (?) ORDER BY id");
  assert.deepEqual(await idsOf(byPlaces([[1, 2]])), [1, 2]);
  await using lease = await db.lease();
  const [rows] = await lease.execute("SELECT id FROM t WHERE name IN (?)", [["a", "b"]]);
  assert.equal(rows.length, 2);
  lease.release();
  assert.deepEqual(await db.transaction(() => executed(db, sql, [[1, 2], [1]])), [2]);
});

testOnBoth(
  "a value too few or too many, or out of place, never reaches the server",
  async (server) => {
    await using db = createPool({ uri: server.url(), shared: false, connectionLimit: 1 });
    await db.query("SELECT 1");
    const before = await server.query("SHOW GLOBAL STATUS LIKE 'Com_stmt_%'");
    const cases: readonly [run: () => Promise<unknown>, message: RegExp][] = [
      [() => db.execute("SELECT ?", [1, 2]), /has 1 parameter, and 2 were given/],
      [() => db.execute("SELECT ?, ?", [1]), /has 2 parameters, and 1 value was given/],
      [() => db.execute("SELECT ?"), /has 1 parameter, and no value was given/],
      [() => db.execute("SELECT * FROM t WHERE id = ?", [[1, 2]]), /Parameter 1 of 1 is an array/],
      [() => db.execute("SELECT * FROM t WHERE id IN (?)", [[]]), /empty list/],
      [() => db.unit(() => db.execute("SELECT ?", [undefined])), /Parameter 1 of 1 is missing/],
      [() => db.method<object>("SELECT :ids")({ ids: [1] }), /Parameter :ids is an array/],
      [
        () => db.method<object>("SELECT 1 IN (:ids)")({ ids: [] }),
        /Parameter :ids is an empty list/,
      ],
      [
        () => db.execute({ sql: "SELECT :ids", namedPlaceholders: true, values: { ids: [1] } }),
        /Parameter :ids is an array/,
      ],
      [
        () => db.execute({ sql: "SELECT :a, :b", namedPlaceholders: true, values: { a: 1 } }),
        /Parameter :b is missing or undefined/,
      ],
      [() => db.execute({ sql: "SELECT :a", namedPlaceholders: true }), /Parameter :a is missing/],
      [() => db.execute("SELECT ?", null), /has 1 parameter, and no value was given/],
      [() => db.execute("SELECT :a", { a: 1 }), /Bind parameters must be array/],
    ];
    for (const [run, message] of cases) {
      const error = await failure(run());
      assert.ok(error instanceof TypeError, String(error));
      assert.match(error.message, message);
      assert.match(error.stack ?? "", /parameters_test/);
    }
    assert.deepEqual(await server.query("SHOW GLOBAL STATUS LIKE 'Com_stmt_%'"), before);
    assert.equal(db.stats().leased, 0);
  },
);

testOnBoth("query keeps the driver's lists, sets and rows", async (server) => {
  await using db = createPool({ uri: server.url(), shared: false });
  await db.transaction(async (tx) => {
    await tx.query("INSERT INTO t (id, name) VALUES ?", [[[4, "d"], [5, "e"]]]);
    await tx.query("UPDATE t SET ? WHERE id IN (?)", [{ name: "z" }, [4, 5]]);
    const [rows] = await tx.query("SELECT id FROM t WHERE name = 'z' ORDER BY id");
    assert.deepEqual(rows.map((row) => row["id"]), [4, 5]);
    await tx.query("DELETE FROM t WHERE id IN (?)", [[4, 5]]);
  });
  await db.execute("UPDATE t SET more = ? WHERE id = 1", [JSON.stringify([1, 2])]);
  const [[row]] = await db.query("SELECT JSON_LENGTH(more) AS n FROM t WHERE id = 1");
  assert.equal(row?.["n"], 2);
});

testOnBoth("an error shows the text of the caller, not the expanded list", async (server) => {
  await using db = createPool({ uri: server.url(), shared: false });
  const sql = "SELECT id FROM nowhere WHERE id IN (?)";
  for (
    const run of [() => db.execute(sql, [[1, 2, 3]]), () => db.method<unknown[]>(sql)([[1, 2, 3]])]
  ) {
    const error = await failure(run());
    assert.equal(Object(error).code, "ER_NO_SUCH_TABLE");
    assert.equal(Object(error).sql, sql);
  }
});
