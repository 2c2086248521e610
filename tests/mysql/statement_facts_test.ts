/** What the analyser finds that statements do, by their text alone. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { IGNORE_SPACE } from "../../src/mysql/lexer.ts";
import { analyserOf } from "../../src/mysql/statement.ts";
import { weakFacts } from "../../src/mysql/statement_facts.ts";
import type { StatementFacts } from "../../src/port/session.ts";

const analyser = analyserOf("9.7.4", ["clean"]);
const mariadb = analyserOf("11.8.2-MariaDB", ["clean"]);

function factsOf(sql: string): StatementFacts {
  return analyser.analyse(sql, IGNORE_SPACE);
}

/** Expects a fact to have a value for each text, on MySQL and on MariaDB. */
function expect<Name extends keyof StatementFacts>(
  name: Name,
  value: StatementFacts[Name],
  statements: readonly string[],
): void {
  for (const sql of statements) {
    assert.equal(factsOf(sql)[name], value, sql);
    assert.equal(mariadb.analyse(sql, IGNORE_SPACE)[name], value, `MariaDB: ${sql}`);
  }
}

const reads: readonly string[] = [
  "SELECT * FROM t WHERE a = ? FOR UPDATE",
  "(SELECT 1) UNION (SELECT 2)",
  "WITH c AS (SELECT 1) SELECT * FROM c",
  "SELECT UPPER(a), LAST_INSERT_ID()",
  "SELECT 1 INTO @x",
  "SELECT @x := 1",
  "VALUES ROW(1)",
  "TABLE t",
  "SHOW TABLES",
  "EXPLAIN DELETE FROM t",
  "EXPLAIN ANALYZE SELECT 1",
  "EXPLAIN ANALYZE FORMAT = TREE SELECT 1",
  "DESCRIBE t",
  "DO SLEEP(1)",
  "SET @a = 1, SESSION sort_buffer_size = 1",
  "SET ROLE NONE",
  "USE other",
  "START TRANSACTION",
  "BEGIN",
  "COMMIT",
  "ROLLBACK",
  "SAVEPOINT a",
  "RELEASE SAVEPOINT a",
  "SELECT 1; SELECT 2",
  "SET STATEMENT max_statement_time = 1 FOR SELECT 1",
  "SELECT 1 /*! , 2 */",
];

const mayWrite: readonly string[] = [
  "INSERT INTO t VALUES (1)",
  "SELECT clean(1)",
  "WITH c AS (SELECT 1) DELETE FROM t",
  "SELECT f(1)",
  "SELECT ??(1)",
  "SELECT * FROM t WHERE f(a)",
  "SELECT 1 INTO OUTFILE 'x'",
  "TABLE t INTO DUMPFILE 'x'",
  "SELECT GET_LOCK('a', 1)",
  "SELECT RELEASE_LOCK('a')",
  "SELECT NEXT VALUE FOR s",
  "SELECT NEXTVAL(s)",
  "SELECT SETVAL(s, 1)",
  "SELECT s.nextval",
  "EXPLAIN ANALYZE DELETE FROM t",
  "EXPLAIN ANALYZE WITH c AS (SELECT 1) DELETE FROM t",
  "ANALYZE SELECT 1",
  "CALL p()",
  "LOAD DATA INFILE 'x' INTO TABLE t",
  "CREATE TEMPORARY TABLE t (a INT)",
  "SET GLOBAL a = 1",
  "SET @a = 1, @@GLOBAL.b = 2",
  "SET PERSIST a = 1",
  "SET @a = f()",
  "SET PASSWORD = 'x'",
  "SET DEFAULT ROLE NONE TO a",
  "SET STATEMENT max_statement_time = 1 FOR DELETE FROM t",
  "BEGIN NOT ATOMIC DELETE FROM t; END",
  "EXECUTE s",
  "SELECT 1; DELETE FROM t",
  "SELECT 1 /*! INTO OUTFILE */",
  "SELECT 'open",
  "",
];

