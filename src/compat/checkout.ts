/**
 * Which holder has a connection: the code that got it from the pool and has not released it yet.
 *
 * The connection is the driver's own object, the same for one holder after another. A late release
 * by a former holder must not take the connection from the next one. So a callback that gets a
 * connection runs in an async context that names its checkout. A call from outside any such context
 * counts as the present holder's, and so does a call from code that may have started this holder.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { PoolConnection } from "mysql2";
import { genuine } from "../mysql/loan.ts";
import type { Lease } from "./driver.ts";
import { whenQuiet } from "./internals.ts";

/** A strong or weak reference to a lease. */
interface Reference {
  deref(): Lease | undefined;
}

/** The latest checkout of each connection. */
const latest: WeakMap<PoolConnection, Checkout> = new WeakMap();

/** The checkouts that the running code was handed, latest first, one for each connection. */
const handed: AsyncLocalStorage<readonly Checkout[]> = new AsyncLocalStorage();

/** The connections that are released once their commands have ended. */
const leaving: Set<PoolConnection> = new Set();

/** Tells whether any released connection still waits for its commands to end. */
export function isAnyLeaving(): boolean {
  return leaving.size > 0;
}

/** Tells whether a released connection still waits for its commands to end. */
export function isLeaving(connection: PoolConnection): boolean {
  return leaving.has(connection);
}

/** Calls `then` once a connection's commands have ended; it does not wait for slow readers. */
export function leave(connection: PoolConnection, then: () => void): void {
  leaving.add(connection);
  whenQuiet(connection, () => {
    leaving.delete(connection);
    then();
  });
  if (!isLeaving(connection)) return;
  // Not at once: the driver may still be handling the row at which it was paused.
  queueMicrotask(() => {
    if (isLeaving(connection)) connection.resume();
  });
}

/** One holder's possession of a connection, from the lease to the release. */
export class Checkout {
  /** The connection. */
  readonly connection: PoolConnection;
  /** Shared with the former checkout of this connection in whose context this one was made. */
  readonly #lineage: object;
  #lease: Reference;
  #isEnded = false;

  /** Refers to the lease weakly: if the holder forgets it, the lease is garbage-collected. */
  constructor(lease: Lease) {
    this.connection = genuine(lease.connection) as PoolConnection;
    const known = knownHere(this.connection);
    this.#lineage = known === undefined ? {} : known.#lineage;
    this.#lease = new WeakRef(lease);
    latest.set(this.connection, this);
  }

  /** Whether the holder has released the connection. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Keeps the lease until the release, as other code may refer to the bare connection. */
  pin(): this {
    const lease = this.#lease.deref();
    this.#lease = { deref: () => lease };
    return this;
  }

  /** Releases the connection once its commands have ended. A second call does nothing. */
  release(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const lease = this.#lease.deref();
    leave(this.connection, () => lease?.release());
  }

  /** Releases at once a connection that was destroyed or has ended. */
  abandon(): void {
    this.#isEnded = true;
    this.#lease.deref()?.release();
  }

  /** Ends the lease of a lost connection; its holder sees the loss and need not release it. */
  lose(): void {
    this.#lease.deref()?.release();
  }

  /** Runs code in an async context that names this checkout. */
  run<T>(fn: () => T): T {
    const others = (handed.getStore() ?? []).filter(({ connection }) => {
      return connection !== this.connection && connection.state === "authenticated";
    });
    return handed.run([this, ...others], fn);
  }

  /** Tells whether `other` has not ended and shares this checkout's lineage. */
  isKinOf(other: Checkout | undefined): boolean {
    return other?.isEnded === false && other.#lineage === this.#lineage;
  }
}

/** Returns the checkout on whose behalf the running code may use a connection, if any. */
export function holdingHere(connection: PoolConnection): Checkout | undefined {
  const checkout = latest.get(connection);
  return checkout?.isEnded || isLate(connection) ? undefined : checkout;
}

/** Ends the lease of a connection that was lost. */
export function lose(connection: PoolConnection): void {
  latest.get(connection)?.lose();
}

/** Tells whether the running code is a former holder's that is no kin of the present one. */
export function isLate(connection: PoolConnection): boolean {
  const known = knownHere(connection);
  return known !== undefined && known.isEnded && !known.isKinOf(latest.get(connection));
}

/** Returns the latest checkout by which the running code was handed a connection. */
function knownHere(connection: PoolConnection): Checkout | undefined {
  return handed.getStore()?.find((checkout) => checkout.connection === connection);
}
