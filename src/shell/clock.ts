/**
 * Time as a pool counts it.
 *
 * The monotonic clock of a frozen process may have stood still while its sockets died. So
 * what the wall clock gains over the monotonic one between two readings counts as time that
 * has passed, if it is more than a clock is set forward by in ordinary service.
 */

import type { Clock, Instant } from "../port.ts";

/** A clock that tells when time was skipped. */
export interface PoolClock extends Clock {
  /** How many leaps of the wall clock it has seen. */
  readonly leaps: number;
}

/** Where a clock gets the time from, in ms. */
export interface TimeSource {
  /** The time that never goes back but may stand still. */
  monotonic(): number;
  /** The time that people go by, which may jump. */
  wall(): number;
}

/**
 * The least gain of the wall clock that counts as a leap. Adjustments by NTP are slewed at
 * 0.5 ms a second or stepped by some 100 ms; nobody freezes a process for less than a second
 * and expects its connections to be doubted.
 */
const LEAP_MS_MIN = 1_000;

/** The longest delay that timers take; a longer one is armed again when it has passed. */
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

/** Timers are objects in Node and Bun, numbers in browsers, which have no process to hold. */
function letProcessEnd(timer: unknown): void {
  if (typeof timer === "object" && timer !== null && "unref" in timer) {
    (timer as { unref(): void }).unref();
  }
}