test("isReadOnly distinguishes statements that only read from those that may write", () => {
  expect("isReadOnly", true, reads);
  expect("isReadOnly", false, mayWrite);
});

test("a single write is one statement that writes rows", () => {
  expect("isSingleWrite", true, [
    "INSERT INTO t VALUES (1)",
    "UPDATE t SET a = f(1)",
    "DELETE FROM t",
    "REPLACE INTO t VALUES (1);",
    "WITH c AS (SELECT 1) UPDATE t SET a = 1",
  ]);
  expect("isSingleWrite", false, [
    "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)",
    "SELECT 1",
    "EXPLAIN INSERT INTO t VALUES (1)",
    "LOAD DATA INFILE 'x' INTO TABLE t",
    "CALL p()",
    "TRUNCATE t",
    "INSERT INTO t VALUES ('open",
  ]);
});

test("a statement that reads the id of an earlier one is found in any spelling", () => {
  expect("reads", "id", [
    "SELECT LAST_INSERT_ID()",
    "SELECT last_insert_id /* x */ -- y\n ( /* z */ )",
    "SELECT `a`, LAST_INSERT_ID() FROM t",
    "INSERT INTO t VALUES (LAST_INSERT_ID())",
    "UPDATE t SET a = LAST_INSERT_ID()",
    "SELECT LAST_INSERT_ID(), ROW_COUNT()",
    "SELECT @@identity",
    "SELECT @@session.last_insert_id",
    "SELECT @@LOCAL . `identity`",
    "SELECT PREVIOUS VALUE FOR s",
    "SHOW VARIABLES LIKE 'identity'",
    String.raw`SHOW SESSION VARIABLES LIKE 'last\_insert\_id'`,
    "SHOW VARIABLES LIKE 'last_insert%'",
    "SHOW LOCAL VARIABLES LIKE '%INSERT_ID'",
    'SHOW VARIABLES LIKE "ídentit_"',
    "SHOW VARIABLES WHERE Variable_name = 'identity'",
    "SHOW VARIABLES WHERE Variable_name IN ('sql_mode', 'last_insert_id')",
    "SHOW VARIABLES WHERE Variable_name LIKE 'last_ins%'",
    "SHOW VARIABLES WHERE Variable_name = 'ident' 'ity'",
    "SHOW VARIABLES WHERE Variable_name = x'6964656e74697479'",
    "SHOW VARIABLES WHERE Variable_name = 0x6964656e74697479",
    "SELECT * FROM performance_schema.session_variables WHERE variable_name = 'last_insert_id'",
    "SELECT * FROM `information_schema`.`SYSTEM_VARIABLES` WHERE variable_name LIKE 'identity'",
    "SELECT 1; SELECT LAST_INSERT_ID()",
    "SELECT 1 /*! , LAST_INSERT_ID() */",
  ]);
});

test("a statement that reads the result info of the last one is found in any spelling", () => {
  assert.equal(mariadb.analyse("SELECT LASTVAL(s)", 0).reads, "id");
  expect("reads", "previous", [
    "SELECT ROW_COUNT()",
    "SELECT FOUND_ROWS ()",
    "SHOW WARNINGS",
    "/* a */ show errors limit 1",
    "SHOW COUNT(*) WARNINGS",
    "SHOW COUNT ( * ) ERRORS",
    "GET DIAGNOSTICS @a = NUMBER",
    "GET CURRENT DIAGNOSTICS @a = ROW_COUNT",
    "SELECT @@warning_count",
    "SELECT @@session.error_count",
    "SELECT @@`error_count`",
    "SELECT @@last_gtid",
  ]);
});

