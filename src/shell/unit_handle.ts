/**
 * Handles that run statements in one particular unit of work, or in one transaction of it, in
 * whatever async context the caller is: a worker loop, a batcher or an emitter that was started
 * elsewhere can use them.
 */

import type { Method, MethodOf } from "./method_types.ts";
import type { VirtualId } from "../core/mod.ts";
import { isBelow } from "./context.ts";
import type { Lease, LeaseOptions } from "./lease.ts";
import { unknownName } from "./did_you_mean.ts";
import type { SharedPool } from "./shared_pool.ts";
import type { Field, Row, RunOptions, StatementOptions, Values } from "./statement.ts";
import type { TransactionOptions } from "./transaction_options.ts";
import type { UnitContext } from "./unit.ts";
import {
  type TransactionCode,
  VirtualConnection,
  type VirtualEngine,
} from "./virtual_connection.ts";

/** Code of a unit. Its statements find the unit by async context, or by the handle it gets. */
export type UnitCode<
  Target extends object,
  Driver extends object,
  T,
  Name extends string = string,
> = (unit: UnitHandle<Name, Target, Driver>) => T;

/**
 * A handle of a unit of work, for code that may run in another async context: statements through
 * the handle run in this unit and, with the unit's option `transaction`, in its transactions.
 *
 * @example
 * ```ts ignore
 * await db.unit(async (unit) => {
 *   const shop = unit.connection("shop");
 *   await queue.push(() => shop.query("UPDATE stock SET n = n - 1 WHERE sku = ?", [sku]));
 * });
 * ```
 */
export class UnitHandle<
  Name extends string = string,
  Target extends object = object,
  Driver extends object = object,
> {
  readonly #connection: (name: string) => VirtualConnection<Target, Driver>;

  /** Creates a handle, for `Pool.unit`. */
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
}

/** The handle of a unit on a pool that has a virtual connection `main`; see `MainPool`. */
export class MainUnitHandle<
  Name extends string = string,
  Target extends object = object,
  Driver extends object = object,
> extends UnitHandle<Name, Target, Driver> {
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

  /** Makes a function that executes a statement through `main`; see `VirtualConnection.method`. */
  method<const Sql extends string>(sql: Sql): MethodOf<Sql>;
  /** Makes such a function, with types of its own. */
  method<Args, Result = Row>(sql: string): Method<Args, Result>;
  method(sql: string): unknown {
    return this.connection("main" as Name).method<unknown, unknown>(sql);
  }

  /** Runs code in a transaction through `main`; see `VirtualConnection.transaction`. */
  transaction<T>(
    fn: TransactionCode<Target, Driver, T>,
    options?: TransactionOptions,
  ): Promise<Awaited<T>> {
    return this.#main((main) => main.transaction(fn, options));
  }

  /** Leases an actual connection through `main`; see `VirtualConnection.lease`. */
  lease(options?: LeaseOptions): Promise<Lease<Driver>> {
    return this.#main((main) => main.lease(options));
  }

  async #main<T>(ask: (main: VirtualConnection<Target, Driver>) => Promise<T>): Promise<T> {
    return await ask(this.connection("main" as Name));
  }
}

/** Makes the handles of units and transactions. */
export class Handles {
  readonly #engine: VirtualEngine;
  readonly #shared: SharedPool;

  /** Creates a maker of handles; `engine` runs their statements, transactions and leases. */
  constructor(engine: VirtualEngine, shared: SharedPool) {
    this.#engine = engine;
    this.#shared = shared;
  }

  /** Returns a virtual connection whose statements run in a context. */
  connection(context: UnitContext, id: VirtualId): VirtualConnection {
    const { names, compileMethod } = this.#shared;
    return new VirtualConnection(this.#bind(context), names[id] as string, id, compileMethod);
  }

  /** Returns the handle of a unit, whose virtual connections run statements in a context. */
  unit(context: UnitContext): MainUnitHandle {
    return new MainUnitHandle((name) => {
      const { names } = this.#shared;
      const id = names.indexOf(name);
      if (id < 0) throw unknownName(name, names);
      return this.connection(context, id);
    });
  }

  /** Returns an engine for a context; code below it, as in a savepoint, keeps its own context. */
  #bind(context: UnitContext): VirtualEngine {
    const engine = this.#engine;
    const { contexts } = this.#shared;
    const within = <T>(fn: () => T): T => {
      const caller = contexts.getStore();
      if (isBelow(caller, context)) return fn();
      const { unit, signal } = context;
      return contexts.run({ unit, parent: context, transaction: undefined, signal, caller }, fn);
    };
    return {
      statement: (id, asked) => within(() => engine.statement(id, asked)),
      transaction: (id, fn, options) => within(() => engine.transaction(id, fn, options)),
      lease: (id, options) => within(() => engine.lease(id, options)),
      targetOf: (id) => within(() => engine.targetOf(id)),
      isInTransaction: (id) => within(() => engine.isInTransaction(id)),
    };
  }
}
