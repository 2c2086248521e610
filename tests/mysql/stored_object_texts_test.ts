/** Which triggers and views leave no state that the server does not report, by their texts. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Analyser, analyserOf } from "../../src/mysql/statement.ts";
import {
  behindNames,
  type Hiding,
  objectOf,
  type Row,
  type StoredObject,
} from "../../src/mysql/stored_object_texts.ts";

const analysers = [analyserOf("9.7.4", ["clean"]), analyserOf("11.8.2-MariaDB", ["clean"])];

/** A user who sees everything except the database `dark`. */
const sighted: Hiding = {
  hidesTriggers: (databases) => databases.includes("dark"),
  hidesViews: (databases) => databases.includes("dark"),
  trusts: false,
};

type Told = [kind: number, name: string, title: string, text: string, sqlMode?: string];

/** Returns what the pool knows of an object by the server's row. */
function objectBy(
  analyser: Analyser,
  [kind, name, title, text, sqlMode = ""]: Told,
  hiding = sighted,
): StoredObject {
  const row: Row = { kind, name, title, text, sqlMode, database: "test" };
  return objectOf(analyser, row, hiding);
}

/** Expects a reason, or none, for a trigger with some body. */
function expectTrigger(reason: string | undefined, body: string, sqlMode = ""): void {
  for (const analyser of analysers) {
    const found = objectBy(analyser, [2, "T", "tr", body, sqlMode]);
    assert.equal(found.reason, reason === undefined ? undefined : `trigger tr: ${reason}`, body);
  }
}

test("a trigger that only writes rows, or sets reported variables, leaves nothing", () => {
  for (
    const body of [
      "SET NEW.a = NEW.a + 1, NEW.b = UPPER(NEW.b)",
      "SET @a = 7, SESSION sort_buffer_size = 100000",
      "INSERT INTO audit (a, b) VALUES (NEW.a, CURRENT_USER()), (@who, NOW())",
      "REPLACE INTO audit SELECT COALESCE(NEW.a, @@server_id), @who FROM t WHERE id IN (1, 2)",
      "BEGIN DECLARE a INT; SELECT MAX(v) INTO a FROM t WHERE b = @@server_id; END",
      "BEGIN DECLARE a, b DECIMAL(10, 2) DEFAULT clean(1); SET NEW.a = b; END",
      "BEGIN INSERT INTO audit (a, b) VALUES (1, 2); END",
      "BEGIN IF NEW.a THEN REPLACE INTO log.audit (a, b) SELECT 1, 2; END IF; END",
      "BEGIN IF (1) THEN SET @a = 1; ELSEIF (2) THEN SET @a = 2; END IF; END",
      "BEGIN WHILE (x > 1) DO SET x = x - 1; END WHILE; REPEAT SET x = 1; UNTIL (x) END REPEAT; END",
      "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'call into @a := get_lock(1)'",
    ]
  ) expectTrigger(undefined, body);
});

