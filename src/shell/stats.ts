/** The statistics of a pool: the counts of the core, and the renewals of sessions. */

import { type ConnectionCounts, countsOf, type PoolState } from "../core/mod.ts";

/** The counts of a pool's actual connections, of the requests for them, and of renewals. */
export interface PoolStats extends ConnectionCounts {
  /**
   * How often the pool wiped a connection for state that its statements do not show, by the reason:
   * "database", "role", "call of f", "no session tracking" … This takes a new login; for "triggers
   * or views that may not be seen", a reset. After a hundred reasons, the pool counts all others
   * together as "others".
   */
  readonly renewals: Readonly<Record<string, number>>;
}

/** How many reasons have a count of their own. */
const reasonsMax = 100;

/** Counts renewals by their reasons. */
export class Renewals {
  readonly #counts = new Map<string, number>();

  /** Counts a renewal. */
  add(reason: string): void {
    const isKnown = this.#counts.has(reason) || this.#counts.size < reasonsMax;
    const name = isKnown ? reason : "others";
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** The number of renewals, by the reason. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

/** Returns the statistics of a pool. */
export function statsOf(pool: PoolState, renewals: Renewals): PoolStats {
  return { ...countsOf(pool), renewals: renewals.counts };
}
