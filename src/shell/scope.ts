/**
 * The transactions of a lease, nested as savepoints, and who has to wait for whom.
 *
 * A lease, and each transaction in it, is a level; at most one transaction is open directly
 * in a level. Whoever works in a level waits while one is, as their statements would be part
 * of it. That transactions which were started side by side run in turn follows from that.
 */

import type { Held } from "./held.ts";

/** What a transaction can be open in. */
export interface Level<Target, Driver> {
  /** The transaction that is open in it. */
  child: Scope<Target, Driver> | undefined;
}

/** A transaction, or a savepoint in one. */
export class Scope<Target, Driver> implements Level<Target, Driver> {
  /** The lease it runs on. */
  readonly held: Held<Target, Driver>;
  /** The transaction it is a savepoint of. */
  readonly parent: Scope<Target, Driver> | undefined;
  /** The savepoint that is open in it. */
  child: Scope<Target, Driver> | undefined = undefined;
  /** What became of the whole transaction behind the back of its code. */
  failure: unknown = undefined;
  /** Settled when it has been rolled back, from when on that was asked for. */
  rollback: Promise<void> | undefined = undefined;
  #status: "beginning" | "open" | "ending" | "ended" = "beginning";
  #change: PromiseWithResolvers<void> = Promise.withResolvers();

  /** Creates a transaction that is about to begin, in a level in which none is open. */
  constructor(held: Held<Target, Driver>, parent: Scope<Target, Driver> | undefined) {
    this.held = held;
    this.parent = parent;
    (parent ?? held).child = this;
  }

  /** How far it is. */
  get status(): "beginning" | "open" | "ending" | "ended" {
    return this.#status;
  }

  /** Fulfilled when it is further. */
  get changed(): Promise<void> {
    return this.#change.promise;
  }

  /** The outermost transaction it is part of. */
  get top(): Scope<Target, Driver> {
    return this.parent === undefined ? this : this.parent.top;
  }

  /** The name of its savepoint. */
  get savepoint(): string {
    return `sublet_${this.#depth}`;
  }

  /** Says that it is further. */
  become(status: "open" | "ending" | "ended"): void {
    if (this.#status === "ended") return;
    this.#status = status;
    if (status === "ended") this.#leaveLevel();
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  get #depth(): number {
    return this.parent === undefined ? 0 : this.parent.#depth + 1;
  }

  #leaveLevel(): void {
    this.child?.become("ended");
    const level = this.parent ?? this.held;
    if (level.child === this) level.child = undefined;
  }
}
