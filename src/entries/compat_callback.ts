/**
 * What `@sublet/mysql/compat` exports: all that mysql2 does. What makes pools is Sublet's; the
 * rest is mysql2's own.
 */

import mysql2 from "mysql2";
import { PoolCluster as SubletPoolCluster } from "../compat/cluster.ts";
import type { CompatOptions } from "../compat/config.ts";
import { dbOf as dbOfFace, faceOf, type FaceOptions } from "../compat/create.ts";
import type { ClusterOptions } from "../compat/nodes.ts";
import { Pool as SubletPool } from "../compat/pool.ts";
import { makeCluster, makePool } from "./compat_make.ts";
import * as promises from "./compat_promises.ts";
import type { Pool as Db } from "./types.ts";

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
export type { Pool as Db } from "./types.ts";

/** The class of mysql2's options. */
export type ConnectionConfigClass = new (options: object) => mysql2.ConnectionConfig;

/** What mysql2 exports without that its types tell. */
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

/** Does as `createConnection`. */
export const connect: typeof mysql2.createConnection = mysql2.createConnection;
/** Returns a command that a connection can be given to run. */
export const createQuery: (typeof mysql2.Connection)["createQuery"] = untold.createQuery;
/** The numbers of the types of columns. */
export type Types = mysql2.Types;
/** The numbers of the types of columns. */
export const Types: typeof mysql2.Types = mysql2.Types;
/** Makes values that say of which type they are. */
export type TypedParameter = mysql2.TypedParameter;
/** Makes values that say of which type they are. */
export const TypedParameter: typeof mysql2.TypedParameter = mysql2.TypedParameter;
/** The numbers of collations. */
export type Charsets = mysql2.Charsets;
/** The numbers of collations. */
export const Charsets: typeof mysql2.Charsets = mysql2.Charsets;
/** The encodings of collations. */
export const CharsetToEncoding: typeof mysql2.CharsetToEncoding = mysql2.CharsetToEncoding;

/** Opens a connection of its own; `createConnection` of mysql2/promise. */
export const createConnectionPromise: typeof promises.createConnection = promises.createConnection;
/** Returns a pool that answers by promises; `createPool` of `@sublet/mysql/compat/promise`. */
export const createPoolPromise: typeof promises.createPool = promises.createPool;
/** Returns a cluster that answers by promises. */
export const createPoolClusterPromise: typeof promises.createPoolCluster =
  promises.createPoolCluster;

/**
 * Returns a pool with mysql2's members over connections of Sublet; nothing is opened yet.
 *
 * @param config A URI, or mysql2's options of a pool, and those of `MoreOptions`; durations in ms.
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
export function createPool(config: string | CompatOptions): Pool {
  return makePool(config) as unknown as Pool;
}

/**
 * Returns a cluster without nodes.
 *
 * @param config mysql2's options of a cluster; durations in ms.
 * @returns The cluster.
 * @throws `RangeError` if the selector is not known.
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
 * Returns a virtual connection of a pool that exists as a pool with mysql2's members. Its end is
 * not that of the pool.
 *
 * @param db The pool.
 * @param name The name of the virtual connection; `main` unless given.
 * @param options `unit: "join"`, to run statements in the transaction of their unit of work.
 * @returns The face, the same one each time.
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
  db: Db<Name>,
  name: Name = "main" as Name,
  options: FaceOptions = {},
): Pool {
  return faceOf(db, name, options) as unknown as Pool;
}

/**
 * Returns the pool of Sublet behind a pool with mysql2's members: for units of work, for counts,
 * for what else such a pool can do.
 *
 * @param pool What `createPool` or `compat` has returned.
 * @returns The pool; what `createPool` has returned has one virtual connection, `main`.
 * @throws `TypeError` if it is a pool of something else.
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
export function dbOf(pool: Pool): Db {
  return dbOfFace(pool) as unknown as Db;
}
