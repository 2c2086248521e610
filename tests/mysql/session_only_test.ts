/** Statements whose only effect is session state, which a reset wipes when they are done. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { IGNORE_SPACE } from "../../src/mysql/lexer.ts";
import { analyserOf } from "../../src/mysql/statement.ts";

const analysers = [analyserOf("9.7.4", []), analyserOf("11.8.2-MariaDB", [])];

/** Expects the analysers to name some words, or none, for each text. */
function expectOnly(words: string | undefined, statements: readonly string[]): void {
  for (const sql of statements) {
    for (const analyser of analysers) {
      assert.equal(analyser.analyse(sql, IGNORE_SPACE).sessionOnly, words, sql);
    }
  }
}

test("a statement whose only effect is in its session is named", () => {
  for (
    const [sql, words] of [
      ["START TRANSACTION WITH CONSISTENT SNAPSHOT", "START TRANSACTION"],
      ["BEGIN", "BEGIN"],
      ["SET @a = 1, b = 2", "SET"],
      ["SET autocommit = 0", "SET"],
      ["SET @@session.sql_mode = @@GLOBAL.sql_mode", "SET"],
      ["SET NAMES utf8mb4", "SET NAMES"],
      ["SET CHARACTER SET utf8mb4", "SET CHARACTER SET"],
      ["SET TRANSACTION READ ONLY", "SET TRANSACTION"],
      ["SET SESSION TRANSACTION READ ONLY", "SET TRANSACTION"],
      ["SET ROLE a", "SET ROLE"],
      ["SAVEPOINT a", "SAVEPOINT"],
      ["SELECT GET_LOCK('a', 1)", "GET_LOCK"],
      ["DO GET_LOCK('a', 1)", "GET_LOCK"],
      ["CREATE TEMPORARY TABLE t SELECT 1", "CREATE TEMPORARY TABLE"],
      ["LOCK TABLES t READ", "LOCK TABLES"],
      ["FLUSH TABLES WITH READ LOCK", "FLUSH TABLES"],
      ["FLUSH TABLES t FOR EXPORT", "FLUSH TABLES"],
      ["PREPARE s FROM 'SELECT 1'", "PREPARE"],
      ["USE other", "USE"],
      ["HANDLER db.t OPEN", "HANDLER OPEN"],
      ["XA START 'x'", "XA START"],
      ["XA BEGIN 'x'", "XA START"],
      ["SELECT 1 INTO @x", "SELECT … INTO"],
      ["DO @x := 1", "DO … :="],
      ["DO 1, (@x := 1)", "DO … :="],
      ["LOCK INSTANCE FOR BACKUP", "LOCK INSTANCE"],
      ["BACKUP STAGE START", "BACKUP STAGE"],
      ["BACKUP LOCK t", "BACKUP LOCK"],
      ["SET RESOURCE GROUP a", "SET"],
      ["/*!40101 SET NAMES utf8mb4 */", "SET NAMES"],
      ["/*!50000 SET @a = 1 */;", "SET"],
      ["SET @a = 1; SET @b = 2", "SET"],
      ["USE other; START TRANSACTION", "USE"],
      ["EXECUTE IMMEDIATE 'SET @a = ''b'''", "SET"],
      ["execute immediate 'USE other';", "USE"],
      ['EXECUTE IMMEDIATE "SET @a = 1"', "SET"],
      ["EXPLAIN FORMAT=JSON INTO @a SELECT 1", "EXPLAIN … INTO"],
    ] as const
  ) expectOnly(words, [sql]);
});

test("a statement with another effect, or one that ends what it begins, is not named", () => {
  expectOnly(undefined, [
    "SET GLOBAL a = 1",
    "SET @a = 1, GLOBAL b = 2",
    "SET @@PERSIST_ONLY.a = 1",
    "SET GLOBAL TRANSACTION READ ONLY",
    "SET PASSWORD = 'x'",
    "SET DEFAULT ROLE NONE TO a",
    "SET STATEMENT max_statement_time = 1 FOR SELECT 1",
    "SET @a = f()",
    "BEGIN NOT ATOMIC SELECT 1; END",
    "SELECT @x := 1",
    "SELECT GET_LOCK('a', 1), RELEASE_LOCK('a')",
    "SELECT GET_LOCK('a', 1), f()",
    "INSERT INTO t VALUES (GET_LOCK('a', 1))",
    "UNLOCK TABLES",
    "SELECT RELEASE_LOCK('a')",
    "DEALLOCATE PREPARE s",
    "COMMIT",
    "ROLLBACK",
    "FLUSH TABLES",
    "HANDLER t READ FIRST",
    "START TRANSACTION; INSERT INTO t VALUES (1); COMMIT",
    "SET @a = 1; SELECT @a",
    "SET @a = 1 /*!99999 , GLOBAL b = 2 */",
    "SET @a = NEXT VALUE FOR s",
    "SELECT NEXTVAL(s) INTO @a",
    "DO NEXTVAL(s), @a := 1",
    "DO @a := RELEASE_LOCK('a')",
    "DO SLEEP(0)",
    "SET RESOURCE GROUP a FOR 12, 13",
    "BACKUP STAGE END",
    "BACKUP UNLOCK",
    "UNLOCK INSTANCE",
    "EXECUTE IMMEDIATE 'INSERT INTO t VALUES (1)'",
    "EXECUTE IMMEDIATE 'SET @a = ?' USING 1",
    "EXECUTE IMMEDIATE CONCAT('SET', ' @a = 1')",
  ]);
});
