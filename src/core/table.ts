/**
 * An immutable map from numbers to values, in the order of its keys.
 *
 * It is a tree that keeps itself in balance by weight: no branch is more than three
 * times as heavy as its sibling, so every walk is O(log n), and an update copies the
 * nodes it walks and shares the others. Beside its value an entry may have a `due`, and
 * each node knows the least due below it. So one table is a queue (`first`), a stack
 * (`last`) and a heap (`firstDue`) at once.
 *
 * An entry without a due has `undefined` there, not `Infinity`: if a field has only ever held
 * fractions, an engine stores a new number for it in every copy of a node; if the field has
 * held anything else, the copies share the number.
 */

/** A table: its root, or `undefined` if it has no entries. */
export type Table<V> = Node<V> | undefined;

/** One entry of a table, and the root of the entries below it. */
export interface Node<V> {
  /** Its place in the order. */
  readonly key: number;
  /** Its value. */
  readonly value: V;
  /** When it is due, if ever. */
  readonly due: number | undefined;
  /** The least due of this entry and all below it, if any has one. */
  readonly least: number | undefined;
  /** How many entries the tree below has, this one included. */
  readonly size: number;
  /** The entries below with lower keys. */
  readonly low: Table<V>;
  /** The entries below with higher keys. */
  readonly high: Table<V>;
}

/** How many times as heavy as its sibling a branch may be. */
const TILT_MAX = 3;
/** From which ratio of its inner to its outer branch on a heavy branch is rotated first. */
const BEND_MAX = 2;

/** Returns how many entries a table or a queue has. */
export function sizeOf(entries: { readonly size: number } | undefined): number {
  return entries?.size ?? 0;
}

/** Returns the least due of all entries: `Infinity` if none has one. */
export function leastDue<V>(table: Table<V>): number {
  return table?.least ?? Infinity;
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

/** Returns the entry with the lowest key of those that are due by `instant`, if any are. */
export function firstDue<V>(table: Table<V>, instant: number): Node<V> | undefined {
  let node = table;
  while (node !== undefined && isBy(node.least, instant)) {
    const { low }: Node<V> = node;
    if (low !== undefined && isBy(low.least, instant)) node = low;
    else if (isBy(node.due, instant)) return node;
    else node = node.high;
  }
  return undefined;
}

function isBy(due: number | undefined, instant: number): boolean {
  return due !== undefined && due <= instant;
}

/** Returns the entry with the highest key, if there is any. */
export function last<V>(table: Table<V>): Node<V> | undefined {
  return table && (last(table.high) ?? table);
}

/** Returns the entry with the highest key that is not above `key`, if there is any. */
export function floor<V>(table: Table<V>, key: number): Node<V> | undefined {
  if (table === undefined) return undefined;
  return key < table.key ? floor(table.low, key) : floor(table.high, key) ?? table;
}

/** Returns the first entry, in the order of the keys, for which `is` returns true. */
export function search<V>(table: Table<V>, is: (entry: Node<V>) => boolean): Node<V> | undefined {
  if (table === undefined) return undefined;
  return search(table.low, is) ?? (is(table) ? table : search(table.high, is));
}

/** Returns the entries in the order of their keys. */
export function entries<V>(table: Table<V>): readonly Node<V>[] {
  const found: Node<V>[] = [];
  search(table, (entry) => !found.push(entry));
  return found;
}

/** Returns the values in the order of their keys. */
export function values<V>(table: Table<V>): readonly V[] {
  return entries(table).map(({ value }) => value);
}

/** Returns `table` with `value` and `due` at `key`, in place of what it had there, if anything. */
export function put<V>(table: Table<V>, key: number, value: V, due?: number): Node<V> {
  if (table === undefined) return node(key, value, due, undefined, undefined);
  const { key: own, low, high } = table;
  if (key === own) return node(key, value, due, low, high);
  return key < own
    ? balance(table, put(low, key, value, due), high)
    : balance(table, low, put(high, key, value, due));
}

/** Returns `table` without `key`, or `table` itself if it has no such key. */
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

/** Returns the entry of `top` above two branches, rotated if one of them is too heavy. */
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

function node<V>(
  key: number,
  value: V,
  due: number | undefined,
  low: Table<V>,
  high: Table<V>,
): Node<V> {
  let least = due;
  let size = 1;
  if (low !== undefined) {
    size += low.size;
    least = sooner(least, low.least);
  }
  if (high !== undefined) {
    size += high.size;
    least = sooner(least, high.least);
  }
  return { key, value, due, least, size, low, high };
}

function sooner(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b !== undefined && b < a ? b : a;
}
