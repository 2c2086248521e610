/**
 * The promise face of a pool: mysql2's own class, but that a connection which it lends belongs to
 * whoever was given it. So a second release does nothing, what is done after it is refused, and a
 * connection that was forgotten is taken back when its face is collected as garbage.
 */

import type { PoolConnection } from "mysql2";
import { SubletError } from "../shell/errors.ts";
import type { Lease } from "./driver.ts";
import { Checkout } from "./checkout.ts";
import { hiddenPromise, type Internals, internalsOf, type PromiseMaker } from "./internals.ts";
import type { Lender } from "./lending.ts";

const DriverPool: typeof hiddenPromise.PromisePool = hiddenPromise.PromisePool;
const DriverConnection: typeof hiddenPromise.PoolConnection = hiddenPromise.PoolConnection;

/** A pool with callbacks, as mysql2 wraps it. */
type CallbackPool = ConstructorParameters<typeof DriverPool>[0];

/** A pool, as mysql2's promises know it. */
export class PromisePool extends DriverPool {
  readonly #lender: Lender;

  /** Creates a promise face of a pool; `maker` makes its promises. */
  constructor(pool: CallbackPool, lender: Lender, maker: unknown) {
    super(pool, maker);
    this.#lender = lender;
  }

  /** Lends a connection, which is to be given back. */
  getConnection(): Promise<PromisePoolConnection> {
    return promiseConnection(this.#lender, this.Promise);
  }

  /** Gives a connection back. */
  releaseConnection(connection: { release?(): void }): void {
    connection.release?.();
  }
}

/** Lends a connection by a promise. */
export function promiseConnection(
  lender: Lender,
  maker: PromiseMaker,
): Promise<PromisePoolConnection> {
  return new maker((resolve, reject) => {
    lender.lend(false).then((lease) => resolve(new PromisePoolConnection(lease, maker)), reject);
  });
}

/** What keeps what from being collected as garbage. */
const kept: WeakMap<object, object> = new WeakMap();

/** What a face asks its connection for. */
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

/** A face of the driver, by what it asks its connection for. */
type Asking = Record<(typeof requests)[number], (...args: unknown[]) => Promise<unknown>>;

type Inner = InstanceType<typeof DriverConnection> & Asking;

/** A connection of the pool, as promises know it, for one who has it. */
export class PromisePoolConnection extends DriverConnection {
  readonly #checkout: Checkout;
  readonly #maker: PromiseMaker;
  /** The driver's face, which asks the connection without that it is taken out of this one. */
  readonly #inner: Inner;

  static {
    for (const name of requests) {
      const value = function (this: PromisePoolConnection, ...args: unknown[]): Promise<unknown> {
        return this.#ask(name, args);
      };
      Object.defineProperty(this.prototype, name, { value, writable: true, configurable: true });
    }
  }

  /** Creates a face that alone keeps the lease. */
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

  /** The server's name for it. */
  get threadId(): number {
    return this.#checkout.connection.threadId;
  }

  /** Gives it back. */
  override release(): void {
    this.#checkout.release();
  }

  /** Gives it back; with the option `gracefulEnd`, ends it. */
  override end(): Promise<void> {
    if (this.#checkout.isEnded) return new this.#maker((resolve) => resolve());
    return this.#checkout.run(() => this.#inner.end());
  }

  /** Ends it at once. */
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
