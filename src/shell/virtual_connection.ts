/**
 * The named connection, without a socket, that application code uses.
 *
 * It knows its name and the engine of its pool, and passes every call to the engine.
 */

import type { VirtualId } from "../core/mod.ts";
import { addForeignMethods } from "./foreign_methods.ts";
import { refuseCallback } from "./refusals.ts";
import type { Lease, LeaseOptions } from "./lease.ts";
import type { Method, MethodOf } from "./method_types.ts";
import { atCaller } from "./own_frames.ts";
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

/** Code of a transaction. Its statements join by async context, or by the handle that it gets. */
export type TransactionCode<Target extends object, Driver extends object, T> = (
  tx: VirtualConnection<Target, Driver>,
) => T;

/** Runs the calls of a virtual connection. */
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
  /** Returns the target of a virtual connection, without a unit's `bind`. */
  targetOf(id: VirtualId): object;
  /** Tells whether the calling code is in a transaction on a virtual connection. */
  isInTransaction(id: VirtualId): boolean;
}

/** A named connection, which leases an actual connection only while a unit of work needs one. */
export class VirtualConnection<Target extends object = object, Driver extends object = object> {
  /** Its name. */
  readonly name: string;
  readonly #engine: VirtualEngine;
  readonly #id: VirtualId;
  readonly #compile: (sql: string) => CompiledMethod;

  /** Creates a virtual connection, for the pool. */
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

  /** Its target, unless a unit binds another one. */
  get target(): Target {
    return this.#engine.targetOf(this.#id) as Target;
  }

  /** Whether the calling code is in a {@linkcode transaction} of this virtual connection. */
  get isInTransaction(): boolean {
    return this.#engine.isInTransaction(this.#id);
  }

  /**
   * Sends a statement as text.
   *
   * The pool passes on an error of the server as the driver made it, except that its stack also
   * names the caller's lines.
   *
   * @param sql The text, or an object with the text, its values, and options of the driver.
   * @param values The values of its placeholders.
   * @param options `signal` and `timeout` (in ms), each of which ends it early if given.
   * @returns The rows or, for a statement without rows, the server's result; and the columns.
   * @throws `SubletError`: `CONNECT_FAILED`, `CONNECTION_LEFT`, `CONNECTION_LOST`,
   * `DRIVER_UNSUPPORTED`, `LEASE_DEADLOCK`, `LEASE_ENDED`, `LEASE_TIMEOUT`, `OPTION_INVALID`,
   * `POOL_DRAINING`, `QUEUE_FULL`, `RESULT_TOO_LARGE`, `STATEMENT_REFUSED`, `STATEMENT_TIMEOUT`,
   * `TRANSACTION_LOST`, `TRANSACTION_OPEN`, `UNIT_ENDED`; `TypeError` if a callback was given.
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
   * @param values The values of its placeholders: an array only for one that alone fills `IN (?)`.
   * @param options `signal` and `timeout` (in ms), each of which ends it early if given.
   * @returns The rows or, for a statement without rows, the server's result; and the columns.
   * @throws What {@linkcode query} throws; `TypeError` with the code `PARAMETER_INVALID` if the
   * values do not fit the placeholders, before anything is sent.
   *
   * @example
   * ```ts ignore
   * await shop.execute("UPDATE stock SET n = n - 1 WHERE sku = ?", [sku]);
   * const [found] = await shop.execute("SELECT * FROM stock WHERE sku IN (?)", [["tea", "milk"]]);
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
   * Makes a function that executes a statement. It opens no connection, so that a module can call
   * it at its top level.
   *
   * @param sql The text, with parameters as `:name` or as `?`.
   * @returns A function that takes the values of the parameters, by name or in order, and then the
   * options of {@linkcode execute}. The function returns the rows or, of a statement that writes,
   * the header; it throws what `execute` throws.
   * @throws `TypeError` with the code `PARAMETER_INVALID` if the text has both `:name` and `?`.
   *
   * @example
   * ```ts ignore
   * const orderById = shop.method<{ id: number }, Order>("SELECT * FROM orders WHERE id = :id");
   * const [order] = await orderById({ id: 7 });
   * const addOrder = shop.method("INSERT INTO orders (sku) VALUES (:sku)");
   * const { insertId } = await addOrder({ sku: "tea" });
   * ```
   */
  method<const Sql extends string>(sql: Sql): MethodOf<Sql>;
  /** Makes a function that executes a statement, with types of its own. */
  method<Args, Result = Row>(sql: string): Method<Args, Result>;
  method(sql: string): unknown {
    const compiled = this.#compiled(sql);
    return async (values: Values, options?: RunOptions): Promise<unknown> => {
      refuseCallback(values);
      const [rows] = await this.#run({ ...compiled, values, isPrepared: true, options });
      return rows;
    };
  }

  /**
   * Runs code in a transaction. Every statement that the code runs through this virtual connection,
   * however deep the call, is part of the transaction; so is every statement through the handle
   * `tx`, in any async context. Other code of the unit runs in parallel, on another actual
   * connection. The pool commits when the code has ended well, and rolls back when the code throws.
   * Inside another transaction on the same virtual connection, it is a savepoint.
   *
   * @param fn The code; it gets this virtual connection, bound to the transaction.
   * @param options `signal`, `isolation`, `readOnly` and `allowImplicitCommit`.
   * @returns What the code returns.
   * @throws What the code throws, `TypeError` if `fn` is no function, and `SubletError`, with the
   * codes of {@linkcode query} and: `COMMIT_UNKNOWN` if a loss of the connection or an abort came
   * before the answer to COMMIT, `TRANSACTION_OPEN` if a statement of the unit has begun a
   * transaction.
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
   * Leases an actual connection until the caller releases it, or the unit of work ends.
   *
   * @param options `signal`; `timeout` in ms, which can shorten the pool's `acquireTimeout`; and
   * `separate`, for a lease separate from the one that the unit has, false unless given.
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

  #compiled(sql: string): CompiledMethod {
    try {
      return this.#compile(sql);
    } catch (error) {
      throw atCaller(error);
    }
  }

  #run(asked: Asked): Promise<[unknown, unknown]> {
    return this.#engine.statement(this.#id, asked);
  }
}

addForeignMethods(VirtualConnection.prototype, "A virtual connection");
