/**
 * Keeps the process alive while a caller waits for the pool.
 *
 * Neither the pool's timers nor an idle socket keep it alive. Without this, the process could end
 * between two attempts to connect, in the middle of an `await`.
 */

import { clearInterval, setInterval } from "node:timers";

/** Calls a function in the async context of the pool's creation, not in that of a caller. */
export type RunDetached = <R, Args extends unknown[]>(fn: (...args: Args) => R, ...args: Args) => R;

/** The longest interval that timers take. */
const INTERVAL_MS = 2 ** 31 - 1;

/** Counts the callers for which the process has to stay alive. */
export class ProcessRef {
  readonly #runDetached: RunDetached;
  #takers = 0;
  #isEnded = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Creates a reference that keeps nothing alive. */
  constructor(runDetached: RunDetached) {
    this.#runDetached = runDetached;
  }

  /** Keeps the process alive until {@linkcode unref} was called as often as this. */
  ref(): void {
    if (this.#takers++ > 0) return;
    this.#timer ??= this.#runDetached(() => setInterval(nothing, INTERVAL_MS));
    this.#timer.ref();
  }

  /** Undoes one {@linkcode ref}. */
  unref(): void {
    if (--this.#takers > 0) return;
    this.#timer?.unref();
    if (this.#isEnded) this.#clear();
  }

  /** Clears its timer once no caller waits, as the pool has ended. */
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
