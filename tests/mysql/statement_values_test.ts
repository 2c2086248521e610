/** What the driver inserts for placeholders: data, or more than data. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { format } from "mysql2";
import { NO_BACKSLASH_ESCAPES } from "../../src/mysql/lexer.ts";
import { analyserOf } from "../../src/mysql/statement.ts";
import type { Effect } from "../../src/mysql/statement_effects.ts";
import { areHarmless } from "../../src/mysql/text_reading.ts";

function effectOf(sql: string): Effect {
  return analyserOf("9.7.4", []).analyse(sql, 0).effect;
}

test("a literal that the driver writes never changes the effect of a text", () => {
  const literal = fc.oneof(
    fc.string({ unit: fc.constantFrom(..."'\"`\\;/*!?:#-\n\0\x1a(f é") }),
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(null, true, undefined),
  );
  const values = fc.array(fc.oneof(literal, fc.array(literal, { minLength: 1 })), {
    minLength: 3,
    maxLength: 3,
  });
  const template = "INSERT INTO t (a, b) VALUES (?, 'x;\\'') /* ' */, (?, ?)";
  fc.assert(fc.property(values, (given) => {
    assert.ok(areHarmless(template, given, 0));
    const sql = format(template, given as string[]);
    assert.equal(effectOf(sql), "none", sql);
    assert.equal(effectOf(`${sql}, (f(1))`), "renewed", sql);
    assert.equal(effectOf(`SET @a = 1; ${sql}`), "state", sql);
  }));
});

test("values that are more than data are not harmless", () => {
  const raw = { toSqlString: () => "f()" };
  for (const values of [[[]], [{}], [raw], [[1, [raw]]], { a: raw }, [() => 1], [new Map()], raw]) {
    assert.ok(!areHarmless("SELECT ?", values, 0));
  }
  const data = [1, "a'", null, [["x", new Date()]], { a: "b" }, Buffer.from("x"), 7n];
  assert.ok(areHarmless("SELECT ?", data, 0));
  assert.ok(areHarmless("SELECT ?", undefined, NO_BACKSLASH_ESCAPES));
  assert.ok(areHarmless("SELECT ?", ["a\\"], NO_BACKSLASH_ESCAPES));
  assert.ok(!areHarmless("SELECT ?", ["a'"], NO_BACKSLASH_ESCAPES));
  assert.ok(!areHarmless("SELECT 'a\\', '?'", ["a"], NO_BACKSLASH_ESCAPES));
});