test("a statement that reads nothing of an earlier one is not refused", () => {
  expect("reads", "nothing", [
    "SELECT LAST_INSERT_ID(5)",
    "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = LAST_INSERT_ID(a)",
    "SELECT 'LAST_INSERT_ID()', @identity, identity FROM t",
    "SELECT last_insert_id FROM t",
    "SET @@identity = 5",
    "SET SESSION last_insert_id = 5",
    "SHOW VARIABLES LIKE 'sql_mode'",
    "SHOW VARIABLES",
    "SHOW VARIABLES LIKE '%'",
    "SHOW VARIABLES LIKE '%id%'",
    "SHOW VARIABLES LIKE '%error%'",
    "SHOW VARIABLES LIKE ?",
    "SHOW VARIABLES WHERE Variable_name IN ('sql_mode', 'version')",
    "SHOW GLOBAL VARIABLES LIKE 'identity'",
    "SELECT * FROM performance_schema.session_variables",
    "SELECT 'identity', 'last_insert_id' FROM variables_of_mine",
    "INSERT INTO t VALUES (1); SELECT LAST_INSERT_ID(), ROW_COUNT()",
    "UPDATE t SET a = LAST_INSERT_ID(a + 1); SELECT LAST_INSERT_ID()",
    "SELECT SQL_CALC_FOUND_ROWS * FROM t LIMIT 1; SELECT FOUND_ROWS()",
    "CREATE TRIGGER r AFTER INSERT ON t FOR EACH ROW INSERT INTO u VALUES (LAST_INSERT_ID())",
    "CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); SELECT LAST_INSERT_ID(); END",
  ]);
});

test("a statement that ends a transaction is named", () => {
  for (
    const [sql, words] of [
      ["alter /* now */ table t ADD a INT", "ALTER TABLE"],
      ["CREATE TABLE t (a INT)", "CREATE TABLE"],
      ["CREATE OR REPLACE DEFINER = `a`@`%` VIEW v AS SELECT 1", "CREATE VIEW"],
      ["CREATE TABLE temporary (a INT)", "CREATE TABLE"],
      ["ANALYZE NO_WRITE_TO_BINLOG TABLE t", "ANALYZE NO_WRITE_TO_BINLOG TABLE"],
      ["SET @a = 1, autocommit = ON", "SET AUTOCOMMIT"],
      ["SET @@SESSION.autocommit := 1", "SET AUTOCOMMIT"],
      ["SELECT 1; TRUNCATE t", "TRUNCATE"],
      ["ROLLBACK AND CHAIN", "ROLLBACK"],
      ["COMMIT", "COMMIT"],
      ["BEGIN WORK", "BEGIN"],
      ["SET STATEMENT max_statement_time = 1 FOR ALTER TABLE t ADD a INT", "ALTER TABLE"],
      ["/*!40000 ALTER TABLE t DISABLE KEYS */", "ALTER TABLE"],
    ] as const
  ) expect("endsTransaction", words, [sql]);
  expect("endsTransaction", undefined, [
    "CREATE TEMPORARY TABLE t (a INT)",
    "CREATE OR REPLACE TEMPORARY TABLE t (a INT)",
    "DROP TEMPORARY TABLE t",
    "DROP PREPARE s",
    "ROLLBACK TO SAVEPOINT a",
    "ROLLBACK WORK TO a",
    "SAVEPOINT a",
    "RELEASE SAVEPOINT a",
    "BEGIN NOT ATOMIC SELECT 1; END",
    "SET autocommit = 0",
    "SET autocommit = OFF, @a = 1",
    "SET @autocommit = 1",
    "SELECT 'COMMIT'",
    "INSERT INTO t VALUES ('; COMMIT')",
    "ANALYZE SELECT 1",
    "RESET PERSIST",
  ]);
});

test("of a text whose values are more than data, only its own words are certain", () => {
  const { reads, endsTransaction, ...rest } = weakFacts(factsOf("SELECT LAST_INSERT_ID(), ?"));
  assert.deepEqual([reads, endsTransaction], ["id", undefined]);
  assert.deepEqual(rest, { isReadOnly: false, isSingleWrite: false, sessionOnly: undefined });
  assert.equal(weakFacts(factsOf("ALTER TABLE t ADD ?")).endsTransaction, "ALTER TABLE");
});
