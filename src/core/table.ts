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

/** Returns the entry with the lowest key, of those that are due by `instant`, if any are. */
export function first<V>(table: Table<V>, instant: number = Infinity): Node<V> | undefined {
  let node = table;
  while (node !== undefined && node.least <= instant) {
    const { low }: Node<V> = node;
    if (low !== undefined && low.least <= instant) node = low;
    else if (node.due <= instant) return node;
    else node = node.high;
  }
  return undefined;
}

/** Returns the entry with the highest key, if there is any. */
export function last<V>(table: Table<V>): Node<V> | undefined {
  return table && (last(table.high) ?? table);
}

/** Returns the entry that `rank` others precede, if so many do. */
export function nth<V>(table: Table<V>, rank: number): Node<V> | undefined {
  if (table === undefined) return undefined;
  const before = sizeOf(table.low);
  if (rank === before) return table;
  return rank < before ? nth(table.low, rank) : nth(table.high, rank - before - 1);
}

/** Returns the entries in the order of their keys; after those in `found`, if it is given. */
export function entries<V>(table: Table<V>, found: Node<V>[] = []): readonly Node<V>[] {
  if (table === undefined) return found;
  entries(table.low, found);
  found.push(table);
  return entries(table.high, found);
}

/** Returns `table` with this value and due for `key`, whether it had another or none. */
export function put<V>(table: Table<V>, key: number, value: V, due: number = Infinity): Node<V> {
  if (table === undefined) return node(key, value, due, undefined, undefined);
  const { key: own, low, high } = table;
  if (key === own) return node(key, value, due, low, high);
  return key < own
    ? balance(table, put(low, key, value, due), high)
    : balance(table, low, put(high, key, value, due));
}

/** Returns `table` without `key`; itself, if it has none. */
export function remove<V>(table: Table<V>, key: number): Table<V> {
  if (table === undefined) return undefined;
  const { key: own, low, high } = table;
  if (key < own) {
    const rest = remove(low, key);
    return rest === low ? table : balance(table, rest, high);
  }
  if (key > own) {
    const rest = remove(high, key);
    return rest === high ? table : balance(table, low, rest);
  }
  if (low === undefined || high === undefined) return low ?? high;
  const next = first(high)!;
  return balance(next, low, remove(high, next.key));
}

/** Returns the entry of `top` above two branches, turned where one has grown too heavy. */
function balance<V>(top: Node<V>, low: Table<V>, high: Table<V>): Node<V> {
  const lows = weight(low);
  const highs = weight(high);
  if (highs > TILT_MAX * lows) {
    const { low: inner, high: outer } = high!;
    return weight(inner) < BEND_MAX * weight(outer)
      ? over(high!, over(top, low, inner), outer)
      : over(inner!, over(top, low, inner!.low), over(high!, inner!.high, outer));
  }
  if (lows > TILT_MAX * highs) {
    const { low: outer, high: inner } = low!;
    return weight(inner) < BEND_MAX * weight(outer)
      ? over(low!, outer, over(top, inner, high))
      : over(inner!, over(low!, outer, inner!.low), over(top, inner!.high, high));
  }
  return over(top, low, high);
}

function weight<V>(table: Table<V>): number {
  return sizeOf(table) + 1;
}

/** Returns the entry of `top` above two branches. */
function over<V>({ key, value, due }: Node<V>, low: Table<V>, high: Table<V>): Node<V> {
  return node(key, value, due, low, high);
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
