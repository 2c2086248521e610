/** What the analyser finds that statements may leave in a session, by their text alone. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ANSI_QUOTES,
  IGNORE_SPACE,
  MODE_UNKNOWN,
  NO_BACKSLASH_ESCAPES,
} from "../../src/mysql/lexer.ts";
import { analyserOf } from "../../src/mysql/statement.ts";
import type { Effect } from "../../src/mysql/statement_effects.ts";

const versions = ["9.7.4", "5.5.5-10.11.19-MariaDB-0+deb12u1"] as const;
const analysers = versions.map((version) => analyserOf(version, []));

function expect(effect: Effect, statements: readonly string[], mode = IGNORE_SPACE): void {
  for (const analyser of analysers) {
    for (const sql of statements) assert.equal(analyser.analyse(sql, mode).effect, effect, sql);
  }
}

function effectOf(sql: string, mode = 0): Effect | undefined {
  return analysers[0]?.analyse(sql, mode).effect;
}

test("ordinary statements leave nothing", () => {
  expect("none", [
    "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'",
    "SELECT 1",
    "  select * from t where a = 'x' into outfile 'y'",
    "(SELECT 1) UNION (SELECT 2)",
    "/* app:shop */ SELECT 1",
    "-- why\n# how\nSELECT 1",
    "SELECT /*+ SET_VAR(optimizer_switch = 'mrr=off') */ 1",
    "INSERT INTO t (a) VALUES (?) ON DUPLICATE KEY UPDATE a = LAST_INSERT_ID(a), b = VALUES(b)",
    "INSERT LOW_PRIORITY IGNORE INTO `db`.`t` (`a`) SELECT * FROM u WHERE id IN (1, 2)",
    "INSERT INTO ?? (??) VALUES ?",
    "INSERT INTO t VALUES ('a@b.example')",
    "REPLACE t (a) VALUES (1)",
    "UPDATE t SET n = n - 1, a = REPLACE(a, 'x', 'y') WHERE (a) AND (b) OR NOT (c)",
    "DELETE FROM t WHERE a BETWEEN (1) AND (2)",
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c), d (m) AS (SELECT 2) SELECT 1",
    "SELECT COUNT (*), NOW(), COALESCE(a, b) FROM t GROUP BY (a) HAVING (a) ORDER BY (b) LIMIT 5",
    "SELECT SUM(x) OVER (PARTITION BY a), RANK() OVER w FROM t WINDOW w AS (ORDER BY a)",
    "SELECT CAST(a AS DECIMAL(10, 2)), CONVERT(a, CHAR(10)), a->>'$.x', {d '2026-01-01'} FROM t",
    "SELECT * FROM t JOIN u USING (id) LEFT JOIN v ON (v.id = t.id) USE INDEX (i) FOR UPDATE",
    "SELECT a FROM t WHERE MATCH (a) AGAINST ('x' IN BOOLEAN MODE)",
    "SELECT * FROM t, JSON_TABLE(t.j, '$[*]' COLUMNS (a VARCHAR(9) PATH '$.a')) AS j",
    "SELECT * FROM (SELECT 1, 2) AS d (a, b)",
    "SELECT grüße, 5abc, t.2024, 1e5, .5, x'41', 0x41, _utf8mb4'a' FROM t",
    "VALUES (1)",
    "BEGIN",
    "begin work;",
    "START TRANSACTION READ ONLY",
    "COMMIT",
    "ROLLBACK TO SAVEPOINT a",
    "SAVEPOINT a",
    "RELEASE SAVEPOINT a",
    "SHOW WARNINGS",
    "EXPLAIN SELECT 1",
    "SELECT 1;",
    "SELECT 1; INSERT INTO t (a) VALUES (1);",
    "SELECT role FROM users -- who; what\n",
    "SELECT 1 /*! , 2 */",
    "BEGIN /* by hand */",
    "DO RELEASE_LOCK('a')",
  ]);
  expect("none", [""]);
});

test("named locks and variables that a query assigns are found in any spelling", () => {
  expect("state", [
    "SELECT GET_LOCK('a', 1)",
    "SELECT /**/ Get_Lock/**/('a', 1)",
    "DO GET_LOCK('a', 1)",
    "INSERT INTO t SELECT GET_LOCK('a', 1)",
    "SELECT @x := 5",
    "SELECT @x:=5",
    "SELECT 1 INTO @x",
    "SELECT 1 INTO@x",
    "SELECT 1 INTO/* here */@x",
    "SELECT 1 INTO -- here\n @x",
    "SELECT 1 INTO # here\n @x",
    "select n into\t@x from t",
    "UPDATE t SET n = (@x := n + 1)",
  ]);
  expect("identity", [
    "SELECT `GET_LOCK`('a', 1)",
    "SELECT service_get_read_locks('n', 'a', 1)",
    "SELECT 1 /*!50000 , GET_LOCK('a', 1) */",
    "SELECT 1 /*M!100100 INTO */ @x",
    "SELECT 1 INTO /*!50000 @x */",
  ]);
});

