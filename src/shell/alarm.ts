/**
 * An alarm that is set again and again.
 *
 * Nearly every step moves the deadline further away. So an alarm that would ring too soon is
 * left to ring, which costs nothing, and is then set anew; only a nearer deadline sets it at
 * once.
 */

import type { Clock, Instant } from "../port.ts";
import type { Neutral } from "./process_hold.ts";

/** Rings when the deadline has come. */
export class Alarm {
  readonly #clock: Clock;
  readonly #neutral: Neutral;
  readonly #ring: () => void;
  #deadline: Instant | undefined;
  #ringsAt: Instant = Infinity;
  #cancel: (() => void) | undefined;

  /** Creates an alarm that is not set. */
  constructor(clock: Clock, neutral: Neutral, ring: () => void) {
    this.#clock = clock;
    this.#neutral = neutral;
    this.#ring = ring;
  }

  /** Lets it ring at `deadline`, or not at all. */
  set(deadline: Instant | undefined): void {
    this.#deadline = deadline;
    if (deadline === undefined || deadline >= this.#ringsAt) return;
    this.#cancel?.();
    this.#arm(deadline);
  }

  /** Lets it ring no more, and keeps no timer. */
  clear(): void {
    this.#deadline = undefined;
    this.#ringsAt = Infinity;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(at: Instant): void {
    this.#ringsAt = at;
    this.#cancel = this.#neutral(() => this.#clock.alarm(at, () => this.#wake()));
  }

  #wake(): void {
    this.#ringsAt = Infinity;
    this.#cancel = undefined;
    if (this.#deadline === undefined) return;
    if (this.#clock.now() >= this.#deadline) this.#ring();
    else this.#arm(this.#deadline);
  }
}
