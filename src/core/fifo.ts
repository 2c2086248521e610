/**
 * An immutable queue of entries, in the order of their leases.
 *
 * Nearly all entries come in at the back and go out at the front. There a queue shares all
 * but a few words with the queue that it was: the front is a block and a count of those that
 * have left it, the back a block that is not full. When the back is full it goes behind the
 * other blocks, and when all of the front have left, the next block is the front. The blocks
 * between are in a table, in which an entry is found and taken out in O(log n); to count to
 * one takes a look at each block before it.
 */

import { first, floor, last, put, remove, search, type Table, values } from "./table.ts";

/** What the queue orders its entries by: entries that come later mostly have a higher lease. */
interface Entry {
  readonly lease: number;
}

/** A queue, or `undefined`: the one without entries. */
export type Fifo<V extends Entry> = Filled<V> | undefined;

/** A queue that has entries. */
interface Filled<V extends Entry> {
  /** How many entries there are. */
  readonly size: number;
  /** The oldest entries, behind those that have left; one at least. */
  readonly front: readonly V[];
  /** How many entries have left the front. */
  readonly left: number;
  /** The blocks behind the front, by the lease of their first entry. */
  readonly middle: Table<readonly V[]>;
  /** The newest entries. */
  readonly back: readonly V[];
}

/** How many entries a block has at most; each that comes copies those at the back. */
const BLOCK = 16;

/** Returns the oldest entry, if there is any. */
export function headOf<V extends Entry>(fifo: Fifo<V>): V | undefined {
  return fifo?.front[fifo.left];
}

/** Returns the entry that `rank` others precede, if so many do. */
export function nthOf<V extends Entry>(fifo: Fifo<V>, rank: number): V | undefined {
  if (fifo === undefined) return undefined;
  const { front, left, middle, back } = fifo;
  let place = left + rank;
  if (place < front.length) return front[place];
  place -= front.length;
  const block = search(middle, ({ value }) => {
    if (place < value.length) return true;
    place -= value.length;
    return false;
  });
  return (block?.value ?? back)[place];
}

/** Returns all entries in order. */
export function all<V extends Entry>(fifo: Fifo<V>): readonly V[] {
  if (fifo === undefined) return [];
  const { front, left, middle, back } = fifo;
  return front.slice(left).concat(...values(middle), back);
}

/** Returns the entry of `lease`, if `fifo` has it. */
export function findIn<V extends Entry>(fifo: Fifo<V>, lease: number): V | undefined {
  if (fifo === undefined) return undefined;
  const { front, left, middle, back } = fifo;
  const isIt = (entry: V): boolean => entry.lease === lease;
  return front.slice(left).find(isIt) ?? floor(middle, lease)?.value.find(isIt) ?? back.find(isIt);
}

/** Returns `fifo` with one more entry. */
export function add<V extends Entry>(fifo: Fifo<V>, entry: V): Filled<V> {
  if (fifo === undefined) return { size: 1, front: [entry], left: 0, middle: undefined, back: [] };
  const { front, left, middle, back } = fifo;
  const size = fifo.size + 1;
  const { lease } = entry;
  const newest = back.length > 0 ? back : last(middle)?.value ?? front;
  if (lease < newest[newest.length - 1]!.lease) {
    return rewrite(fifo, size, lease, (block) => {
      const older = block.filter((other) => other.lease < lease);
      return [...older, entry, ...block.slice(older.length)];
    })!;
  }
  if (back.length < BLOCK) return { size, front, left, middle, back: [...back, entry] };
  return { size, front, left, middle: store(middle, back), back: [entry] };
}

/** Returns `fifo` without the entry of `lease`, which it has. */
export function drop<V extends Entry>(fifo: Filled<V>, lease: number): Fifo<V> {
  const { front, left, middle, back } = fifo;
  const size = fifo.size - 1;
  if (front[left]!.lease !== lease) {
    return rewrite(fifo, size, lease, (block) => block.filter((entry) => entry.lease !== lease));
  }
  if (left + 1 < front.length) return { size, front, left: left + 1, middle, back };
  return behind(size, middle, back);
}

/** Returns `fifo` with another block in place of that to which a lease belongs. */
function rewrite<V extends Entry>(
  { front, left, middle, back }: Filled<V>,
  size: number,
  lease: number,
  change: (block: readonly V[]) => readonly V[],
): Fifo<V> {
  const blocks = store(store(middle, front.slice(left)), back);
  const { key, value } = (floor(blocks, lease) ?? first(blocks))!;
  const block = change(value);
  const rest = store(remove(blocks, key), block.slice(0, BLOCK));
  return behind(size, store(rest, block.slice(BLOCK)), []);
}

/** Returns a queue of the entries that stand behind a front. */
function behind<V extends Entry>(
  size: number,
  middle: Filled<V>["middle"],
  back: readonly V[],
): Fifo<V> {
  if (size === 0) return undefined;
  const next = first(middle);
  if (next === undefined) return { size, front: back, left: 0, middle, back: [] };
  return { size, front: next.value, left: 0, middle: remove(middle, next.key), back };
}

/** Returns a table of blocks with one more, if it has entries. */
function store<V extends Entry>(middle: Filled<V>["middle"], block: readonly V[]): typeof middle {
  return block.length === 0 ? middle : put(middle, block[0]!.lease, block);
}
