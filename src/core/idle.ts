/**
 * What rests on a target, in the order in which it came to rest.
 *
 * The last to rest is lent first, and is most often the only one that changes: it
 * stands apart, and the table of those that rested before it is left alone.
 */

import type { Actual, Target } from "./state.ts";
import { first, last, put, remove } from "./table.ts";
import type { Draft } from "./turn.ts";

/** Lays an actual connection down on top of the others. */
export function layDown(on: Draft<Target>, actual: Actual): void {
  if (on.top !== undefined) on.idle = put(on.idle, on.top.rank, on.top);
  on.top = actual;
}

/** Takes an actual connection from among those that rest. */
export function rouse(from: Draft<Target>, actual: Actual): void {
  if (from.top?.rank === actual.rank) from.top = undefined;
  else from.idle = remove(from.idle, actual.rank);
}

/** Returns the last that came to rest, if any rests. */
export function lastRested({ top, idle }: Target): Actual | undefined {
  return top ?? last(idle)?.value;
}

/** Returns the one that has rested longest, if any rests. */
export function longestRested({ top, idle }: Target): Actual | undefined {
  return first(idle)?.value ?? top;
}