test("other statements leave state, some of which only a new login wipes", () => {
  expect("state", [
    "SET @x = 1",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SET STATEMENT max_statement_time = 1 FOR SET @x = 1",
    "/* a */ SET @x = /* b */ (SELECT 1)",
    "SET NAMES latin1",
    "set default role all to app",
    "LOCK TABLES t READ",
    "UNLOCK TABLES",
    "FLUSH TABLES WITH READ LOCK",
    "HANDLER t OPEN",
    "XA START 'x'",
    "CREATE TEMPORARY TABLE t (a INT, KEY i (a))",
    "CREATE FUNCTION f(a INT) RETURNS INT RETURN g(a)",
    "PREPARE s FROM 'SET ROLE admin'",
    "LOAD DATA INFILE 'x' INTO TABLE t (@a)",
    "GET DIAGNOSTICS @a = NUMBER",
    "SELECT 1; SET @x = 1",
  ]);
  expect("identity", [
    "USE other",
    "SET ROLE admin",
    "SET sql_mode = 'ANSI_QUOTES'",
    "SET @@SESSION.sql_mode = ''",
    "SET NAMES gbk",
    "SET ?",
    "SET SESSION ?? = ?",
    "EXECUTE s",
    "EXECUTE IMMEDIATE 'SELECT 1'",
    "CALL p()",
    "BEGIN NOT ATOMIC SET @x = 1; END",
    "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
    "SELECT 1; USE other",
    "SOMETHING NEW",
    "SELECT f(1), @x := 1",
    "CREATE TABLE t SELECT f(1)",
    "CREATE TABLE t VALUES (f(1))",
    "LOAD DATA INFILE 'x' INTO TABLE t (@a) SET b = f(@a)",
  ]);
});

test("a call of any function that is not known requires a new login, and is named", () => {
  for (
    const [sql, call] of [
      ["SELECT f()", "f"],
      ["SELECT f /**/ -- \n ('a')", "f"],
      ["SELECT `f`('a')", "f"],
      ["SELECT `now`()", "now"],
      ["SELECT db.f('a')", "db.f"],
      ["SELECT `db` . `F`('a')", "db.f"],
      ["SELECT t.5abs(1)", "t.5abs"],
      ["SELECT 5abs(1)", "5abs"],
      ["SELECT ??('x', 0)", "??"],
      ["SELECT ::f('x', 0)", "??"],
      ["SELECT NULL AND f(1)", "f"],
      ["SELECT f ?", "f"],
      ["INSERT INTO t (a) VALUES (f(1))", "f"],
      ["INSERT INTO t (a) SELECT f(1)", "f"],
      ["UPDATE t SET a = f(1)", "f"],
      ["WITH c AS (SELECT f(1)) SELECT 1", "f"],
      ["WITH c AS (SELECT 1) (SELECT * FROM c) ORDER BY a, f(1)", "f"],
      ["SELECT a FROM t GROUP BY a WITH ROLLUP HAVING f(a)", "f"],
      ["SELECT (1), f(2)", "f"],
      ["DO f()", "f"],
      ["SET STATEMENT max_statement_time = 1 FOR SELECT f()", "f"],
      ["SHOW TABLES WHERE f(1)", "f"],
      ["EXPLAIN SELECT f(1)", "f"],
      ["SELECT {fn f(1)}", "f"],
    ] as const
  ) {
    for (const analyser of analysers) {
      const { effect, reason } = analyser.analyse(sql, IGNORE_SPACE);
      assert.deepEqual([effect, reason], ["renewed", `call of ${call}`], sql);
    }
  }
});

test("a function is known only for the servers and versions that have it", () => {
  const calls = "SELECT VECTOR_DIM(a), STRING_TO_VECTOR(b)";
  const distance = "SELECT VEC_DISTANCE_COSINE(a, VEC_FromText('[1]'))";
  for (
    const [version, sql, effect] of [
      ["9.7.4", calls, "none"],
      ["8.4.3", calls, "renewed"],
      ["11.8.2-MariaDB", calls, "renewed"],
      ["11.8.2-MariaDB", distance, "none"],
      ["5.5.5-10.11.19-MariaDB", distance, "renewed"],
      ["9.7.4", distance, "renewed"],
      ["8.4.3", "SELECT MD5(a)", "none"],
      ["9.7.4", "SELECT MD5(a)", "renewed"],
      ["5.5.5-10.11.19-MariaDB", "SELECT JSON_TABLE('x', 1)", "renewed"],
    ] as const
  ) assert.equal(analyserOf(version, []).analyse(sql, 0).effect, effect, `${version}: ${sql}`);
});

test("functions that the user names as clean leave nothing, by exactly these names", () => {
  const analyser = analyserOf("9.7.4", ["F", "db.Pure"]);
  for (
    const [sql, effect] of [
      ["SELECT f(1), `F`(2), db.pure(3), `DB`.`PURE`(4)", "none"],
      ["SELECT db.f(1)", "renewed"],
      ["SELECT pure(1)", "renewed"],
      ["SELECT f(1), g(2)", "renewed"],
      ["SELECT a.db.pure(1)", "renewed"],
    ] as const
  ) assert.equal(analyser.analyse(sql, 0).effect, effect, sql);
});

