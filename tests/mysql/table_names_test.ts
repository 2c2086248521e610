/** Which names of a text the pool looks up, and in which databases. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { MODE_UNKNOWN } from "../../src/mysql/lexer.ts";
import { namesIn } from "../../src/mysql/table_names.ts";

test("the reader finds the names of tables, however they are written", () => {
  const texts: readonly (readonly [sql: string, names: readonly string[]])[] = [
    ["SELECT a FROM t", ["a", "t"]],
    ["SELECT 1 FROM `a``b` JOIN `select` USING (c)", ["a`b", "select", "c"]],
    ["INSERT INTO t(a) VALUES (f(1))", ["t", "a"]],
    ["SELECT 0xAB, 0b1 FROM db.t", ["db", "t"]],
    ["SELECT 1 FROM 0X1A, 0B1, 0x, 0b, 0b2", ["0X1A", "0B1", "0x", "0b", "0b2"]],
    ["SELECT a, b", []],
  ];
  for (const [sql, names] of texts) assert.deepEqual(namesIn(sql, MODE_UNKNOWN).names, names, sql);
});

test("a name before a dot in a list of tables may be a database", () => {
  const texts: readonly (readonly [sql: string, databases: readonly string[]])[] = [
    ["SELECT * FROM db.t", ["db"]],
    ["SELECT o.a, p.b FROM t o, `d b` . u p WHERE o.a = p.a", ["d b"]],
    ["SELECT * FROM a JOIN b ON x.v = y.v, db.c", ["db"]],
    ["SELECT * FROM (a JOIN b ON f(x.v, 1) = y.v), db.c", ["db"]],
    ["SELECT * FROM a JOIN b ON (x.v = y.v) JOIN db.c ON z.v = x.v", ["db"]],
    ["SELECT t.a, (SELECT MAX(v) FROM db.u WHERE u.v = t.v) FROM t", ["db"]],
    ["SELECT * FROM (SELECT a FROM x WHERE a = 1) d, db.v", ["db"]],
    ["SELECT * FROM (SELECT a FROM x GROUP BY a) d STRAIGHT_JOIN db.v", ["db"]],
    ["SELECT * FROM t USE INDEX FOR ORDER BY (i), db.v", ["db"]],
    ["SELECT * FROM a JOIN b ON x.v = y.v STRAIGHT_JOIN db.v", ["db"]],
    ["SELECT * FROM a JOIN b ON x.v = (SELECT 1 FROM c JOIN d ON c.v = d.v), db.v", ["db"]],
    ["SELECT * FROM t . `from`, db.v", ["t", "db"]],
    ["SELECT MAX(a) FROM t returning, db.v", ["db"]],
    ["UPDATE db.t SET t.a = 1 ORDER BY t.b", ["db"]],
    ["INSERT INTO t SELECT u.a FROM db.u ON DUPLICATE KEY UPDATE n = u.n, m = new.m", ["db"]],
    ["DELETE FROM db.t USING db2.u", ["db", "db2"]],
    ["REPLACE INTO db.t SELECT x.a FROM other.x", ["db", "other"]],
  ];
  for (const [sql, databases] of texts) {
    assert.deepEqual(namesIn(sql, MODE_UNKNOWN).databases, databases, sql);
  }
});

test("a name before a dot elsewhere may be one too, if the text names a table", () => {
  const texts: readonly (readonly [sql: string, schemas: readonly string[]])[] = [
    ["SELECT o.a FROM t o, db.u p WHERE p . b = `x y`.c", ["o", "db", "p", "x y"]],
    ["SELECT t.a, u.b", []],
  ];
  for (const [sql, schemas] of texts) {
    assert.deepEqual(namesIn(sql, MODE_UNKNOWN).schemas, schemas, sql);
  }
});

test("a word that cannot be a name is left out", () => {
  const { names } = namesIn("SELECT 1 AS `\u{1f600}`, 2 AS `\u00e9` FROM t", MODE_UNKNOWN);
  assert.deepEqual(names, ["\u00e9", "t"]);
});
