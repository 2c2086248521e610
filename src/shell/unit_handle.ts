/** A unit of work as its code is handed it: the virtual connections, bound to that unit. */

import type { Lease, LeaseOptions } from "./lease.ts";
import type { Field, Row, RunOptions, StatementOptions, Values } from "./statement.ts";
import type { TransactionOptions } from "./transaction_options.ts";
import type { Method, TransactionCode, VirtualConnection } from "./virtual_connection.ts";

/**
 * A unit of work, for code whose context may be another: what it runs belongs to this unit, or
 * with the option `transaction` of the unit to its transactions.
 *
 * @example
 * ```ts ignore
 * await db.unit(async (unit) => {
 *   const shop = unit.connection("shop");
 *   await queue.push(() => shop.query("UPDATE stock SET n = n - 1 WHERE sku = ?", [sku]));
 * });
 * ```
 */
export class UnitHandle<Name extends string, Target, Driver> {
  readonly #connection: (name: string) => VirtualConnection<Target, Driver>;

  /** Creates a handle; `Pool.unit` does. */
  constructor(connection: (name: string) => VirtualConnection<Target, Driver>) {
    this.#connection = connection;
  }

  /**
   * Returns a virtual connection whose statements run in this unit.
   *
   * @param name Its name, among the `connections` of the pool.
   * @throws `SubletError` with the code `OPTION_INVALID` if there is none of that name.
   */
  connection(name: Name): VirtualConnection<Target, Driver> {
    return this.#connection(name);
  }

  /** Sends a statement as text through `main`; see `VirtualConnection.query`. */
  query<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: Values,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#main((main) => main.query<Rows>(sql, values, options));
  }

  /** Prepares and executes a statement through `main`; see `VirtualConnection.execute`. */
  execute<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: Values,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#main((main) => main.execute<Rows>(sql, values, options));
  }

  /** Makes a function of a statement through `main`; see `VirtualConnection.method`. */
  method<Args = void, Result = Row>(sql: string): Method<Args, Result> {
    return this.#connection("main").method<Args, Result>(sql);
  }

  /** Runs code in a transaction through `main`; see `VirtualConnection.transaction`. */
  transaction<T>(
    fn: TransactionCode<Target, Driver, T>,
    options?: TransactionOptions,
  ): Promise<Awaited<T>> {
    return this.#main((main) => main.transaction(fn, options));
  }

  /** Leases an actual connection through `main`; see `VirtualConnection.lease`. */
  lease(options?: LeaseOptions): Promise<Lease<Target, Driver>> {
    return this.#main((main) => main.lease(options));
  }

  async #main<T>(ask: (main: VirtualConnection<Target, Driver>) => Promise<T>): Promise<T> {
    return await ask(this.#connection("main"));
  }
}
