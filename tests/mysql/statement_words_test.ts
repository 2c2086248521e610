/** Words and literals that change the meaning of a text for the server, or only seem to. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { analyserOf } from "../../src/mysql/statement.ts";
import type { Effect } from "../../src/mysql/statement_effects.ts";

const versions = ["9.7.4", "5.5.5-10.11.19-MariaDB-0+deb12u1"] as const;
const analysers = versions.map((version) => analyserOf(version, []));

function expect(effect: Effect, statements: readonly string[]): void {
  for (const analyser of analysers) {
    for (const sql of statements) assert.equal(analyser.analyse(sql, 0).effect, effect, sql);
  }
}

test('words of the grammar before "(" are no calls where they cannot be functions', () => {
  expect("none", [
    "DO (1)",
    "EXPLAIN (SELECT 1)",
    "DESC (SELECT 1)",
    "DESCRIBE (SELECT 1)",
    "EXPLAIN EXTENDED (SELECT 1)",
    "EXPLAIN FORMAT = JSON (SELECT 1)",
    "EXPLAIN ANALYZE (SELECT 1)",
    "SELECT SQL_NO_CACHE (1)",
    "SELECT SQL_BUFFER_RESULT(1), (SELECT HIGH_PRIORITY (1))",
    "SELECT DISTINCT SQL_CALC_FOUND_ROWS (a), (b) FROM t",
    "SELECT ALL SQL_SMALL_RESULT (1)",
    "SELECT SQL_BIG_RESULT (1)",
    "SELECT DISTINCTROW (1)",
    "SELECT STRAIGHT_JOIN (1)",
    "SELECT TRIM(BOTH ('x') FROM 'xax'), TRIM(LEADING ('x') FROM a), TRIM(TRAILING(b) FROM a)",
  ]);
  expect("renewed", [
    "SELECT 1, SQL_CACHE(1)",
    "SELECT 1, do(1)",
    "SELECT COUNT(DISTINCT SQL_NO_CACHE(1))",
    "SELECT `SQL_NO_CACHE`(1)",
    "EXPLAIN SELECT extended(1)",
    "SELECT test.both(1)",
  ]);
  const sql = "SELECT SQL_CACHE (1)";
  assert.deepEqual(analysers.map((each) => each.analyse(sql, 0).effect), ["renewed", "none"]);
});

test("SET NAMES is harmless only with a plain name of a harmless character set", () => {
  expect("state", [
    "SET NAMES utf8mb4",
    "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_bin', @a = 'gbk'",
    'SET NAMES "latin1"',
    "SET CHARACTER SET `utf8`",
    "SET CHARSET Utf8mb4",
    "SET @a = 'gbk', time_zone = '+00:00'",
    "SET character_set_results = NULL",
  ]);
  expect("identity", [
    "SET NAMES gbk",
    "SET NAMES 'GBK'",
    String.raw`SET NAMES '\gbk'`,
    String.raw`SET NAMES 'gb\k'`,
    "SET NAMES 'gb' 'k'",
    "SET NAMES 'utf8' 'x'",
    "SET NAMES x'67626b'",
    "SET NAMES 0x67626b",
    "SET NAMES _utf8'gbk'",
    "SET NAMES ?",
    "SET NAMES DEFAULT",
    "SET @a = 1, NAMES gbk",
    "SET CHARACTER SET 'big5'",
    "SET CHAR SET sjis",
    "SET CHARSET cp932",
    "SET @@character_set_client = utf8mb4",
  ]);
  const sql = String.raw`SET NAMES '\gbk'; SELECT '中\', f() -- '`;
  for (const analyser of analysers) {
    const { effect, isReadOnly } = analyser.analyse(sql.replaceAll("\\\\", "\\"), 0);
    assert.deepEqual([effect, isReadOnly], ["identity", false]);
  }
});

test("MariaDB's profiles and MySQL's optimizer traces outlive a new login there", () => {
  const outlives = (sql: string): boolean[] =>
    analysers.map((analyser) => analyser.analyse(sql, 0).outlivesLogin);
  for (
    const sql of [
      "SET profiling = 1",
      "SET @a = 1, @@SESSION.`profiling` := ON",
      "SELECT 1; SET LOCAL Profiling = 1",
      "SET STATEMENT profiling = 1 FOR SELECT 1",
    ]
  ) assert.deepEqual(outlives(sql), [false, true], sql);
  assert.deepEqual(outlives("SET optimizer_trace = 'enabled=on'"), [true, false]);
  assert.deepEqual(outlives("SET ?? = 1"), [true, true]);
  for (
    const sql of ["SET @profiling = 1", "SELECT @@profiling", "SET profiling_history_size = 9"]
  ) {
    assert.deepEqual(outlives(sql), [false, false], sql);
  }
});
