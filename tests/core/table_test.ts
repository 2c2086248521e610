/**
 * Compares the ordered table with a simple twin, a Map that is sorted for each question, and
 * checks the laws that make the table fast: it stays shallow, and an update shares the nodes
 * that it does not touch.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  entries,
  entry,
  find,
  first,
  firstDue,
  floor,
  last,
  leastDue,
  put,
  remove,
  search,
  sizeOf,
  type Table,
  values,
} from "../../src/core/table.ts";
import { deepFreeze } from "./support/freeze.ts";
import { runs } from "./support/seed.ts";

/** An entry as the twin keeps it. */
interface Twin {
  readonly value: string;
  readonly due: number | undefined;
}

/** A change to a table. */
interface Change {
  readonly key: number;
  readonly due: number | undefined;
  readonly removes: boolean;
}

const dues: fc.Arbitrary<number | undefined> = fc.oneof(
  fc.integer({ min: 0, max: 9 }),
  fc.constantFrom(undefined, Infinity, -Infinity),
);
const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.record({ key: fc.integer({ min: -20, max: 40 }), due: dues, removes: fc.boolean() }),
  { maxLength: 120, size: "max" },
);

test("a table answers every question as a sorted list does", () => {
  fc.assert(
    fc.property(changes, (all) => {
      const twin = new Map<number, Twin>();
      let table: Table<string> = undefined;
      all.forEach((change, turn) => {
        table = deepFreeze(changed(table, twin, change, `v${turn}`));
        assertTwins(table, twin);
      });
    }),
    runs(100),
  );
});

test("an update does not change the old table", () => {
  fc.assert(
    fc.property(changes, changes, (before, after) => {
      const twin = new Map<number, Twin>();
      let table: Table<string> = undefined;
      for (const change of before) table = deepFreeze(changed(table, twin, change, "before"));
      const kept = new Map(twin);
      let later: Table<string> = table;
      for (const change of after) later = deepFreeze(changed(later, twin, change, "after"));
      assertTwins(table, kept);
      assertTwins(later, twin);
    }),
    runs(100),
  );
});

test("the removal of a missing key returns the very same table", () => {
  const table = grown(range(100));
  assert.equal(remove(table, 100), table);
  assert.equal(remove(table, 4.5), table);
  assert.equal(remove(undefined, 1), undefined);
});

test("an empty table has nothing to find", () => {
  assert.equal(sizeOf(undefined), 0);
  assert.equal(leastDue(undefined), Infinity);
  assert.deepEqual([entries(undefined), values(undefined)], [[], []]);
  for (const ask of [first, last]) assert.equal(ask(undefined), undefined);
  for (const ask of [entry, find, floor, firstDue]) assert.equal(ask(undefined, 0), undefined);
});

for (
  const [order, keys] of [
    ["ascending", range(100_000)],
    ["descending", range(100_000).reverse()],
    ["random", shuffled(100_000)],
  ] as const
) {
  test(`100,000 entries that come and go in ${order} order keep the table shallow`, () => {
    let table: Table<number> = undefined;
    for (const key of keys) table = put(table, key, key, key);
    assertShallow(table);
    for (const key of keys) {
      table = remove(table, key);
      if (key % 9973 === 0) assertShallow(table);
    }
    assert.equal(table, undefined);
  });
}

test("100,000 entries that pass through a queue of 1,000 keep the table shallow", () => {
  let table: Table<number> = grown(range(1000));
  for (let key = 1000; key < 100_000; key++) {
    table = put(remove(table, key - 1000), key, key, -key);
  }
  assertShallow(table);
  assert.equal(first(table)?.key, 99_000);
});

