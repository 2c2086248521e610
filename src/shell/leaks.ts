/**
 * Leases that seem to have been forgotten.
 *
 * Who took a lease is only recorded while detection is on, as a stack costs more than a lease.
 */

import type { Clock, Instant } from "../port.ts";
import { Countdown } from "./countdown.ts";
import type { News } from "./news.ts";
import type { Neutral } from "./process_hold.ts";

/** A lease that is watched. */
export interface Watch {
  /** The virtual connection it was taken through. */
  readonly virtual: string;
  /** Since when it is held. */
  readonly since: Instant;
  /** Who took it. */
  readonly stack: string | undefined;
}

/** A lease whose holder may be collected as garbage, and how to end it then. */
interface Remains {
  readonly watch: Watch;
  readonly end: () => void;
}

/** Watches the leases of one pool. */
export class Leaks<Driver> {
  readonly #clock: Clock;
  readonly #news: News<Driver>;
  readonly #countdown: Countdown<Watch> | undefined;
  readonly #registry: FinalizationRegistry<Remains> | undefined;

  /** Creates a watch over no lease; with a time-out of 0 it watches for garbage at most. */
  constructor(
    clock: Clock,
    neutral: Neutral,
    news: News<Driver>,
    timeoutMs: number,
    isGarbageWatched: boolean,
  ) {
    this.#clock = clock;
    this.#news = news;
    this.#countdown = timeoutMs === 0
      ? undefined
      : new Countdown(clock, neutral, timeoutMs, (watch) => {
        this.#note(watch, false);
        news.tell();
      });
    this.#registry = isGarbageWatched
      ? new FinalizationRegistry((remains) => this.#bury(remains))
      : undefined;
  }

  /** Returns the stack of the caller of `entry`, if leases are watched. */
  stackAbove(entry: (...args: never[]) => unknown): string | undefined {
    if (this.#countdown === undefined) return undefined;
    const taken = new Error("Taken here");
    Error.captureStackTrace(taken, entry);
    return taken.stack;
  }

  /** Begins to watch a lease. */
  watch(virtual: string, stack: string | undefined): Watch {
    const watch = { virtual, since: this.#clock.now(), stack };
    this.#countdown?.add(watch, watch.since);
    return watch;
  }

  /** Ends a watch. */
  unwatch(watch: Watch): void {
    this.#countdown?.delete(watch);
  }

  /** Ends a lease by `end`, which must not lead to its holder, when the holder is collected. */
  register(holder: object, watch: Watch, end: () => void): void {
    this.#registry?.register(holder, { watch, end }, holder);
  }

  /** Forgets a holder that has ended its lease itself. */
  unregister(holder: object): void {
    this.#registry?.unregister(holder);
  }

  #bury({ watch, end }: Remains): void {
    this.#note(watch, true);
    end();
    this.#news.tell();
  }

  #note({ virtual, since, stack }: Watch, isCollected: boolean): void {
    const heldMs = this.#clock.now() - since;
    this.#news.note("leak", { virtual, heldMs, stack, isCollected });
  }
}
