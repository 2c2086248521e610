/**
 * The promise interface of a pool: mysql2's own class, except that each lent connection is a
 * wrapper for one holder. So a second release does nothing, the wrapper refuses calls after the
 * release, and the pool closes a forgotten connection when its wrapper is garbage-collected.
 */

import type { PoolConnection } from "mysql2";
import { SubletError } from "../shell/errors.ts";
import type { Lease } from "./driver.ts";
import { Checkout } from "./checkout.ts";
import { hiddenPromise, type Internals, internalsOf, type PromiseMaker } from "./internals.ts";
import type { Lender } from "./lending.ts";

const DriverPool: typeof hiddenPromise.PromisePool = hiddenPromise.PromisePool;
const DriverConnection: typeof hiddenPromise.PoolConnection = hiddenPromise.PoolConnection;

/** The pool with callbacks that mysql2's class wraps. */
type CallbackPool = ConstructorParameters<typeof DriverPool>[0];

/** A pool with the members of mysql2/promise's `Pool`. */
export class PromisePool extends DriverPool {
  readonly #lender: Lender;

  /** Wraps a pool; `maker` constructs its promises. */
  constructor(pool: CallbackPool, lender: Lender, maker: unknown) {
    super(pool, maker);
    this.#lender = lender;
  }

  /** Lends a connection, which the caller must release. */
  getConnection(): Promise<PromisePoolConnection> {
    return promiseConnection(this.#lender, this.Promise);
  }

  /** Releases a connection. */
  releaseConnection(connection: { release?(): void }): void {
    connection.release?.();
  }
}

/** Lends a connection, with promises; `maker` constructs them. */
export function promiseConnection(
  lender: Lender,
  maker: PromiseMaker,
): Promise<PromisePoolConnection> {
  return new maker((resolve, reject) => {
    lender.lend(false).then((lease) => resolve(new PromisePoolConnection(lease, maker)), reject);
  });
}

/** Each key keeps its value from being garbage-collected. */
const kept: WeakMap<object, object> = new WeakMap();

/** The methods that send a command to the server. */
const requests = [
  "beginTransaction",
  "changeUser",
  "commit",
  "connect",
  "execute",
  "ping",
  "prepare",
  "query",
  "reset",
  "rollback",
] as const;

/** The driver's wrapper, seen by these methods. */
type Asking = Record<(typeof requests)[number], (...args: unknown[]) => Promise<unknown>>;

type Inner = InstanceType<typeof DriverConnection> & Asking;

/** A connection of the pool with promises, for one holder. */
export class PromisePoolConnection extends DriverConnection {
  readonly #checkout: Checkout;
  readonly #maker: PromiseMaker;
  /** The driver's wrapper: it uses the connection without reading `this.connection`. */
  readonly #inner: Inner;

  static {
    for (const name of requests) {
      const value = function (this: PromisePoolConnection, ...args: unknown[]): Promise<unknown> {
        return this.#ask(name, args);
      };
      Object.defineProperty(this.prototype, name, { value, writable: true, configurable: true });
    }
  }

  /** Creates the wrapper; only the wrapper keeps the lease from being garbage-collected. */
  constructor(lease: Lease, maker: PromiseMaker) {
    const checkout = new Checkout(lease);
    super(checkout.connection, maker);
    kept.set(this, lease);
    this.#checkout = checkout;
    this.#maker = maker;
    this.#inner = new DriverConnection(checkout.connection, maker) as Inner;
    const get = (): PoolConnection => checkout.pin().connection;
    Object.defineProperty(this, "connection", { get, enumerable: true, configurable: true });
  }

  /** The options of the connection. */
  get config(): Internals["config"] {
    return internalsOf(this.#checkout.connection).config;
  }

  /** The server's id of the connection. */
  get threadId(): number {
    return this.#checkout.connection.threadId;
  }

  /** Releases the connection. */
  override release(): void {
    this.#checkout.release();
  }

  /** Releases the connection; with the option `gracefulEnd`, closes it. */
  override end(): Promise<void> {
    if (this.#checkout.isEnded) return new this.#maker((resolve) => resolve());
    return this.#checkout.run(() => this.#inner.end());
  }

  /** Closes the connection at once. */
  override destroy(): void {
    if (!this.#checkout.isEnded) this.#checkout.run(() => this.#checkout.connection.destroy());
  }

  #ask(name: (typeof requests)[number], args: unknown[]): Promise<unknown> {
    if (this.#checkout.isEnded) return new this.#maker((_, reject) => reject(ended()));
    const answer = this.#inner[name](...args);
    kept.set(answer, this);
    return answer;
  }
}

function ended(): SubletError {
  return new SubletError("LEASE_ENDED", "statement", "The connection has been given back");
}
