/** Keys are equal for equal values, and for no others. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { keyOfValue, shapeOfValue } from "../../src/mysql/keys.ts";

/** Values of which no two are equal. */
const different: readonly unknown[] = [
  undefined,
  null,
  0,
  1,
  1n,
  "1",
  NaN,
  Infinity,
  true,
  "true",
  [],
  [null],
  [[]],
  {},
  { a: 1 },
  { a: "1" },
  { a: [1] },
  { a: { b: 1 } },
  "#0",
  '{"a":1}',
  new Uint8Array([1]),
  new Uint8Array([2]),
  () => 1,
  () => 1,
  new Map(),
  new Map(),
  new Date(0),
  new (class extends Array {})(),
];

test("values that differ in kind or content have different keys", () => {
  const keys = different.map((value) => keyOfValue([value]));
  assert.equal(new Set(keys).size, different.length);
});

test("equal content has one key, whatever its order and its undefined properties", () => {
  const fn = (): void => undefined;
  const one = { a: 1, b: [{ c: Buffer.from("x"), d: fn }] };
  const other = { b: [{ d: fn, e: undefined, c: new Uint8Array([120]) }], a: 1 };
  assert.equal(keyOfValue(one), keyOfValue(other));
  assert.equal(keyOfValue(Object.assign(Object.create(null), one)), keyOfValue(one));
  assert.match(keyOfValue(one), /^[\w-]{16}$/);
});

test("a shape leaves out functions and class objects, and is undefined without them", () => {
  const shapes = [() => "a", () => "b", new Map([["a", 1]])].map((value) => {
    return shapeOfValue({ host: "h", value });
  });
  assert.equal(new Set(shapes).size, 1);
  assert.notEqual(shapes[0], shapeOfValue({ host: "other", value: () => "a" }));
  assert.notEqual(shapes[0], shapeOfValue({ host: "h", value: [() => "a"] }));
  assert.equal(shapeOfValue({ host: "h", value: "#" }), undefined);
});