test("an update of a table of 100,000 makes some dozens of nodes and shares the others", () => {
  const table = grown(shuffled(100_000));
  const old = new Set(entries(table));
  // Every node on the way down, and two more wherever a branch is rotated.
  const nodesMax = 3 * depthMax(100_000);
  const isOld = (node: Table<number>) => node === undefined || old.has(node);
  for (const key of shuffled(100)) {
    for (
      const update of [
        remove(table, key),
        put(table, key, -1, 0),
        put(table, key + 0.5, -1, 0),
      ]
    ) assert.ok(countUnless(update, isOld) <= nodesMax);
  }
});

function changed(
  table: Table<string>,
  twin: Map<number, Twin>,
  { key, due, removes }: Change,
  value: string,
): Table<string> {
  if (removes) {
    twin.delete(key);
    return remove(table, key);
  }
  twin.set(key, { value, due });
  return put(table, key, value, due);
}

function assertTwins(table: Table<string>, twin: ReadonlyMap<number, Twin>): void {
  const sorted = [...twin].sort(([a], [b]) => a - b).map(([key, all]) => ({ key, ...all }));
  const plain = (node: Table<string>) =>
    node && { key: node.key, value: node.value, due: node.due };
  const least = leastOf(sorted);
  assert.deepEqual(entries(table).map(plain), sorted);
  assert.deepEqual(values(table), sorted.map(({ value }) => value));
  assert.equal(sizeOf(table), sorted.length);
  assert.equal(leastDue(table), least ?? Infinity);
  assert.deepEqual(plain(first(table)), sorted[0]);
  assert.deepEqual(plain(last(table)), sorted.at(-1));
  sorted.forEach((one) => {
    assert.deepEqual(plain(search(table, ({ key }) => key === one.key)), one);
  });
  assert.deepEqual(plain(search(table, ({ key }) => key > 4)), sorted.find(({ key }) => key > 4));
  for (let key = -21; key <= 41; key++) {
    assert.equal(find(table, key), twin.get(key)?.value);
    assert.deepEqual(plain(floor(table, key)), sorted.findLast((one) => one.key <= key));
    assert.equal(entry(table, key)?.due, twin.get(key)?.due);
  }
  for (const instant of [-Infinity, -1, 0, 4, 9, 100]) {
    const due = sorted.find((one) => one.due !== undefined && one.due <= instant);
    assert.deepEqual(plain(firstDue(table, instant)), due);
  }
  for (const node of entries(table)) {
    const below = [node, ...entries(node.low), ...entries(node.high)];
    assert.equal(node.size, below.length);
    assert.equal(node.least, leastOf(below));
  }
}

/** Returns the least due, if any has one. */
function leastOf(all: readonly { due: number | undefined }[]): number | undefined {
  const least = all.map(({ due }) => due).filter((due) => due !== undefined).sort((a, b) => a - b);
  return least[0];
}

function assertShallow(table: Table<number>): void {
  assert.ok(depth(table) <= depthMax(sizeOf(table)), `${depth(table)} of ${sizeOf(table)}`);
}

function depthMax(size: number): number {
  return 2.5 * Math.log2(Math.max(1, size)) + 2;
}

function depth(table: Table<number>): number {
  return table === undefined ? 0 : 1 + Math.max(depth(table.low), depth(table.high));
}

function countUnless(table: Table<number>, isOld: (node: Table<number>) => boolean): number {
  if (table === undefined || isOld(table)) return 0;
  return 1 + countUnless(table.low, isOld) + countUnless(table.high, isOld);
}

function grown(keys: readonly number[]): Table<number> {
  let table: Table<number> = undefined;
  for (const key of keys) table = put(table, key, key, key);
  return table;
}

function range(size: number): number[] {
  return Array.from({ length: size }, (_, index) => index);
}

/** Returns the numbers below `size` in a shuffled order that is always the same. */
function shuffled(size: number): number[] {
  const keys = range(size);
  let seed = 1;
  for (let at = size - 1; at > 0; at--) {
    seed = (seed * 48_271) % 2_147_483_647;
    const to = seed % (at + 1);
    [keys[at], keys[to]] = [keys[to]!, keys[at]!];
  }
  return keys;
}
