/** A clock that the test moves. */

import type { Instant } from "../../../src/port/session.ts";
import type { PoolClock } from "../../../src/shell/clock.ts";

interface Pending {
  readonly at: Instant;
  readonly ring: () => void;
}

/** A clock that stands still until the test calls `pass` or `leap`. */
export class ManualClock implements PoolClock {
  leaps = 0;
  /** The number that {@linkcode random} returns. */
  luck = 0.5;
  #now: Instant = 1_000;
  readonly #pending = new Set<Pending>();

  /** How many alarms are pending. */
  get alarms(): number {
    return this.#pending.size;
  }

  now(): Instant {
    return this.#now;
  }

  alarm(at: Instant, ring: () => void): () => void {
    const pending = { at, ring };
    this.#pending.add(pending);
    return () => this.#pending.delete(pending);
  }

  random(): number {
    return this.luck;
  }

  /** Lets time pass: rings each due alarm at its time, and lets the pool react before the next. */
  async pass(durationMs: number): Promise<void> {
    const end = this.#now + durationMs;
    for (let next = this.#first(end); next !== undefined; next = this.#first(end)) {
      this.#now = Math.max(this.#now, next.at);
      this.#pending.delete(next);
      next.ring();
      await settled();
    }
    this.#now = end;
    await settled();
  }

  /** Moves the time on without ringing an alarm, as a freeze of the process does. */
  leap(durationMs: number): void {
    this.#now += durationMs;
    this.leaps++;
  }

  #first(end: Instant): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending) {
      if (pending.at <= end && (first === undefined || pending.at < first.at)) first = pending;
    }
    return first;
  }
}

/** Returns a promise that is fulfilled once all pending promise callbacks have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
