/**
 * An immutable queue of entries, in the order of their leases.
 *
 * Nearly all entries come in at the back and go out at the front. Then the new queue shares
 * nearly all its memory with the old one: the front is a block and a count of the entries that
 * have left it, the back is a block that still grows. A full back moves behind the other
 * blocks, and when all entries of the front have left, the next block becomes the front. The
 * blocks between are in a table, which finds and removes an entry in O(log n);
 * {@linkcode nthOf} looks at each block before its entry.
 */

import { first, floor, last, put, remove, search, type Table, values } from "./table.ts";

/** An entry; the queue is in the order of `lease`, and later entries mostly have a higher one. */
interface Entry {
  readonly lease: number;
}

/** A queue; `undefined` if it has no entries. */
export type Fifo<V extends Entry> = Filled<V> | undefined;

/** A queue that has entries. */
interface Filled<V extends Entry> {
  /** How many entries there are. */
  readonly size: number;
  /** The oldest entries, at least one, behind those that have left. */
  readonly front: readonly V[];
  /** How many entries have left the front. */
  readonly left: number;
  /** The blocks behind the front, by the lease of their first entry. */
  readonly middle: Table<readonly V[]>;
  /** The newest entries. */
  readonly back: readonly V[];
}

/** How many entries a block has at most; adding an entry copies the back. */
const BLOCK = 16;

/** Returns the oldest entry, if there is any. */
export function headOf<V extends Entry>(fifo: Fifo<V>): V | undefined {
  return fifo?.front[fifo.left];
}

/** Returns the entry behind the `rank` oldest ones, if there is any. */
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

/** Returns `fifo` with one more entry, at the place of its lease. */
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

/** Returns `fifo` with `change` applied to the block to which `lease` belongs. */
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

/** Returns a queue of the entries behind a front. */
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

/** Returns a table of blocks with `block` added, unless it is empty. */
function store<V extends Entry>(middle: Filled<V>["middle"], block: readonly V[]): typeof middle {
  return block.length === 0 ? middle : put(middle, block[0]!.lease, block);
}
