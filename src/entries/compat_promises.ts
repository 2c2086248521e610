/**
 * The exports of `@sublet/mysql/compat/promise`: all those of mysql2/promise, and a few of Sublet.
 * Functions that make pools and clusters are Sublet's; the rest is mysql2's own.
 */

import mysql2 from "mysql2/promise";
import type { CompatOptions } from "../compat/config.ts";
import { dbOf as dbOfFace, faceOf, type FaceOptions } from "../compat/create.ts";
import type { PromiseMaker } from "../compat/internals.ts";
import type { ClusterOptions } from "../compat/nodes.ts";
import { PromisePoolCluster } from "../compat/promise_cluster.ts";
import { makeCluster, makePool } from "./compat_make.ts";
import type { AnyPool, Pool as Db } from "./types.ts";

export type * from "mysql2/promise";
export {
  clearParserCache,
  Connection,
  createConnection,
  escape,
  escapeId,
  format,
  PoolConnection,
  raw,
  setMaxParserCache,
} from "mysql2/promise";
export type { CompatOptions, DriverPoolOptions, MoreOptions } from "../compat/config.ts";
export type { FaceOptions } from "../compat/create.ts";
export type { ClusterOptions } from "../compat/nodes.ts";
export type { AnyPool, Pool as Db } from "./types.ts";

/** A pool. */
export type Pool = ReturnType<(typeof import("mysql2/promise"))["createPool"]>;
/** A cluster of pools. */
export type PoolCluster = ReturnType<(typeof import("mysql2/promise"))["createPoolCluster"]>;

/** The exports of mysql2/promise that its types lack. */
const untold = mysql2 as unknown as {
  readonly PromisePool: abstract new () => Pool;
};

/** The class of pools. */
export const PromisePool: abstract new () => Pool = untold.PromisePool;
/** The class of connections. */
export const PromiseConnection: typeof mysql2.Connection = mysql2.Connection;
/** The class of connections of a pool. */
export const PromisePoolConnection: typeof mysql2.PoolConnection = mysql2.PoolConnection;
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

/**
 * Returns a pool with the members of mysql2/promise over connections of Sublet; it opens none
 * before its use.
 *
 * @param config A URI, or mysql2's pool options and those of `MoreOptions`; durations in ms.
 * @returns The pool.
 * @throws `SubletError` with the code `OPTION_INVALID`.
 *
 * @example
 * ```ts ignore
 * import { createPool } from "@sublet/mysql/compat/promise";
 *
 * const pool = createPool({ uri: "mysql://app:secret@127.0.0.1:3306/shop", connectionLimit: 10 });
 * const [rows] = await pool.query("SELECT 1 AS one");
 * ```
 */
export function createPool(config: string | URL | CompatOptions): Pool {
  return makePool(config).promise(makerOf(config)) as unknown as Pool;
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
 * import { createPoolCluster } from "@sublet/mysql/compat/promise";
 *
 * const cluster = createPoolCluster({ defaultSelector: "ORDER" });
 * cluster.add("PRIMARY", "mysql://app:secret@127.0.0.1:3306/shop");
 * const [rows] = await cluster.of("*").query("SELECT 1 AS one");
 * ```
 */
export function createPoolCluster(config: ClusterOptions = {}): PoolCluster {
  const cluster = new PromisePoolCluster(makeCluster(config), makerOf(config));
  return cluster as unknown as PoolCluster;
}

/**
 * Wraps a virtual connection of an existing pool as a pool with the members of mysql2/promise.
 * Ending the wrapper does not end the pool.
 *
 * @param db The pool.
 * @param name The name of the virtual connection; `main` unless given.
 * @param options `unit`. By default, statements inside `db.transaction` of the same virtual
 * connection are part of it, and `getConnection` is refused there with `TRANSACTION_OPEN`.
 * "separate": neither. "join": statements are part of any transaction of their unit of work.
 * @returns The wrapper.
 * @throws `SubletError` with the code `OPTION_INVALID`.
 *
 * @example
 * ```ts ignore
 * import { createPool } from "@sublet/mysql";
 * import { compat } from "@sublet/mysql/compat/promise";
 *
 * const db = createPool({
 *   uri: "mysql://app:secret@127.0.0.1:3306/shop",
 *   connections: { shop: {}, reports: { database: "reports", limit: 2 } },
 * });
 * const [rows] = await compat(db, "reports").query("SELECT DATABASE() AS name");
 * ```
 */
export function compat<Name extends string>(
  db: AnyPool<Name>,
  name: NoInfer<Name> = "main" as Name,
  options: FaceOptions = {},
): Pool {
  return faceOf(db, name, options).promise() as unknown as Pool;
}

/**
 * Returns the Sublet pool behind a pool with the members of mysql2/promise: for units of work,
 * statistics and all else that a Sublet pool can do.
 *
 * @param pool A pool that `createPool` or `compat` returned.
 * @returns The pool. That of `createPool` has one virtual connection, `main`.
 * @throws `TypeError` if this package did not make `pool`.
 *
 * @example
 * ```ts ignore
 * import { createPool, dbOf } from "@sublet/mysql/compat/promise";
 *
 * const pool = createPool({ uri: "mysql://app:secret@127.0.0.1:3306/shop", connectionLimit: 10 });
 * console.log(dbOf(pool).stats().waiting);
 * ```
 */
export function dbOf(pool: Pool): Db<"main"> {
  return dbOfFace(pool) as unknown as Db<"main">;
}

/** Returns the promise constructor from the option `Promise`, if given. */
function makerOf(config: string | object): PromiseMaker | undefined {
  return typeof config === "object" && "Promise" in config
    ? config.Promise as PromiseMaker
    : undefined;
}
