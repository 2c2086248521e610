/**
 * An immutable map from numbers to values, in the order of its keys.
 *
 * It is a tree that keeps itself in balance by weight: no branch is more than three
 * times as heavy as its sibling, so every walk is O(log n), and an update copies the
 * nodes it walks and shares the others. Beside its value each entry has a `due`, and
 * each node knows the least due below it. So one table is a queue (`first`), a stack
 * (`last`), a list (`nth`) and a heap (`soonest`) at once.
 */

/** A table: its root, or `undefined` of the one without entries. */
export type Table<V> = Node<V> | undefined;

/** One entry of a table, and the root of those that hang below it. */
export interface Node<V> {
  /** Where the entry stands. */
  readonly key: number;
  /** What it holds. */
  readonly value: V;
  /** When it matters: `Infinity` if never. */
  readonly due: number;
  /** The least due of this entry and all below it. */
  readonly least: number;
  /** How many entries there are, this one included. */
  readonly size: number;
  /** Those with lower keys. */
  readonly low: Table<V>;
  /** Those with higher keys. */
  readonly high: Table<V>;
}

/** How many times as heavy as its sibling a branch may be. */
const TILT_MAX = 3;
/** From which ratio of its branches on a heavy branch is itself turned before its parent is. */
const BEND_MAX = 2;

/** Returns how many entries `table` has. */
export function sizeOf<V>(table: Table<V>): number {
  return table === undefined ? 0 : table.size;
}

/** Returns the least due of all entries: `Infinity` if there are none. */
export function leastDue<V>(table: Table<V>): number {
  return table === undefined ? Infinity : table.least;
}

/** Returns the entry of `key`, if `table` has it. */
export function entry<V>(table: Table<V>, key: number): Node<V> | undefined {
  let node = table;
  while (node !== undefined && node.key !== key) node = key < node.key ? node.low : node.high;
  return node;
}

/** Returns the value of `key`, if `table` has it. */
export function find<V>(table: Table<V>, key: number): V | undefined {
  return entry(table, key)?.value;
}

/** Returns the entry with the lowest key, if there is any. */
export function first<V>(table: Table<V>): Node<V> | undefined {
  let node = table;
  while (node?.low !== undefined) node = node.low;
  return node;
}

/** Returns the entry with the highest key, if there is any. */
export function last<V>(table: Table<V>): Node<V> | undefined {
  let node = table;
  while (node?.high !== undefined) node = node.high;
  return node;
}

/** Returns the entry that `rank` others precede, if so many do. */
export function nth<V>(table: Table<V>, rank: number): Node<V> | undefined {
  let node = table;
  let left = rank;
  while (node !== undefined) {
    const before = sizeOf(node.low);
    if (left === before) return node;
    if (left < before) {
      node = node.low;
    } else {
      left -= before + 1;
      node = node.high;
    }
  }
  return undefined;
}

/** Returns the entry with the least due, if there is any. */
export function soonest<V>(table: Table<V>): Node<V> | undefined {
  let node = table;
  while (node !== undefined && node.due !== node.least) {
    node = node.low?.least === node.least ? node.low : node.high;
  }
  return node;
}

/** Returns the entry with the lowest key of those that are due by `instant`, if any are. */
export function firstDue<V>(table: Table<V>, instant: number): Node<V> | undefined {
  let node = table;
  while (node !== undefined && node.least <= instant) {
    if (leastDue(node.low) <= instant) node = node.low;
    else if (node.due <= instant) return node;
    else node = node.high;
  }
  return undefined;
}

/** Returns the entries in the order of their keys. */
export function entries<V>(table: Table<V>): readonly Node<V>[] {
  const found: Node<V>[] = [];
  const open: Node<V>[] = [];
  let node = table;
  while (node !== undefined || open.length > 0) {
    for (; node !== undefined; node = node.low) open.push(node);
    const next = open.pop()!;
    found.push(next);
    node = next.high;
  }
  return found;
}

/** Returns `table` with an entry for `key`, which it does not have. */
export function insert<V>(table: Table<V>, key: number, value: V, due: number): Node<V> {
  if (table === undefined) return node(key, value, due, undefined, undefined);
  const { low, high } = table;
  return key < table.key
    ? balance(table, insert(low, key, value, due), high)
    : balance(table, low, insert(high, key, value, due));
}

/** Returns `table` with another value and due for `key`, which it has. */
export function replace<V>(table: Table<V>, key: number, value: V, due: number): Table<V> {
  if (table === undefined) return undefined;
  const { low, high } = table;
  if (key === table.key) return node(key, value, due, low, high);
  return key < table.key
    ? node(table.key, table.value, table.due, replace(low, key, value, due), high)
    : node(table.key, table.value, table.due, low, replace(high, key, value, due));
}

/** Returns `table` without `key`; itself, if it has none. */
export function remove<V>(table: Table<V>, key: number): Table<V> {
  if (table === undefined) return undefined;
  const { low, high } = table;
  if (key < table.key) {
    const rest = remove(low, key);
    return rest === low ? table : balance(table, rest, high);
  }
  if (key > table.key) {
    const rest = remove(high, key);
    return rest === high ? table : balance(table, low, rest);
  }
  if (low === undefined) return high;
  if (high === undefined) return low;
  return balance(first(high)!, low, withoutFirst(high));
}

function withoutFirst<V>(table: Node<V>): Table<V> {
  const { low, high } = table;
  return low === undefined ? high : balance(table, withoutFirst(low), high);
}

/** Returns the entry of `top` above two branches, turned where one has grown too heavy. */
function balance<V>(top: Node<V>, low: Table<V>, high: Table<V>): Node<V> {
  const { key, value, due } = top;
  const lows = weight(low);
  const highs = weight(high);
  if (highs > TILT_MAX * lows) {
    const bent = high!.low;
    if (weight(bent) < BEND_MAX * weight(high!.high)) {
      return over(high!, node(key, value, due, low, bent), high!.high);
    }
    return over(bent!, node(key, value, due, low, bent!.low), over(high!, bent!.high, high!.high));
  }
  if (lows > TILT_MAX * highs) {
    const bent = low!.high;
    if (weight(bent) < BEND_MAX * weight(low!.low)) {
      return over(low!, low!.low, node(key, value, due, bent, high));
    }
    return over(bent!, over(low!, low!.low, bent!.low), node(key, value, due, bent!.high, high));
  }
  return node(key, value, due, low, high);
}

function weight<V>(table: Table<V>): number {
  return table === undefined ? 1 : table.size + 1;
}

/** Returns the entry of `top` above two branches. */
function over<V>(top: Node<V>, low: Table<V>, high: Table<V>): Node<V> {
  return node(top.key, top.value, top.due, low, high);
}

function node<V>(key: number, value: V, due: number, low: Table<V>, high: Table<V>): Node<V> {
  let least = due;
  let size = 1;
  if (low !== undefined) {
    size += low.size;
    if (low.least < least) least = low.least;
  }
  if (high !== undefined) {
    size += high.size;
    if (high.least < least) least = high.least;
  }
  return { key, value, due, least, size, low, high };
}
