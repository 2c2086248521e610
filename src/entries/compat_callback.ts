/**
 * The exports of `@sublet/mysql/compat`: all those of mysql2, and a few of Sublet. Pools and
 * clusters are Sublet's; the rest is mysql2's own.
 */

import mysql2 from "mysql2";
import { PoolCluster as SubletPoolCluster } from "../compat/cluster.ts";
import type { CompatOptions } from "../compat/config.ts";
import { dbOf as dbOfFace, faceOf, type FaceOptions } from "../compat/create.ts";
import type { ClusterOptions } from "../compat/nodes.ts";
import { Pool as SubletPool } from "../compat/pool.ts";
import { makeCluster, makePool } from "./compat_make.ts";
import * as promises from "./compat_promises.ts";
import type { AnyPool, Pool as Db } from "./types.ts";

export type * from "mysql2";
export {
  authPlugins,
  clearParserCache,
  Connection,
  createConnection,
  createServer,
  escape,
  escapeId,
  format,
  PoolConnection,
  raw,
  setMaxParserCache,
} from "mysql2";
export type { CompatOptions, DriverPoolOptions, MoreOptions } from "../compat/config.ts";
export type { FaceOptions } from "../compat/create.ts";
export type { ClusterOptions } from "../compat/nodes.ts";
export type { AnyPool, Pool as Db } from "./types.ts";

/** The class of mysql2's options. */
export type ConnectionConfigClass = new (options: object) => mysql2.ConnectionConfig;

/** The exports of mysql2 that its types lack. */
const untold = mysql2 as unknown as {
  readonly ConnectionConfig: ConnectionConfigClass;
  readonly createQuery: (typeof mysql2.Connection)["createQuery"];
};

/** A pool. */
export type Pool = ReturnType<(typeof import("mysql2"))["createPool"]>;
/** The class of pools. */
export const Pool: abstract new () => Pool = SubletPool as never;

/** A cluster of pools. */
export type PoolCluster = ReturnType<(typeof import("mysql2"))["createPoolCluster"]>;
/** The class of clusters. */
export const PoolCluster: abstract new () => PoolCluster = SubletPoolCluster as never;

/** Options of a connection, as mysql2 keeps them. */
export type ConnectionConfig = mysql2.ConnectionConfig;
/** The class of such options. */
export const ConnectionConfig: ConnectionConfigClass = untold.ConnectionConfig;

/** The same as `createConnection`. */
export const connect: typeof mysql2.createConnection = mysql2.createConnection;
/** Returns a command that a connection can run. */
export const createQuery: (typeof mysql2.Connection)["createQuery"] = untold.createQuery;
/** The numbers of the column types. */
export type Types = mysql2.Types;
/** The numbers of the column types. */
export const Types: typeof mysql2.Types = mysql2.Types;
/** Makes parameters with an explicit type. */
export type TypedParameter = mysql2.TypedParameter;
/** Makes parameters with an explicit type. */
export const TypedParameter: typeof mysql2.TypedParameter = mysql2.TypedParameter;
/** The numbers of collations. */
export type Charsets = mysql2.Charsets;
/** The numbers of collations. */
export const Charsets: typeof mysql2.Charsets = mysql2.Charsets;
/** The encodings of collations. */
export const CharsetToEncoding: typeof mysql2.CharsetToEncoding = mysql2.CharsetToEncoding;

/** Opens a connection outside any pool: `createConnection` of mysql2/promise. */
export const createConnectionPromise: typeof promises.createConnection = promises.createConnection;
/** Returns a pool with promises: `createPool` of `@sublet/mysql/compat/promise`. */
export const createPoolPromise: typeof promises.createPool = promises.createPool;
/** Returns a cluster with promises. */
export const createPoolClusterPromise: typeof promises.createPoolCluster =
  promises.createPoolCluster;

/**
 * Returns a pool with mysql2's members over connections of Sublet; it opens none before its use.
 *
 * @param config A URI, or mysql2's pool options and those of `MoreOptions`; durations in ms.
 * @returns The pool.
 * @throws `SubletError` with the code `OPTION_INVALID`.
 *
 * @example
 * ```ts ignore
 * import { createPool } from "@sublet/mysql/compat";
 *
 * const pool = createPool({ uri: "mysql://app:secret@127.0.0.1:3306/shop", connectionLimit: 10 });
 * pool.getConnection((error, connection) => {
 *   if (error) throw error;
 *   connection.query("SELECT 1 AS one", () => connection.release());
 * });
 * ```
 */
export function createPool(config: string | URL | CompatOptions): Pool {
  return makePool(config) as unknown as Pool;
}

/**
 * Returns a cluster without nodes.
 *
 * @param config mysql2's cluster options; durations in ms.
 * @returns The cluster.
 * @throws `RangeError` if the default selector is unknown.
 *
 * @example
 * ```ts ignore
 * import { createPoolCluster } from "@sublet/mysql/compat";
 *
 * const cluster = createPoolCluster({ defaultSelector: "ORDER" });
 * cluster.add("PRIMARY", "mysql://app:secret@127.0.0.1:3306/shop");
 * cluster.of("*").query("SELECT 1 AS one", (error) => {
 *   if (error) throw error;
 * });
 * ```
 */
export function createPoolCluster(config?: ClusterOptions): PoolCluster {
  return makeCluster(config) as unknown as PoolCluster;
}

/**
 * Wraps a virtual connection of an existing pool as a pool with mysql2's members. Ending the
 * wrapper does not end the pool.
 *
 * @param db The pool.
 * @param name The name of the virtual connection; `main` unless given.
 * @param options `unit`. By default, statements inside `db.transaction` of the same virtual
 * connection are part of it, and `getConnection` is refused there with `TRANSACTION_OPEN`.
 * "separate": neither. "join": statements are part of any transaction of their unit of work.
 * @returns The wrapper; equal arguments give the same object.
 * @throws `SubletError` with the code `OPTION_INVALID`.
 *
 * @example
 * ```ts ignore
 * import { createPool } from "@sublet/mysql";
 * import { compat } from "@sublet/mysql/compat";
 *
 * const db = createPool({
 *   uri: "mysql://app:secret@127.0.0.1:3306/shop",
 *   connections: { shop: {}, reports: { database: "reports", limit: 2 } },
 * });
 * const reports = compat(db, "reports"); // hand it to what knows mysql2's pool
 * ```
 */
export function compat<Name extends string>(
  db: AnyPool<Name>,
  name: NoInfer<Name> = "main" as Name,
  options: FaceOptions = {},
): Pool {
  return faceOf(db, name, options) as unknown as Pool;
}

/**
 * Returns the Sublet pool behind a pool with mysql2's members: for units of work, statistics and
 * all else that a Sublet pool can do.
 *
 * @param pool A pool that `createPool` or `compat` returned.
 * @returns The pool. That of `createPool` has one virtual connection, `main`.
 * @throws `TypeError` if this package did not make `pool`.
 *
 * @example
 * ```ts ignore
 * import { createPool, dbOf } from "@sublet/mysql/compat";
 *
 * const pool = createPool({ uri: "mysql://app:secret@127.0.0.1:3306/shop", unit: "join" });
 * await dbOf(pool).unit(async () => {
 *   // What `pool` is asked here is of one unit of work.
 * });
 * ```
 */
export function dbOf(pool: Pool): Db<"main"> {
  return dbOfFace(pool) as unknown as Db<"main">;
}
