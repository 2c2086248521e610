/**
 * The pool as its user sees it.
 *
 * It keeps none of its rules; for a pool that has only the virtual connection `main`, it speaks
 * for that.
 */

import { checkFunction, refuseCallback } from "./refusals.ts";
import type { PoolStats } from "./stats.ts";
import { type DrainOptions, Engine } from "./engine.ts";
import { SubletError } from "./errors.ts";
import type { Lease, LeaseOptions } from "./lease.ts";
import { unknownName } from "./did_you_mean.ts";
import type { EventName, Listener } from "./events.ts";
import type { ResolvedOptions } from "./options.ts";
import type { SharedPool } from "./shared_pool.ts";
import type { Field, Row, RunOptions, StatementOptions, Values } from "./statement.ts";
import type { TransactionOptions } from "./transaction_options.ts";
import type { Host } from "./unit.ts";
import type { UnitCode, UnitHandle } from "./unit_handle.ts";
import type { UnitOptions } from "./unit_options.ts";
import { type Method, type TransactionCode, VirtualConnection } from "./virtual_connection.ts";

/** What a pool says of its options under mysql2's names, in both places where it is looked for. */
export interface PoolConfig {
  /** How long an actual connection may lie idle before it is closed, in ms. */
  readonly idleTimeout: number;
  /** The same once more. */
  readonly connectionConfig: { readonly idleTimeout: number };
}

/**
 * Virtual connections that share actual ones.
 *
 * Each call of `createPool` returns a pool object of its own. Those of equal definitions share
 * actual connections and limits; each accepts work until it is drained itself, and the last one
 * that is drained ends what they share. One that was collected as garbage counts as drained.
 *
 * @example
 * ```ts ignore
 * const db = createPool("mysql://app:secret@127.0.0.1:3306/shop");
 * const [orders] = await db.query("SELECT * FROM orders");
 * ```
 */
export class Pool<
  Name extends string,
  Target extends object,
  Driver extends object,
  Overrides extends object = object,
