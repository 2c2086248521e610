/**
 * `Pool`, the public class of a pool object.
 *
 * It contains no rules of the pool: the engine does the work.
 */

import { addForeignMethods } from "./foreign_methods.ts";
import { checkFunction } from "./refusals.ts";
import { checkOptions, kindOf } from "./option_names.ts";
import type { PoolStats } from "./stats.ts";
import { DRAIN_OPTIONS, type DrainOptions, Engine } from "./engine.ts";
import { SubletError } from "./errors.ts";
import { unknownName } from "./did_you_mean.ts";
import type { EventName, Listener } from "./events.ts";
import type { ResolvedOptions } from "./options.ts";
import type { SharedPool } from "./shared_pool.ts";
import type { Host } from "./unit.ts";
import type { UnitCode, UnitHandle } from "./unit_handle.ts";
import type { UnitOptions } from "./unit_options.ts";
import { VirtualConnection } from "./virtual_connection.ts";

/** The options of a pool under mysql2's names, in both places where tools look for them. */
export interface PoolConfig {
  /** How long an actual connection may be idle before the pool closes it, in ms. */
  readonly idleTimeout: number;
  /** The same option once more. */
  readonly connectionConfig: { readonly idleTimeout: number };
}

/**
 * A pool of actual connections, which its virtual connections share.
 *
 * Each call of `createPool` returns a new pool object. Pool objects of equal definitions share
 * actual connections and limits. Each accepts work until it is drained itself; draining the last
 * one ends what they share. A garbage-collected pool object counts as drained.
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
   * For tools that know mysql2's pool, such as Vercel's `attachDatabasePool`: how long an actual
   * connection may be idle before the pool closes it, in ms.
   */
  readonly config: PoolConfig;
  readonly #engine: Engine;
  readonly #virtuals = new Map<string, VirtualConnection<Target, Driver>>();

  /** Creates a pool object; `createPool` calls it. */
  constructor(pool: SharedPool, { policy, virtuals }: ResolvedOptions) {
    const { idleTimeout: idleTimeout } = policy;
    this.config = { idleTimeout, connectionConfig: { idleTimeout } };
    this.#engine = new Engine(pool);
    for (const [id, { name }] of virtuals.entries()) {
      this.#virtuals.set(name, new VirtualConnection(this.#engine, name, id, pool.compileMethod));
    }
  }

  /**
   * Returns a virtual connection; this opens no actual connection.
   *
   * @param name Its name, among the `connections` of the definition.
   * @throws `SubletError` with the code `OPTION_INVALID` if there is none of that name.
   */
  connection(name: Name): VirtualConnection<Target, Driver> {
    const virtual = this.#virtuals.get(name);
    if (virtual === undefined) throw unknownName(name, this.#virtuals.keys());
    return virtual;
  }

  /**
   * Runs code as a unit of work: all code that it calls gets the same lease through each virtual
   * connection. A unit within a unit is a separate unit.
   *
   * @param fn The code; its argument gives virtual connections that are bound to the unit, even
   * where the async context is another.
   * @param options `signal`, `bind`, `transaction`, `retries` and `ctx`.
   * @returns What the code returns.
   * @throws What the code throws; `SubletError` with the codes `OPTION_INVALID` and
   * `POOL_DRAINING`; `TRANSACTION_OPEN` if a statement of the unit has begun a transaction by hand
   * that no statement has ended; `TypeError` if `fn` is no function; with `transaction`, what
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
   * Wraps a function so that each call of it is a unit of work, which ends once the function's
   * result has settled. If the first argument has a `signal`, as a `Request` has, its abort ends
   * the unit's waits and statements. The first argument with a `waitUntil` (the `ctx` of Workers,
   * the context of Netlify) becomes the unit's `ctx`.
   *
   * @param fn The function.
   * @returns A function with the same arguments, which returns a promise of the result of `fn`.
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
    // Hosts look at the `length` of a handler: Deno passes it no more arguments than that.
    return Object.defineProperty(handle, "length", { value: Math.max(fn.length, 1) });
  }

  /**
   * Returns the statistics of the pool, over all pool objects that share it: how many requests
   * wait, and how many actual connections are in each state.
   */
  stats(): PoolStats {
    return this.#engine.stats();
  }

  /**
   * Ends this pool object: it accepts no more work, and waits until the work that began through it
   * has ended: units of work, leases and statements. It does not wait for a unit that itself waits
   * for the drain, but it waits for the leases which that unit holds.
   *
   * Other pool objects of the same definition go on. Draining the last one ends the pool: all
   * actual connections close, and a pause ends.
   *
   * @param options `timeout` in ms, after which the pool destroys what is left, and `refuse`, to
   * refuse waiters instead of serving them; then units under way get no further lease. For the
   * last pool object, both apply to all work that is left in the pool; for another, to its own.
   * @returns A promise that is fulfilled when the work has ended and, for the last pool object, all
   * actual connections have closed. A second call waits for the same end.
   * @throws `SubletError` with the codes `OPTION_INVALID` and, without a `timeout`,
   * `LEASE_DEADLOCK` if it would wait for a lease that the calling code holds; `TypeError` if the
   * caller gave a callback.
   */
  async drain(options: DrainOptions = {}): Promise<void> {
    checkOptions(options, DRAIN_OPTIONS);
    const { timeout } = options;
    if (timeout !== undefined && !(typeof timeout === "number" && timeout >= 0)) {
      const message = `The timeout must be a number of ms from 0 on: received ${kindOf(timeout)}`;
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

  /** Pauses the pool, for all its pool objects: until {@linkcode resume}, requests wait. */
  pause(): void {
    this.#engine.control({ type: "pauseRequested" });
  }

  /** Ends a pause, for all pool objects. */
  resume(): void {
    this.#engine.control({ type: "resumeRequested" });
  }

  /** Closes all present actual connections, each as soon as no lease holds it. */
  retire(): void {
    this.#engine.control({ type: "retireRequested" });
  }

  /**
   * Calls `listener` on each event of a kind, whichever pool object causes it, until this pool
   * object is drained. The listener runs in the async context of the code that caused the event.
   */
  on<Event extends EventName>(name: Event, listener: Listener<Driver, Event>): this {
    this.#engine.handle.listeners.on(name, listener as Listener<object, Event>);
    return this;
  }

  /** Calls `listener` on the next event of a kind. */
  once<Event extends EventName>(name: Event, listener: Listener<Driver, Event>): this {
    this.#engine.handle.listeners.once(name, listener as Listener<object, Event>);
    return this;
  }

  /** Removes a listener. */
  off<Event extends EventName>(name: Event, listener: Listener<Driver, Event>): this {
    this.#engine.handle.listeners.off(name, listener as Listener<object, Event>);
    return this;
  }
}

addForeignMethods(Pool.prototype, "A pool of Sublet");

function signalOf(request: unknown): AbortSignal | undefined {
  if (typeof request !== "object" || request === null || !("signal" in request)) return undefined;
  return request.signal instanceof AbortSignal ? request.signal : undefined;
}

function isHost(value: unknown): value is Host {
  return typeof value === "object" && value !== null && "waitUntil" in value &&
    typeof value.waitUntil === "function";
}
