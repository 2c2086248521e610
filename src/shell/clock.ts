/**
 * The clock of a pool, which also counts the time for which the process was frozen.
 *
 * While a process is frozen, its monotonic clock may stand still although its sockets die. So if
 * the wall clock gains more on the monotonic one, between two readings, than routine adjustments
 * of the time explain, the pool adds the gain to its own time.
 */

import type { Clock, Instant } from "../port/session.ts";

/** A clock that also counts the leaps of time. */
export interface PoolClock extends Clock {
  /** How many leaps of the wall clock `now` has found. */
  readonly leaps: number;
}

/** The two clocks that a `PoolClock` reads, in ms. */
export interface TimeSource {
  /** The monotonic time, which never goes back but may stand still. */
  monotonic(): number;
  /** The wall-clock time, which may jump. */
  wall(): number;
}

/**
 * The least gain of the wall clock that counts as a leap. NTP slews by 0.5 ms a second, or steps
 * by some 100 ms; and after a freeze of less than a second there is no need to doubt connections.
 */
const LEAP_MS_MIN = 1_000;

/** The longest delay that `setTimeout` takes; for a longer one, the timer is armed again. */
const DELAY_MS_MAX = 2 ** 31 - 1;

const SYSTEM_TIME: TimeSource = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
};

/** Returns the clock of this process. */
export function createClock(source: TimeSource = SYSTEM_TIME): PoolClock {
  return new SystemClock(source);
}

class SystemClock implements PoolClock {
  leaps = 0;
  readonly #source: TimeSource;
  #skippedMs = 0;
  #gap: number;

  constructor(source: TimeSource) {
    this.#source = source;
    this.#gap = source.wall() - source.monotonic();
  }

  now(): Instant {
    const monotonic = this.#source.monotonic();
    const gap = this.#source.wall() - monotonic;
    const gainMs = gap - this.#gap;
    this.#gap = gap;
    if (gainMs >= LEAP_MS_MIN) {
      this.#skippedMs += gainMs;
      this.leaps++;
    }
    return monotonic + this.#skippedMs;
  }

  alarm(at: Instant, ring: () => void): () => void {
    let timer: ReturnType<typeof setTimeout>;
    const arm = (): void => {
      const delayMs = Math.min(Math.max(0, Math.ceil(at - this.now())), DELAY_MS_MAX);
      timer = setTimeout(() => this.now() < at ? arm() : ring(), delayMs);
      letProcessEnd(timer);
    };
    arm();
    return () => clearTimeout(timer);
  }

  random(): number {
    return Math.random();
  }
}

/** Timers are objects in Node and Bun, numbers in browsers, which have no process to keep alive. */
function letProcessEnd(timer: unknown): void {
  if (typeof timer === "object" && timer !== null && "unref" in timer) {
    (timer as { unref(): void }).unref();
  }
}
