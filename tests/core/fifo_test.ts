/**
 * The queue of blocks: it answers every question as a sorted list does, even if entries come in
 * between or leave out of turn, and it shares nearly all its memory with the old queue.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { add, all, drop, type Fifo, findIn, headOf, nthOf } from "../../src/core/fifo.ts";
import { sizeOf } from "../../src/core/table.ts";
import { deepFreeze } from "./support/freeze.ts";
import { runs } from "./support/seed.ts";

interface Entry {
  readonly lease: number;
  readonly name: string;
}

/** A change to a queue: `count` entries enter or leave, at its ends or where `pick` says. */
interface Change {
  readonly kind: "enter" | "leave" | "enterBetween" | "leaveBetween";
  readonly count: number;
  readonly pick: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom("enter", "leave", "enterBetween", "leaveBetween"),
  count: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 80 })),
  pick: fc.nat(),
});
const changes: fc.Arbitrary<Change[]> = fc.array(change, { maxLength: 40, size: "max" });

test("a queue answers every question as a sorted list does, and old queues do not change", () => {
  fc.assert(
    fc.property(changes, (turns) => {
      const twin = new Twin();
      const past: [Fifo<Entry>, readonly Entry[]][] = [];
      for (const turn of turns) {
        twin.change(turn);
        twin.assertSame();
        past.push([twin.queue, [...twin.list]]);
      }
      for (const [queue, list] of past) assert.deepEqual(all(queue), list);
    }),
    runs(100),
  );
});

test("an empty queue is `undefined`, and has nothing to find", () => {
  const one = { lease: 1, name: "one" };
  assert.equal(drop(add(undefined, one), 1), undefined);
  assert.equal(sizeOf(undefined), 0);
  assert.equal(headOf(undefined), undefined);
  assert.equal(nthOf(undefined, 0), undefined);
  assert.equal(findIn(undefined, 1), undefined);
  assert.deepEqual(all(undefined), []);
});

test("in a queue of 100,000 an entry that comes and one that goes make few objects", () => {
  let queue: Fifo<Entry>;
  for (let lease = 0; lease < 100_000; lease++) queue = add(queue, { lease, name: "early" });
  const found = new Set<object>();
  count([queue!], found);
  let made = 0;
  for (let turn = 0; turn < 320; turn++) {
    const more = add(queue, { lease: 100_000 + turn, name: "late" });
    queue = drop(more, turn);
    made += count([more, queue!], found);
  }
  assert.ok(made / 320 < 6, `${made / 320} objects in a turn`);
});

/** A queue, and the sorted list that it should be. */
class Twin {
  queue: Fifo<Entry>;
  readonly list: Entry[] = [];
  /** The leases of all entries that ever came in. */
  readonly #known = new Set<number>();
  #leaseNext = 0;

  change({ kind, count, pick }: Change): void {
    for (let turn = 0; turn < count; turn++) {
      const place = (pick + turn * 7) % Math.max(1, this.list.length);
      if (kind === "enter") this.#enter(this.list.length, this.#leaseNext += 2);
      else if (this.list.length === 0) return;
      else if (kind === "leave") this.#leave(0);
      else if (kind === "leaveBetween") this.#leave(place);
      else this.#enter(place, this.#leaseBefore(place));
    }
  }

  assertSame(): void {
    const { queue, list } = this;
    assert.deepEqual(all(queue), list);
    assert.equal(sizeOf(queue), list.length);
    assert.equal(headOf(queue), list[0]);
    for (let rank = 0; rank <= list.length; rank++) assert.equal(nthOf(queue, rank), list[rank]);
    const present = new Map(list.map((entry) => [entry.lease, entry]));
    for (const lease of this.#known) assert.equal(findIn(queue, lease), present.get(lease));
    const { front = [], left = 0, back = [] } = queue ?? {};
    assert.ok(front.length <= 16 && left <= front.length && back.length <= 16);
  }

  #enter(place: number, lease: number): void {
    // After too many halvings no number lies between two leases.
    if (this.list[place - 1]?.lease === lease || this.list[place]?.lease === lease) return;
    const entry = { lease, name: `${lease}` };
    this.list.splice(place, 0, entry);
    this.#known.add(lease);
    this.queue = deepFreeze(add(this.queue, entry));
  }

  #leave(place: number): void {
    const [entry] = this.list.splice(place, 1);
    this.queue = deepFreeze(drop(this.queue!, entry!.lease));
  }

  /** Returns a lease between that of the entry at a place and that of the entry before it. */
  #leaseBefore(place: number): number {
    const { lease } = this.list[place]!;
    return (lease + (this.list[place - 1]?.lease ?? lease - 2)) / 2;
  }
}

/** Counts the objects that the roots reach and `found` does not have, and adds them to it. */
function count(roots: readonly object[], found: Set<object>): number {
  const before = found.size;
  const open: unknown[] = [...roots];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== "object" || next === null || found.has(next)) continue;
    found.add(next);
    open.push(...Object.values(next));
  }
  return found.size - before;
}
