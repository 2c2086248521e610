/**
 * The named, socketless thing that application code holds.
 *
 * It knows its name and how to reach what runs its pool; whatever it is asked to do is done there.
 */

import type { VirtualId } from "../core/mod.ts";
import { refuseCallback } from "./refusals.ts";
import type { Lease, LeaseOptions } from "./lease.ts";
import type {
  Asked,
  CompiledMethod,
  Field,
  Row,
  RunOptions,
  StatementOptions,
  Values,
} from "./statement.ts";
import type { TransactionOptions } from "./transaction_options.ts";

/** A statement as a function: what its parameters stand for in, rows out. */
export type Method<Args, Result> = (args: Args, options?: RunOptions) => Promise<Result[]>;

/** Code of a transaction; it may run statements by context, or by the handle that it gets. */
export type TransactionCode<Target extends object, Driver extends object, T> = (
  tx: VirtualConnection<Target, Driver>,
) => T;

/** What does all that a virtual connection is asked for. */
export interface VirtualEngine {
  /** Runs a statement. */
  statement(id: VirtualId, asked: Asked): Promise<[unknown, unknown]>;
  /** Runs code in a transaction. */
  transaction<T>(
    id: VirtualId,
    fn: (tx: VirtualConnection) => T,
    options: TransactionOptions,
  ): Promise<Awaited<T>>;
  /** Takes a lease. */
  lease(id: VirtualId, options: LeaseOptions): Promise<Lease>;
  /** Returns where the virtual connection leads, unless a unit binds it elsewhere. */
  targetOf(id: VirtualId): object;
}

/** A named connection that is opened when a unit of work needs it, and shared when it does not. */
export class VirtualConnection<Target extends object = object, Driver extends object = object> {
  /** Its name. */
  readonly name: string;
  readonly #engine: VirtualEngine;
  readonly #id: VirtualId;
  readonly #compile: (sql: string) => CompiledMethod;

  /** Creates it; the pool does. */
  constructor(
    engine: VirtualEngine,
    name: string,
    id: VirtualId,
    compile: (sql: string) => CompiledMethod,
  ) {
    this.name = name;
    this.#engine = engine;
    this.#id = id;
    this.#compile = compile;
  }

  /** Where it leads, unless a unit binds it elsewhere. */
  get target(): Target {
    return this.#engine.targetOf(this.#id) as Target;
  }

  /**
   * Sends a statement as text.
   *
   * An error of the server comes through as the driver made it, but for its stack, which
   * names the caller's lines too.
   *
   * @param sql The text, or an object with the text, its values, and options of the driver.
   * @param values What its placeholders stand for.
   * @param options What ends it early: `signal`, and `timeout` in ms; nothing unless given.
   * @returns The rows, or what the server says of a statement without rows, and the columns.
   * @throws `SubletError`: `CONNECT_FAILED`, `CONNECTION_LOST`, `LEASE_DEADLOCK`,
   * `LEASE_ENDED`, `LEASE_TIMEOUT`, `QUEUE_FULL`, `OPTION_INVALID`, `POOL_DRAINING`,
   * `RESULT_TOO_LARGE`, `STATEMENT_REFUSED`, `STATEMENT_TIMEOUT`, `TRANSACTION_LOST`, `UNIT_ENDED`;
   * `TypeError` if a callback was given.
   *
   * @example
   * ```ts ignore
   * const [orders] = await shop.query<Order[]>("SELECT * FROM orders WHERE id = ?", [7]);
   * ```
   */
  query<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: Values,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#run({ sql, values, isPrepared: false, options }) as Promise<[Rows, Field[]]>;
  }

  /**
   * Prepares a statement, once for each actual connection, and executes it.
   *
   * @param sql The text, or an object with the text, its values, and options of the driver.
   * @param values What its placeholders stand for.
   * @param options What ends it early: `signal`, and `timeout` in ms; nothing unless given.
   * @returns The rows, or what the server says of a statement without rows, and the columns.
   * @throws What {@linkcode query} throws.
   *
   * @example
   * ```ts ignore
   * await shop.execute("UPDATE stock SET n = n - 1 WHERE sku = ?", [sku]);
   * ```
   */
  execute<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: Values,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#run({ sql, values, isPrepared: true, options }) as Promise<[Rows, Field[]]>;
  }

  /**
   * Makes a function of a statement. Nothing is opened, so this is safe at the top of a module.
   *
   * @param sql The text, with parameters as `:name` or as `?`.
   * @returns A function that takes what the parameters stand for, by name or in order, and
   * then the options of {@linkcode execute}; it returns the rows and throws as that does.
   *
   * @example
   * ```ts ignore
   * const orderById = shop.method<{ id: number }, Order>("SELECT * FROM orders WHERE id = :id");
   * const [order] = await orderById({ id: 7 });
   * ```
   */
  method<Args = void, Result = Row>(sql: string): Method<Args, Result> {
    const compiled = this.#compile(sql);
    return async (values, options) => {
      refuseCallback(values);
      const [rows] = await this.#run({ ...compiled, values, isPrepared: true, options });
      return rows as Result[];
    };
  }

  /**
   * Runs code in a transaction. Every statement through this virtual connection that the code
   * runs, however deep the call, is part of it; so is what runs by the handle `tx`, whatever its
   * context. Other code of the unit runs beside it, on another actual connection. It commits when
   * the code has ended well, and rolls back when it throws. Inside another one on the same
   * virtual connection, it is a savepoint.
   *
   * @param fn The code; it gets this virtual connection, bound to the transaction.
   * @param options `signal`, `isolation`, `readOnly` and `allowImplicitCommit`.
   * @returns What the code returns.
   * @throws What the code throws, `TypeError` if `fn` is no function, and `SubletError`, with the
   * codes of {@linkcode query} and: `COMMIT_UNKNOWN` if the connection was lost, or it was aborted,
   * before the answer to COMMIT, `TRANSACTION_OPEN` if a statement of the unit has begun one by
   * hand.
   *
   * @example
   * ```ts ignore
   * await shop.transaction(async (tx) => {
   *   await tx.execute("UPDATE stock SET n = n - 1 WHERE sku = ?", [sku]);
   *   await shop.execute("INSERT INTO orders (sku) VALUES (?)", [sku]); // part of it, too
   * });
   * ```
   */
  transaction<T>(
    fn: TransactionCode<Target, Driver, T>,
    options: TransactionOptions = {},
  ): Promise<Awaited<T>> {
    return this.#engine.transaction(this.#id, fn as (tx: VirtualConnection) => T, options);
  }

  /**
   * Leases an actual connection until it is released, or the unit of work ends.
   *
   * @param options `signal`, and `timeout` in ms, which shortens the pool's `acquireTimeout`;
   * `separate`, for a lease beside the one that the unit has; false unless given.
   * @returns The lease, with the driver's connection.
   * @throws What {@linkcode query} throws.
   *
   * @example
   * ```ts ignore
   * await using lease = await shop.lease();
   * const orders = lease.connection.query("SELECT * FROM orders").stream();
   * for await (const order of orders) console.log(order);
   * ```
   */
  lease(options: LeaseOptions = {}): Promise<Lease<Driver>> {
    return this.#engine.lease(this.#id, options) as Promise<Lease<Driver>>;
  }

  #run(asked: Asked): Promise<[unknown, unknown]> {
    return this.#engine.statement(this.#id, asked);
  }
}
