/**
 * Who has a connection: one who asked the pool for it, and has not given it back yet.
 *
 * The connection is the driver's, and the same object for one holder after another. So that a
 * late release of a former one takes nothing from the next, a callback that is handed a
 * connection runs in an async context that says so. What comes from elsewhere is taken to come
 * from the present holder, and so is what comes from code that this one may have sprung from.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { PoolConnection } from "mysql2";
import { genuine } from "../mysql/loan.ts";
import type { Lease } from "./driver.ts";
import { whenQuiet } from "./internals.ts";

/** What leads to a lease, which may be gone. */
interface Reference {
  deref(): Lease | undefined;
}

/** The latest checkout of each connection. */
const latest: WeakMap<PoolConnection, Checkout> = new WeakMap();

/** Whose connections code has been handed, the latest first, at most one for each connection. */
const handed: AsyncLocalStorage<readonly Checkout[]> = new AsyncLocalStorage();

/** The connections that are given back once they have nothing more to do. */
const leaving: Set<PoolConnection> = new Set();

/** Tells whether somebody only waits for the driver to finish what it is amid. */
export function isAnyLeaving(): boolean {
  return leaving.size > 0;
}

/** Tells whether a connection is given back once it has nothing more to do. */
export function isLeaving(connection: PoolConnection): boolean {
  return leaving.has(connection);
}

/** Calls `then` once a connection has nothing more to do; it does not wait for who reads slowly. */
export function leave(connection: PoolConnection, then: () => void): void {
  leaving.add(connection);
  whenQuiet(connection, () => {
    leaving.delete(connection);
    then();
  });
  if (!isLeaving(connection)) return;
  // The driver may be amid the row at which it was paused.
  queueMicrotask(() => {
    if (isLeaving(connection)) connection.resume();
  });
}

/** What one holder has of a connection. */
export class Checkout {
  /** The connection. */
  readonly connection: PoolConnection;
  /** Shared with former holders of the connection whose code this one may have sprung from. */
  readonly #lineage: object;
  #lease: Reference;
  #isEnded = false;

  /** Notes that code has a lease, and alone keeps it from being collected as garbage. */
  constructor(lease: Lease) {
    this.connection = genuine(lease.connection) as PoolConnection;
    const known = knownHere(this.connection);
    this.#lineage = known === undefined ? {} : known.#lineage;
    this.#lease = new WeakRef(lease);
    latest.set(this.connection, this);
  }

  /** Whether it has been given back. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Keeps the lease until it is given back, as others may have the connection too. */
  pin(): this {
    const lease = this.#lease.deref();
    this.#lease = { deref: () => lease };
    return this;
  }

  /** Gives the connection back, once what it was asked before has been done; a second time not. */
  release(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const lease = this.#lease.deref();
    leave(this.connection, () => lease?.release());
  }

  /** Gives back what is of no use any more. */
  abandon(): void {
    this.#isEnded = true;
    this.#lease.deref()?.release();
  }

  /** Ends the lease of what was lost; its holder is told so, and need not give it back. */
  lose(): void {
    this.#lease.deref()?.release();
  }

  /** Runs code as that of this holder. */
  run<T>(fn: () => T): T {
    const others = (handed.getStore() ?? []).filter(({ connection }) => {
      return connection !== this.connection && connection.state === "authenticated";
    });
    return handed.run([this, ...others], fn);
  }

  /** Tells whether another holding lasts that its code may have sprung from, or it from its. */
  isKinOf(other: Checkout | undefined): boolean {
    return other?.isEnded === false && other.#lineage === this.#lineage;
  }
}

/** Returns the holding by which code has a connection, if that lasts. */
export function holdingHere(connection: PoolConnection): Checkout | undefined {
  const checkout = latest.get(connection);
  return checkout?.isEnded || isLate(connection) ? undefined : checkout;
}

/** Ends the lease of a connection that was lost. */
export function lose(connection: PoolConnection): void {
  latest.get(connection)?.lose();
}

/** Tells whether code was handed a connection by a holding that has ended. */
export function isLate(connection: PoolConnection): boolean {
  const known = knownHere(connection);
  return known !== undefined && known.isEnded && !known.isKinOf(latest.get(connection));
}

/** Returns the holding by which the code at hand was last handed a connection. */
function knownHere(connection: PoolConnection): Checkout | undefined {
  return handed.getStore()?.find((checkout) => checkout.connection === connection);
}