test("a trigger that may leave unreported state has a reason", () => {
  for (
    const [reason, body, sqlMode] of [
      ["call of f", "SET NEW.a = f(1)"],
      ["call of f", "BEGIN DECLARE a INT DEFAULT `f`(1); END"],
      ["call of elseif", "SET NEW.a = `elseif`(1)"],
      ["call of p", "BEGIN IF NEW.a THEN CALL p(1); END IF; END"],
      [
        "call of a procedure",
        "BEGIN IF NEW.a > 0 AND NEW.b > 0 AND NEW.c > 0 THEN CALL p; END IF; END",
      ],
      ["a lock", "DO GET_LOCK('a', 0)"],
      ["a lock", "SET NEW.a = get_lock('a', 0)"],
      ["a variable", "BEGIN SELECT 1 INTO @a; END"],
      ["a variable", "BEGIN DECLARE x INT; SELECT 1, 2 INTO x, @a; END"],
      ["a variable", "SET NEW.a = (SELECT @a := 1)"],
      ["a variable", "BEGIN DECLARE x INT; SELECT 1, NEW.ignore INTO x, @a; END"],
      ["a variable", "GET DIAGNOSTICS @a = NUMBER"],
      ["a variable", "SET @@sort_buffer_size = 100000"],
      ["a variable", "BEGIN SET @a = 1, @@`timestamp` := 77; END"],
      ["a variable", "SET @@local . sort_buffer_size = 100000"],
      ["a trace", "SET SESSION profiling = 1"],
      ["a trace", "SET NEW.a = 1, `optimizer_trace` = 'enabled=on'"],
      ["session tracking", "SET SESSION session_track_state_change = 0"],
      ["unknown text", "SET NEW.a = 1 /*!50000 , NEW.b = f(1) */"],
      ["unknown text", "SET NEW.a = 'a"],
      // The statements that created these had 'it''s', "a""b" and 'q\\\\'.
      ["unknown text", "BEGIN SET NEW.a = 'it's'; DO f(1); SET NEW.a = 'it's'; END"],
      ["unknown text", 'BEGIN SET NEW.a = "a"b"; DO f(1); SET NEW.a = "a"b"; END'],
      ["unknown text", "BEGIN SET NEW.a = 'it'''; DO f(1); SET NEW.a = ''; END"],
      ["unknown text", "BEGIN SET NEW.a = 'q\\'; DO f(1); /* ' */ END"],
      ["call of f", "`load`: BEGIN DO f(1); END"],
      ["call of f", "`create`: BEGIN DECLARE view INT; DO f(1); END"],
      ["a role", "SET ROLE clerk"],
      ["a temporary table", "CREATE TEMPORARY TABLE t SELECT 7 AS a"],
      ["call of f", "SET NEW.a = '\\', NEW.b = f(1) -- '", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"],
      ["sql_mode ORACLE", "BEGIN p; END", "PIPES_AS_CONCAT,ORACLE"],
    ] as const
  ) expectTrigger(reason, body, sqlMode);
});

test("a view of a view, or of a table with triggers, has their reasons", () => {
  for (const analyser of analysers) {
    const objects = [
      objectBy(analyser, [1, "Outer", "Outer", "select `i`.`a` from `test`.`inner` `i`"]),
      objectBy(analyser, [1, "inner", "inner", "select `test`.`t`.`a` from `test`.`t`"]),
      objectBy(analyser, [2, "t", "tr", "DO GET_LOCK('a', 0)"]),
      objectBy(analyser, [1, "other", "other", "select 1 from `test`.`u`"]),
    ];
    const found = [...behindNames(objects, sighted)].map(([name, behind]) => {
      assert.equal(behind.reason, undefined);
      return [name, behind.reasonOfTriggers, behind.runsTriggers];
    });
    assert.deepEqual(found.sort(), [
      ["inner", "trigger tr: a lock", true],
      ["other", undefined, false],
      ["outer", "trigger tr: a lock", true],
      ["t", "trigger tr: a lock", true],
    ]);
  }
});

test("a view or a trigger whose text the user does not see may leave state", () => {
  for (const analyser of analysers) {
    const objects = [
      objectBy(analyser, [1, "v", "v", ""]),
      objectBy(analyser, [2, "t", "tr", ""]),
    ];
    const found = [...behindNames(objects, sighted).values()];
    assert.deepEqual(found.map(({ reason }) => reason), [
      "view v: its text may not be seen",
      undefined,
    ]);
    assert.deepEqual(found.map(({ hidesTriggers }) => hidesTriggers), [false, true]);
    assert.deepEqual(found.map(({ mayWrite }) => mayWrite), [true, false]);
  }
});

test("a view or a trigger that uses a database the user does not see may leave state", () => {
  for (const analyser of analysers) {
    const objects = [
      objectBy(analyser, [1, "v", "v", "select `dark`.`d`.`a` from `dark`.`d`"]),
      objectBy(analyser, [1, "seen", "seen", "select `test`.`d`.`dark` from `test`.`d`"]),
      objectBy(analyser, [2, "t", "tr", "INSERT INTO dark.d VALUES (1)"]),
    ];
    const found = [...behindNames(objects, sighted).values()];
    assert.deepEqual(found.map(({ hides }) => hides), [true, false, false]);
    assert.deepEqual(found.map(({ hidesTriggers }) => hidesTriggers), [true, false, true]);
    assert.deepEqual(found.map(({ mayWrite }) => mayWrite), [true, false, false]);
  }
});

test("views and triggers that the user does not see but trusts leave nothing", () => {
  const trusting: Hiding = { hidesTriggers: () => false, hidesViews: () => false, trusts: true };
  for (const analyser of analysers) {
    const objects = [
      objectBy(analyser, [1, "v", "v", ""], trusting),
      objectBy(analyser, [2, "t", "tr", ""], trusting),
    ];
    for (const { reason, hides, hidesTriggers } of behindNames(objects, trusting).values()) {
      assert.deepEqual([reason, hides, hidesTriggers], [undefined, false, false]);
    }
  }
});

test("a column whose expression sets a variable leaves that variable", () => {
  for (const analyser of analysers) {
    const [behind] = behindNames([objectBy(analyser, [3, "t", "c", ""])], sighted).values();
    assert.equal(behind?.reason, "column c: a variable");
  }
});
