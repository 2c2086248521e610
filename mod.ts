/**
 * A MySQL connection pool whose virtual connections sublet actual ones.
 *
 * Code binds to virtual connections, which weigh nothing. Actual connections are opened when
 * a unit of work needs one, up to one maximum that all virtual connections share, and are
 * retired when nobody needs them any more.
 *
 * @example
 * ```ts ignore
 * import { createPool } from "@sublet/mysql";
 *
 * const db = createPool("mysql://app:secret@127.0.0.1:3306/shop");
 * const [rows] = await db.query("SELECT 1 AS one");
 * console.log(rows); // [ { one: 1 } ]
 * await db.drain();
 * ```
 *
 * @module
 */

import * as mysql from "./src/mysql/mod.ts";
import { createSubletPool, type Foundation } from "./src/shell/compose.ts";
import { SubletError } from "./src/shell/errors.ts";
import type { Lease as ShellLease } from "./src/shell/lease.ts";
import { nearest } from "./src/shell/nearest.ts";
import type { PoolOptions as ShellOptions } from "./src/shell/options.ts";
import type { Pool as ShellPool } from "./src/shell/pool.ts";
import type { VirtualConnection as ShellConnection } from "./src/shell/virtual_connection.ts";

export type { Census, Phase, RefuseReason, RetireReason, Status } from "./src/core/mod.ts";
export type {
  ConnectionOptions,
  Credentials,
  DriverOptionName,
  Password,
  Target,
  TargetOptions,
} from "./src/mysql/mod.ts";
export { type ErrorCode, type ErrorDetails, type Stage, SubletError } from "./src/shell/errors.ts";
export type {
  ConnectionNews,
  EventName,
  LeakNews,
  Listener,
  PoolEvents,
} from "./src/shell/news.ts";
export type { Field, Lease as LeaseOf, Row } from "./src/shell/lease.ts";
export type { PoolOptions as PoolOptionsOf, VirtualOptions } from "./src/shell/options.ts";
export type { DrainOptions, Pool as PoolOf } from "./src/shell/pool.ts";
export type { RunOptions, StatementOptions } from "./src/shell/statement.ts";
export type { Address, Condition } from "./src/port.ts";
export type { Isolation, TransactionOptions } from "./src/shell/transaction.ts";
export type { UnitOptions } from "./src/shell/unit_run.ts";
export type {
  Method,
  VirtualConnection as VirtualConnectionOf,
} from "./src/shell/virtual_connection.ts";

/** The options of a pool: its own, and those that say where and as whom it connects. */
export type PoolOptions<Name extends string = "main"> =
  & ShellOptions<Name, mysql.TargetOptions>
  & mysql.TargetOptions;

/** The connection of mysql2 that a lease hands out. */
export type Connection = ReturnType<(typeof import("mysql2"))["createConnection"]>;

/** A pool; `Name` is what its virtual connections may be called. */
export type Pool<Name extends string = "main"> = ShellPool<
  Name,
  mysql.Target,
  Connection,
  mysql.TargetOptions
>;

/** A virtual connection. */
export type VirtualConnection = ShellConnection<mysql.Target, Connection>;

/** A lease of an actual connection. */
export type Lease = ShellLease<mysql.Target, Connection>;

const foundation: Foundation<mysql.Target, Connection> = {
  port: mysql.createPort({
    adapter: async () => (await import("./src/adapters/node.ts")).adapter,
  }),
  targetOptions: mysql.targetOptionNames,
  targetOf: (options) => checked(() => new mysql.Target(options)),
  retargetOf: (home, overlay) => checked(() => home.overlay(overlay)),
  compileMethod: (sql) => mysql.compileMethod(sql, nearest),
  isRepeatable: mysql.isRepeatable,
  isLoss: mysql.isLoss,
};

/**
 * Returns a pool, which opens nothing before it is used; equal definitions share one pool.
 *
 * @param options Where to connect, as `mysql://user:password@host:port/database`; or the options
 * of the pool (durations in ms) and, under mysql2's names, those of its connections.
 * @returns The pool. One without `connections` has the virtual connection `main` and speaks for it.
 * @throws `SubletError` with the code `OPTION_INVALID`.
 *
 * @example
 * ```ts ignore
 * const db = createPool({
 *   uri: "mysql://app:secret@127.0.0.1:3306/shop",
 *   connectionLimit: 10,
 *   connections: { shop: {}, reports: { database: "reports", limit: 2 } },
 * });
 * const [orders] = await db.connection("shop").query("SELECT * FROM orders");
 * ```
 */
export function createPool<const Name extends string = "main">(
  options: string | PoolOptions<Name>,
): Pool<Name> {
  const given = typeof options === "string" ? { uri: options } : options;
  // What the URI says of the pool itself is an option of the pool like any other.
  const expanded = checked(() => mysql.expandUri(given)) as PoolOptions<Name>;
  return createSubletPool<Name, mysql.Target, Connection, mysql.TargetOptions>(
    expanded,
    foundation,
  );
}

/** Returns what `make` makes; an option that is wrong is named as the pool names its own. */
function checked<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof mysql.TargetOptionError)) throw error;
    throw new SubletError("OPTION_INVALID", "options", error.message, { cause: error });
  }
}