test('some functions are known with a space before "(" only with IGNORE_SPACE', () => {
  for (const sql of ["SELECT NOW ()", "SELECT COUNT/**/(*) FROM t"]) {
    assert.equal(effectOf(sql, IGNORE_SPACE), "none");
    assert.equal(effectOf(sql, 0), "renewed");
    assert.equal(effectOf(sql, MODE_UNKNOWN), "renewed");
  }
  assert.equal(effectOf("SELECT ABS (1)", 0), "none");
});

test("a text that can be read in two ways is unknown", () => {
  for (
    const sql of [
      "SELECT /*!99999 ' */ f() -- '",
      "SELECT /*M! ' */ 1",
      "SELECT 1 /*!50000 /* */ , 2 */",
      "SELECT 1 /*!12 , 2 */",
      "SELECT 1 /*! , 2 */ /*! , 3 */",
      "SELECT 1 --\x7f + 1",
      "SELECT 1 --\x01 + 1",
      "SELECT 1 # \0\n",
      "SELECT \x01 1",
      "SELECT 'open",
      "SELECT 1 /* open",
      "SELECT /*+ X('a */ 1 -- ') */ 2",
      "SELECT /*+ X(?) */ 1",
      "SELECT $$ ' $$",
      "SELECT \\N",
      "SELECT a\u00a0b",
      "SELECT 1.5into",
      "SELECT ?abs(1)",
      "SELECT 1 ??? 2",
    ]
  ) {
    const { effect, reason } = analysers[0]?.analyse(sql, 0) ?? {};
    assert.deepEqual([effect, reason], ["renewed", "unknown text"], sql);
  }
});

test("the analyser reads strings by the sql_mode", () => {
  const backslash = String.raw`SELECT 'a\', f(1), '`;
  assert.equal(effectOf(backslash, 0), "none");
  assert.equal(effectOf(backslash, NO_BACKSLASH_ESCAPES), "renewed");
  assert.equal(effectOf(String.raw`SELECT 'a\', f(1), \''`, 0), "none");
  assert.equal(effectOf(String.raw`SELECT 'a\', f(1), '\'`, 0), "renewed");
  assert.equal(effectOf(String.raw`SELECT 'a\', 1, '\'`, NO_BACKSLASH_ESCAPES), "none");
  assert.equal(effectOf(String.raw`SELECT 'a\', f(1), \''`, NO_BACKSLASH_ESCAPES), "renewed");
  const double = String.raw`SELECT "{\"a\": 1}"`;
  assert.equal(effectOf(double, 0), "none");
  assert.equal(effectOf(double, ANSI_QUOTES), "renewed");
  assert.equal(effectOf(double, MODE_UNKNOWN), "renewed");
  assert.equal(effectOf('SELECT "a"', MODE_UNKNOWN), "none");
  assert.equal(effectOf('SELECT "f"(1)', MODE_UNKNOWN), "renewed");
});

test("the analysis of a text does not depend on earlier texts", () => {
  for (let at = 0; at < 5000; at++) {
    assert.equal(effectOf(`SELECT ${at}`), "none");
    assert.equal(effectOf(`SELECT @x := ${at}`), "state");
  }
});

test("the analyser reads texts of any length fast", () => {
  const long = "x; /* := ".repeat(1_000_000);
  const began = performance.now();
  expect("none", [`/* ${long} */ SELECT 1`, `${" \n(".repeat(1_000_000)}SELECT 1`]);
  expect("none", [`SELECT '${long}'`, `INSERT INTO t VALUES ('${long}')`]);
  expect("state", [`SELECT '${long}', @x := 1`]);
  expect("none", [`INSERT INTO t VALUES ${"(1, 'it''s; \\\\ \\'', NULL),".repeat(100_000)}(1)`]);
  assert.ok(performance.now() - began < 5000);
});

test("the analyser finds statements that change, or may change, views and triggers", () => {
  const texts: readonly (readonly [changes: boolean, mayChange: boolean, sql: string])[] = [
    [true, false, "CREATE OR REPLACE VIEW v AS SELECT 1"],
    [true, false, "DROP TRIGGER IF EXISTS t"],
    [true, false, "RENAME TABLE a TO b"],
    [true, false, "ALTER TABLE a RENAME TO b"],
    [false, false, "RENAME USER a TO b"],
    [false, true, "EXECUTE s"],
    [false, true, "BEGIN NOT ATOMIC DROP VIEW v; END"],
    [false, true, "IF 1 THEN DROP VIEW v; END IF"],
    [false, false, "BEGIN"],
    [false, false, "BEGIN WORK"],
    [false, false, "SELECT IF(1, 2, 3)"],
    [true, false, "DROP TABLE t"],
    [true, false, "DROP DATABASE d"],
    [false, false, "DROP TEMPORARY TABLE t"],
  ];
  for (const [changes, mayChange, sql] of texts) {
    const { changesObjects, mayChangeObjects } = analysers[1]!.analyse(sql, IGNORE_SPACE);
    assert.deepEqual([changesObjects, mayChangeObjects], [changes, mayChange], sql);
  }
});
