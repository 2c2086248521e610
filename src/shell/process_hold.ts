/**
 * Keeps the process alive while somebody waits for the pool.
 *
 * Neither the pool's alarm nor an idle socket does; so between two attempts to connect,
 * nothing else would, and the process would end in the middle of an `await`.
 */

import { clearInterval, setInterval } from "node:timers";

/** Calls a function in an async context that belongs to nobody. */
export type Neutral = <R, Args extends unknown[]>(fn: (...args: Args) => R, ...args: Args) => R;

/** The longest that timers take. */
const INTERVAL_MS = 2 ** 31 - 1;

/** Counts those who wait. */
export class ProcessHold {
  readonly #neutral: Neutral;
  #takers = 0;
  #isEnded = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Creates a hold that nobody has taken. */
  constructor(neutral: Neutral) {
    this.#neutral = neutral;
  }

  /** Keeps the process alive until {@linkcode drop} is called as often. */
  take(): void {
    if (this.#takers++ > 0) return;
    this.#timer ??= this.#neutral(() => setInterval(nothing, INTERVAL_MS));
    this.#timer.ref();
  }

  /** Takes one {@linkcode take} back. */
  drop(): void {
    if (--this.#takers > 0) return;
    this.#timer?.unref();
    if (this.#isEnded) this.#clear();
  }

  /** Leaves nothing behind once nobody waits any more, as the pool has ended. */
  end(): void {
    this.#isEnded = true;
    if (this.#takers === 0) this.#clear();
  }

  #clear(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function nothing(): void {}
