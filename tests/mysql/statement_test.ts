/** What statements may leave, by their text alone. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { effectOf } from "../../src/mysql/statement.ts";

function expect(effect: string, statements: readonly string[]): void {
  for (const sql of statements) assert.equal(effectOf(sql).effect, effect, sql);
}

test("ordinary statements leave nothing", () => {
  expect("none", [
    "SELECT 1",
    "  select * from t where a = 'x' into outfile 'y'",
    "(SELECT 1) UNION (SELECT 2)",
    "/* app:shop */ SELECT 1",
    "-- why\n# how\nSELECT 1",
    "SELECT /*+ SET_VAR(sort_buffer_size = 16M) */ 1",
    "INSERT INTO t (a) VALUES (?) ON DUPLICATE KEY UPDATE a = LAST_INSERT_ID(a)",
    "INSERT INTO t VALUES ('a@b.example')",
    "UPDATE t SET n = n - 1",
    "DELETE FROM t",
    "REPLACE INTO t VALUES (1)",
    "WITH c AS (SELECT 1) SELECT * FROM c",
    "VALUES ROW(1)",
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
    "SELECT role FROM users -- who; what\n",
    "SELECT 1 /*! , 2 */",
    "BEGIN /* by hand */",
  ]);
});

test("locks by name are found in any disguise", () => {
  expect("state", [
    "SELECT GET_LOCK('a', 1)",
    "select get_lock ('a', 1)",
    "SELECT /**/ Get_Lock/**/('a', 1)",
    "SELECT `GET_LOCK`('a', 1)",
    "SELECT 1 /*!50000 , GET_LOCK('a', 1) */",
    "SELECT 1 /*M!100100 , GET_LOCK('a', 1) */",
    "DO GET_LOCK('a', 1)",
    "SELECT service_get_read_locks('n', 'a', 1)",
    "INSERT INTO t SELECT GET_LOCK('a', 1)",
  ]);
});

test("variables that a query assigns are found in any disguise", () => {
  expect("state", [
    "SELECT @x := 5",
    "SELECT @x:=5",
    "SELECT 1 INTO @x",
    "SELECT 1 INTO@x",
    "SELECT .5INTO @x",
    "SELECT 1 INTO/* here */@x",
    "SELECT 1 INTO -- here\n @x",
    "SELECT 1 INTO # here\n @x",
    "SELECT 1 INTO /*!50000 @x */",
    "SELECT 1 /*!50000 INTO */ @x",
    "select n into\t@x from t",
    "UPDATE t SET n = (@x := n + 1)",
  ]);
});

test("statements of other kinds are taken to leave state", () => {
  expect("state", [
    "SET @x = 1",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "/* a */ SET @x = /* b */ (SELECT 1)",
    "LOCK TABLES t READ",
    "UNLOCK TABLES",
    "FLUSH TABLES WITH READ LOCK",
    "HANDLER t OPEN",
    "XA START 'x'",
    "CREATE TEMPORARY TABLE t (a INT)",
    "PREPARE s FROM 'SELECT 1'",
    "LOAD DATA INFILE 'x' INTO TABLE t (@a)",
    "/*!50000 SET @x = 1 */",
    "SELECT 1; SET @x = 1",
    "SELECT 1; LOCK TABLES t READ; SELECT 2",
  ]);
});

test("what a reset does not undo, or nobody can tell, takes a new login", () => {
  expect(
    "identity",
    [
      "USE other",
      "SET ROLE admin",
      "set default role all to app",
      "PREPARE s FROM 'SET ROLE admin'",
      "EXECUTE s",
      "EXECUTE IMMEDIATE 'SELECT 1'",
      "CALL p()",
      "BEGIN NOT ATOMIC SET @x = 1; END",
      "SELECT 1; USE other",
      "SOMETHING NEW",
      "SELECT 'a\\' := GET_LOCK('b', 1)",
      "",
    ].filter((sql) => sql !== ""),
  );
});

test("quotes and comments do not hide what follows them", () => {
  expect("state", [
    "SELECT 'it''s', @x := 1",
    'SELECT "a""b", @x := 1',
    "SELECT `a``b`, @x := 1 FROM t",
    "SELECT 1 -- '\n, @x := 1",
    "SELECT 1 /* ' */, @x := 1",
    "SELECT 5--1, @x := '--'",
  ]);
  expect("none", [
    "SELECT 'GET_LOCK(', ';', 1 /* ; */",
    "SELECT 1 # := \n",
    "SELECT ':='",
  ]);
});

test("the verdict on a text does not depend on what was asked before", () => {
  for (let at = 0; at < 5000; at++) {
    assert.equal(effectOf(`SELECT ${at}`).effect, "none");
    assert.equal(effectOf(`SELECT @x := ${at}`).effect, "state");
  }
});

test("texts of any length are read, in no time", () => {
  const long = "x; /* := ".repeat(1_000_000);
  const began = performance.now();
  expect("none", [`/* ${long} */ SELECT 1`, `${" \n(".repeat(2_000_000)}SELECT 1`]);
  expect("none", [`SELECT '${long}'`, `INSERT INTO t VALUES ('${long}')`]);
  expect("state", [`SELECT '${long}', @x := 1`]);
  assert.ok(performance.now() - began < 5000);
});
