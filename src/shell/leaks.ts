/**
 * Leases that seem to have been forgotten.
 *
 * Who took a lease is only recorded while detection is on, as a stack costs more than a lease.
 */

import type { Clock, Instant } from "../port.ts";
import { type TimeoutLink, TimeoutQueue } from "./timers.ts";
import type { Events } from "./events.ts";
import type { RunDetached } from "./process_ref.ts";

/** A lease that may be forgotten. */
export interface Forgettable {
  /** The virtual connection it was taken through. */
  readonly virtual: string;
  /** Since when it is held. */
  readonly since: Instant;
  /** Who took it. */
  readonly stack: string | undefined;
}

/** A lease that is watched. */
export interface Watch extends Forgettable, TimeoutLink<Watch> {}

/** What is left of a lease when its holder was collected; must not lead to the holder. */
export interface Leftover extends Forgettable {
  /** Ends the lease. */
  lost(): void;
}

/**
 * What the holder of a lease has and nobody else, so that it is collected as garbage when its
 * holder is. To announce one to the collector costs much of a lease, so it is used again.
 */
export interface Tag {
  /** What is left of it then. */
  readonly remains: Remains;
}

interface Remains {
  lease: Leftover | undefined;
}

/** Watches the leases of one pool. */
export class Leaks {
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #timeouts: TimeoutQueue<Watch> | undefined;
  readonly #registry: FinalizationRegistry<Remains> | undefined;
  /** Those that nobody has. */
  readonly #tags: Tag[] = [];

  /** Creates a watch over no lease; with a time-out of 0 it watches for garbage at most. */
  constructor(
    clock: Clock,
    runDetached: RunDetached,
    events: Events,
    timeoutMs: number,
    isGarbageWatched: boolean,
  ) {
    this.#clock = clock;
    this.#events = events;
    this.#timeouts = timeoutMs === 0
      ? undefined
      : new TimeoutQueue(clock, runDetached, timeoutMs, (watch) => {
        this.#note(watch, false);
        events.flush();
      });
    this.#registry = isGarbageWatched
      ? new FinalizationRegistry(({ lease }) => lease && this.#lost(lease))
      : undefined;
  }

  /** Returns the stack of the caller of `entry`, if leases are watched. */
  stackAbove(entry: (...args: never[]) => unknown): string | undefined {
    if (this.#timeouts === undefined) return undefined;
    const taken = new Error("Taken here");
    Error.captureStackTrace(taken, entry);
    return taken.stack;
  }

  /** Begins to watch a lease that is held since some time; returns the watch, if there is one. */
  watch(virtual: string, since: Instant, stack: string | undefined): Watch | undefined {
    if (this.#timeouts === undefined) return undefined;
    const unlinked = { before: undefined, after: undefined, due: undefined };
    const watch: Watch = { virtual, since, stack, ...unlinked };
    this.#timeouts.add(watch, this.#clock.now());
    return watch;
  }

  /** Ends a watch. */
  unwatch(watch: Watch): void {
    this.#timeouts?.delete(watch);
  }

  /** Returns a tag for the holder of a lease, which is ended if the tag is collected. */
  tag(lease: Leftover): Tag {
    const tag = this.#tags.pop() ?? this.#newTag();
    tag.remains.lease = lease;
    return tag;
  }

  /** Takes a tag back from a holder that has ended its lease itself, and keeps it no more. */
  untag(tag: Tag): void {
    tag.remains.lease = undefined;
    this.#tags.push(tag);
  }

  #newTag(): Tag {
    const tag: Tag = { remains: { lease: undefined } };
    this.#registry?.register(tag, tag.remains);
    return tag;
  }

  #lost(lease: Leftover): void {
    this.#note(lease, true);
    lease.lost();
    this.#events.flush();
  }

  #note({ virtual, since, stack }: Forgettable, isCollected: boolean): void {
    const heldMs = this.#clock.now() - since;
    this.#events.emit("leak", { virtual, heldMs, stack, isCollected });
  }
}
