/** Which triggers and views leave nothing that goes unreported, by their texts alone. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { analyserOf } from "../../src/mysql/statement.ts";
import { behindNames, objectOf } from "../../src/mysql/stored_object_texts.ts";

const analysers = [analyserOf("9.7.4", ["clean"]), analyserOf("11.8.2-MariaDB", ["clean"])];

/** Expects a reason, or none, for a trigger with some body. */
function expectTrigger(reason: string | undefined, body: string, sqlMode = ""): void {
  for (const analyser of analysers) {
    const found = objectOf(analyser, [2, "T", "tr", body, sqlMode]);
    assert.equal(found.reason, reason === undefined ? undefined : `trigger tr: ${reason}`, body);
  }
}

test("a trigger that only writes rows, or sets what is reported, leaves nothing", () => {
  for (
    const body of [
      "SET NEW.a = NEW.a + 1, NEW.b = UPPER(NEW.b)",
      "SET @a = 7, @@sort_buffer_size = 100000",
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

test("a trigger that may leave what goes unreported is found, and says why", () => {
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
      ["session tracking", "SET SESSION session_track_state_change = 0"],
      ["unknown text", "SET NEW.a = 1 /*!50000 , NEW.b = f(1) */"],
      ["unknown text", "SET NEW.a = 'a"],
      // What the server was given was 'it''s', "a""b" and 'q\\\\'.
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
      ["its text may not be seen", ""],
    ] as const
  ) expectTrigger(reason, body, sqlMode);
});

test("what uses a view or a table that leaves something leaves it too", () => {
  for (const analyser of analysers) {
    const objects = [
      objectOf(analyser, [1, "Outer", "Outer", "select `i`.`a` from `test`.`inner` `i`", null]),
      objectOf(analyser, [1, "inner", "inner", "select `test`.`t`.`a` from `test`.`t`", null]),
      objectOf(analyser, [2, "t", "tr", "DO GET_LOCK('a', 0)", ""]),
      objectOf(analyser, [1, "other", "other", "select 1 from `test`.`u`", null]),
    ];
    const found = [...behindNames(objects)].map(([name, behind]) => {
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
