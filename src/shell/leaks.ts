/**
 * Detects leases that their holders seem to have forgotten to release.
 *
 * The pool records the stack of the code that takes a lease only if `leakDetectionTimeout` is set,
 * as a stack costs more than a lease.
 */

import type { Clock, Instant } from "../port/session.ts";
import { type TimeoutLink, TimeoutQueue } from "./timers.ts";
import type { Events } from "./events.ts";
import type { RunDetached } from "./process_ref.ts";

/** A lease that may be forgotten. */
export interface Forgettable {
  /** The name of the virtual connection it goes through. */
  readonly virtual: string;
  /** When it was granted. */
  readonly since: Instant;
  /** The stack of the code that took it. */
  readonly stack: string | undefined;
}

/** A lease with its timeout. */
export interface Watch extends Forgettable, TimeoutLink<Watch> {}

/** What the pool keeps of an explicit lease. It must not refer to the holder's object. */
export interface Leftover extends Forgettable {
  /** Ends the lease, as the holder's object was garbage-collected. */
  lost(): void;
}

/**
 * An object that only the `Lease` refers to, so that both are garbage-collected together. Tags are
 * reused, as registering one for that costs much compared with a lease.
 */
export interface Tag {
  /** What the registry keeps of the tag. */
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
  /** The tags that are free for reuse. */
  readonly #tags: Tag[] = [];

  /** Watches no lease yet. A timeout of 0 is none: then only garbage collection shows a leak. */
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

  /** Returns the stack of the caller of `entry`, if leases have a timeout. */
  stackAbove(entry: (...args: never[]) => unknown): string | undefined {
    if (this.#timeouts === undefined) return undefined;
    const taken = new Error("Taken here");
    Error.captureStackTrace(taken, entry);
    return taken.stack;
  }

  /** Starts the timeout of a lease that was granted at `since`; returns its watch, if any. */
  watch(virtual: string, since: Instant, stack: string | undefined): Watch | undefined {
    if (this.#timeouts === undefined) return undefined;
    const unlinked = { before: undefined, after: undefined, due: undefined };
    const watch: Watch = { virtual, since, stack, ...unlinked };
    this.#timeouts.add(watch, this.#clock.now());
    return watch;
  }

  /** Ends the timeout of a lease. */
  unwatch(watch: Watch): void {
    this.#timeouts?.delete(watch);
  }

  /** Returns a tag for a lease; the lease is ended if the tag is garbage-collected. */
  tag(lease: Leftover): Tag {
    const tag = this.#tags.pop() ?? this.#newTag();
    tag.remains.lease = lease;
    return tag;
  }

  /** Takes back the tag of a released lease; the caller must drop its own reference to the tag. */
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
