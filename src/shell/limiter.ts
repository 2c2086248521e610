/** Ends something early: at the abort of a signal, or when its time is up. */

import type { Cancellation, Clock, Instant } from "../port.ts";

/** Until when something may take. */
export interface Limits {
  /** Ends it when it is aborted. */
  readonly signal: Cancellation | undefined;
  /** Ends it at that time. */
  readonly endsAt: Instant | undefined;
}

/** What can be ended early. */
export interface Limited {
  /** Ends it, as its signal was aborted with that reason. */
  abort(reason: unknown): void;
  /** Ends it, as its time is up. */
  timeUp(): void;
}

/** Watches the limits of one thing, until it is ended. */
export class Limiter {
  readonly #signal: Cancellation | undefined;
  readonly #aborted: (() => void) | undefined;
  readonly #cancelAlarm: (() => void) | undefined;

  /** Begins to watch. */
  constructor(clock: Clock, { signal, endsAt }: Limits, limited: Limited) {
    this.#signal = signal;
    if (signal !== undefined) {
      this.#aborted = () => limited.abort(signal.reason);
      signal.addEventListener("abort", this.#aborted);
    }
    if (endsAt !== undefined && endsAt !== Infinity) {
      this.#cancelAlarm = clock.alarm(endsAt, () => limited.timeUp());
    }
  }

  /** Watches no more. */
  end(): void {
    this.#cancelAlarm?.();
    if (this.#aborted !== undefined) this.#signal?.removeEventListener("abort", this.#aborted);
  }

  /** Returns an error, or the reason of the signal if that was aborted before the error came. */
  reasonOf(error: unknown): unknown {
    return this.#signal?.aborted ? this.#signal.reason : error;
  }
}

/** Returns what watches limits, if there are any. */
export function limiterOf(clock: Clock, limits: Limits, limited: Limited): Limiter | undefined {
  const { signal, endsAt } = limits;
  return signal === undefined && endsAt === undefined
    ? undefined
    : new Limiter(clock, limits, limited);
}
