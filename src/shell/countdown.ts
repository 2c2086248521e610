/**
 * Things that are all given the same time.
 *
 * They come due in the order in which they were added. So one alarm serves any number of
 * them, and adding and removing one costs next to nothing.
 */

import type { Clock, Instant } from "../port.ts";
import { Alarm } from "./alarm.ts";
import type { Neutral } from "./process_hold.ts";

/** Counts the time of each. */
export class Countdown<T extends object> {
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #expired: (item: T) => void;
  readonly #dues = new Map<T, Instant>();
  readonly #alarm: Alarm;

  /** Creates one that gives each `durationMs` and calls `expired` with those whose time is up. */
  constructor(clock: Clock, neutral: Neutral, durationMs: number, expired: (item: T) => void) {
    this.#clock = clock;
    this.#durationMs = durationMs;
    this.#expired = expired;
    this.#alarm = new Alarm(clock, neutral, () => this.#ring());
  }

  /** Begins to count the time of one, from now on. */
  add(item: T, now: Instant): void {
    const due = now + this.#durationMs;
    if (due === Infinity) return;
    this.#dues.set(item, due);
    if (this.#dues.size === 1) this.#alarm.set(due);
  }

  /** Counts its time no more. */
  delete(item: T): void {
    if (this.#dues.delete(item) && this.#dues.size === 0) this.#alarm.clear();
  }

  #ring(): void {
    const now = this.#clock.now();
    this.#alarm.clear();
    for (const [item, due] of this.#dues) {
      if (now < due) {
        this.#alarm.set(due);
        return;
      }
      this.#dues.delete(item);
      this.#expired(item);
    }
  }
}
