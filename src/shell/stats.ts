/** The statistics of a pool: what the core counts, and how often sessions had to be renewed. */

import { type ConnectionCounts, countsOf, type PoolState } from "../core/mod.ts";

/** A count of a pool's actual connections, of the requests for them, and of renewals. */
export interface PoolStats extends ConnectionCounts {
  /**
   * How often a connection was wiped for what its statements do not show, by the reason:
   * "database", "role", "call of f", "no session tracking" … That takes a new login; for "triggers
   * or views that may not be seen" a reset. After a hundred reasons, others are counted together
   * as "others".
   */
  readonly renewals: Readonly<Record<string, number>>;
}

/** How many reasons are counted by themselves. */
const reasonsMax = 100;

/** Counts renewals by their reasons. */
export class Renewals {
  readonly #counts = new Map<string, number>();

  /** Counts one. */
  add(reason: string): void {
    const isKnown = this.#counts.has(reason) || this.#counts.size < reasonsMax;
    const name = isKnown ? reason : "others";
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Returns how many there were. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

/** Returns the statistics of a pool. */
export function statsOf(pool: PoolState, renewals: Renewals): PoolStats {
  return { ...countsOf(pool), renewals: renewals.counts };
}