> implements AsyncDisposable {
  /**
   * What tools look for that know mysql2's pool, such as Vercel's `attachDatabasePool`: how long
   * an actual connection may lie idle before it is closed, in ms.
   */
  readonly config: PoolConfig;
  readonly #engine: Engine;
  readonly #virtuals = new Map<string, VirtualConnection<Target, Driver>>();
  readonly #main: VirtualConnection<Target, Driver> | undefined;

  /** Creates a handle of a pool that has these options; `createPool` calls it. */
  constructor(pool: SharedPool, { policy, virtuals }: ResolvedOptions) {
    const { idleTimeout: idleTimeout } = policy;
    this.config = { idleTimeout, connectionConfig: { idleTimeout } };
    this.#engine = new Engine(pool);
    for (const [id, { name }] of virtuals.entries()) {
      this.#virtuals.set(name, new VirtualConnection(this.#engine, name, id, pool.compileMethod));
    }
    this.#main = this.#virtuals.get("main");
  }

  /**
   * Returns a virtual connection; nothing is opened.
   *
   * @param name Its name, among the `connections` of the definition.
   * @throws `SubletError` with the code `OPTION_INVALID` if there is none of that name.
   */
  connection(name: Name): VirtualConnection<Target, Driver> {
    const virtual = this.#virtuals.get(name);
    if (virtual === undefined) throw this.#unknown(name);
    return virtual;
  }

  /** Sends a statement as text through `main`; see `VirtualConnection.query`. */
  query<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: Values,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#main?.query<Rows>(sql, values, options) ?? this.#refuseMain();
  }

  /** Prepares and executes a statement through `main`; see `VirtualConnection.execute`. */
  execute<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: Values,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#main?.execute<Rows>(sql, values, options) ?? this.#refuseMain();
  }

  /** Makes a function of a statement through `main`; see `VirtualConnection.method`. */
  method<Args = void, Result = Row>(sql: string): Method<Args, Result> {
    if (this.#main === undefined) throw this.#unknown("main");
    return this.#main.method<Args, Result>(sql);
  }

  /** Runs code in a transaction through `main`; see `VirtualConnection.transaction`. */
  transaction<T>(
    fn: TransactionCode<Target, Driver, T>,
    options?: TransactionOptions,
  ): Promise<Awaited<T>> {
    return this.#main?.transaction(fn, options) ?? this.#refuseMain();
  }

  /** Leases an actual connection through `main`; see `VirtualConnection.lease`. */
  lease(options?: LeaseOptions): Promise<Lease<Driver>> {
    return this.#main?.lease(options) ?? this.#refuseMain();
  }

  /**
   * Runs code as a unit of work: whatever it calls finds the same lease through each virtual
   * connection. A unit within a unit is a unit of its own.
   *
   * @param fn The code; it gets the virtual connections, bound to the unit whatever the context.
   * @param options `signal`, `bind`, `transaction`, `retries` and `ctx`.
   * @returns What the code returns.
   * @throws What the code throws; `SubletError` with the codes `OPTION_INVALID` and
   * `POOL_DRAINING`; `TRANSACTION_OPEN` if a statement of the unit has begun a transaction by hand
   * and none has ended it; `TypeError` if `fn` is no function; with `transaction`, what
   * `VirtualConnection.transaction` throws.
   *
   * @example
   * ```ts ignore
   * await db.unit(() => report(), { bind: { reports: { database: "tenant_7" } } });
   * ```
   */
  unit<T>(
    fn: UnitCode<Target, Driver, T, Name>,
    options: UnitOptions<Name, Overrides> = {},
  ): Promise<Awaited<T>> {
    return this.#engine.unit(fn as (unit: UnitHandle) => T, options);
  }

  /**
   * Wraps a function, so that each call of it is a unit of work, which ends when the result is
   * there. If the first argument has a `signal` (a `Request` has), its abort ends the unit's
   * waits and statements. An argument that has a `waitUntil` (the `ctx` of Workers, the context
   * of Netlify) is the unit's `ctx`.
   *
   * @param fn The function.
   * @returns A function that takes the same and returns a promise of what `fn` returns.
   * @throws What {@linkcode unit} throws; `TypeError`, at once, if `fn` is no function.
   *
   * @example
   * ```ts ignore
   * const handle = db.handler(async (request: Request) => Response.json(await ordersFor(request)));
   * const response = await handle(new Request("http://localhost/orders"));
   * ```
   */
  handler<Args extends unknown[], T>(
    fn: (...args: Args) => T,
  ): (...args: Args) => Promise<Awaited<T>> {
    checkFunction("handler", fn);
    const handle = (...args: Args): Promise<Awaited<T>> => {
      return this.unit(() => fn(...args), { signal: signalOf(args[0]), ctx: args.find(isHost) });
    };
    // Hosts go by how many arguments a handler says it takes: Deno gives it no more.
    return Object.defineProperty(handle, "length", { value: Math.max(fn.length, 1) });
  }

  /**
   * Returns what the pool is doing, for all pool objects that share it: how many requests wait,
   * and how many actual connections are in which state.
   */
  stats(): PoolStats {
    return this.#engine.stats();
  }

  /**
   * Ends this pool object. It accepts no more work, and what was begun through it ends: units of
   * work, leases and statements. A unit that waits for this is not itself waited for, but the
   * leases it holds are.
   *
   * Other pool objects of the same definition go on. With the last one the pool ends: all actual
   * connections close, and a pause is over.
   *
   * @param options `timeout` in ms, after which whatever is left is destroyed, and `refuse`,
   * to refuse requests that wait instead of serving them; then units under way get no further
   * lease. For the last pool object, both apply to all that is left in the pool; for another, to
   * its own work.
   * @returns A promise that is fulfilled when the work has ended and, for the last pool object,
   * all has closed; asked again, the same end.
   * @throws `SubletError` with the codes `OPTION_INVALID` and, without a `timeout`,
   * `LEASE_DEADLOCK` where it would wait for a lease that its own code holds; `TypeError` if a
   * callback was given.
   */
  async drain(options: DrainOptions = {}): Promise<void> {
    refuseCallback(options);
    const { timeout } = options;
    if (timeout !== undefined && !(typeof timeout === "number" && timeout >= 0)) {
      const message =
        `The time-out must be a number of ms that is not negative: received ${timeout}`;
      throw new SubletError("OPTION_INVALID", "options", message);
    }
    const { handle } = this.#engine;
    this.#engine.checkDrain(options);
    handle.leavePool();
    await this.#engine.drain(options);
    handle.listeners.end();
  }

  /** Ends this pool object as {@linkcode drain} does, at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  /** Grants no lease until {@linkcode resume}, through any pool object; requests wait. */
  pause(): void {
    this.#engine.control({ type: "pauseRequested" });
  }

  /** Grants leases again, through all pool objects. */
  resume(): void {
    this.#engine.control({ type: "resumeRequested" });
  }

  /** Has every actual connection of now closed, as soon as nobody uses it. */
  retire(): void {
    this.#engine.control({ type: "retireRequested" });
  }

  /**
   * Calls `listener` at each event of a kind, whichever pool object it comes from, in the async
   * context of what caused it; until this pool object has been drained.
   */
  on<Event extends EventName>(name: Event, listener: Listener<Driver, Event>): this {
    this.#engine.handle.listeners.on(name, listener as Listener<object, Event>);
    return this;
  }

  /** Calls `listener` at the next event of a kind. */
  once<Event extends EventName>(name: Event, listener: Listener<Driver, Event>): this {
    this.#engine.handle.listeners.once(name, listener as Listener<object, Event>);
    return this;
  }

  /** Calls `listener` no more. */
  off<Event extends EventName>(name: Event, listener: Listener<Driver, Event>): this {
    this.#engine.handle.listeners.off(name, listener as Listener<object, Event>);
    return this;
  }

  #refuseMain(): Promise<never> {
    return Promise.reject(this.#unknown("main"));
  }

  #unknown(name: string): SubletError {
    return unknownName(name, this.#virtuals.keys());
  }
}

function signalOf(request: unknown): AbortSignal | undefined {
  if (typeof request !== "object" || request === null || !("signal" in request)) return undefined;
  return request.signal instanceof AbortSignal ? request.signal : undefined;
}

function isHost(value: unknown): value is Host {
  return typeof value === "object" && value !== null && "waitUntil" in value &&
    typeof value.waitUntil === "function";
}
