/**
 * `MainPool`, a pool that has a virtual connection `main` and speaks for it.
 *
 * Each pool object is one, whatever its virtual connections, so that code without types gets an
 * error that names them. The types show these methods only where there is a `main`.
 */

import { unknownName } from "./did_you_mean.ts";
import type { Lease, LeaseOptions } from "./lease.ts";
import type { ResolvedOptions } from "./options.ts";
import { Pool } from "./pool.ts";
import type { SharedPool } from "./shared_pool.ts";
import type { Field, Row, RunOptions, StatementOptions, Values } from "./statement.ts";
import type { TransactionOptions } from "./transaction_options.ts";
import type { MainUnitHandle, UnitCode } from "./unit_handle.ts";
import type { UnitOptions } from "./unit_options.ts";
import type { Method, MethodOf } from "./method_types.ts";
import type { TransactionCode, VirtualConnection } from "./virtual_connection.ts";

/** A pool with a virtual connection `main`, through which its own statements go. */
export class MainPool<
  Name extends string,
  Target extends object,
  Driver extends object,
  Overrides extends object = object,
> extends Pool<Name, Target, Driver, Overrides> {
  readonly #main: VirtualConnection<Target, Driver> | undefined;
  readonly #names: readonly string[];

  /** Creates a pool object; `createPool` calls it. */
  constructor(pool: SharedPool, options: ResolvedOptions) {
    super(pool, options);
    this.#names = options.virtuals.map(({ name }) => name);
    this.#main = this.#names.includes("main") ? this.connection("main" as Name) : undefined;
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

  /** Returns a function that runs a statement through `main`; see `VirtualConnection.method`. */
  method<const Sql extends string>(sql: Sql): MethodOf<Sql>;
  /** Returns such a function, with types of its own. */
  method<Args, Result = Row>(sql: string): Method<Args, Result>;
  method(sql: string): unknown {
    if (this.#main === undefined) throw unknownName("main", this.#names);
    return this.#main.method<unknown, unknown>(sql);
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

  /** Runs code as a unit of work, whose handle has `query` and the like, too; see `Pool.unit`. */
  override unit<T>(
    fn: (unit: MainUnitHandle<Name, Target, Driver>) => T,
    options?: UnitOptions<Name, Overrides>,
  ): Promise<Awaited<T>> {
    return super.unit(fn as UnitCode<Target, Driver, T, Name>, options);
  }

  #refuseMain(): Promise<never> {
    return Promise.reject(unknownName("main", this.#names));
  }
}
