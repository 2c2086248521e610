/**
 * `@sublet/mysql` on the sockets of Node (node:net), on any runtime that implements them.
 *
 * @example
 * ```ts ignore
 * import { createPool } from "@sublet/mysql/node";
 *
 * const db = createPool("mysql://app:secret@127.0.0.1:3306/shop");
 * const [rows] = await db.query("SELECT 1 AS one");
 * ```
 *
 * @module
 */

import { adapter } from "../adapters/node.ts";
import { type CreatePool, creatorOn } from "./create.ts";
import type { Pool, PoolOptions } from "./types.ts";

export { SubletError } from "../shell/errors.ts";
export type * from "./types.ts";

const create: CreatePool = creatorOn(adapter, "pool");

/**
 * Returns a pool on the sockets of Node; in all else like `createPool` of `@sublet/mysql`.
 *
 * @param options Where to connect, as a URI or as single options, and the options of the pool.
 * @returns The pool, which opens no connection before its first use.
 * @throws `SubletError` with the code `OPTION_INVALID`.
 *
 * @example
 * ```ts ignore
 * const db = createPool({ uri: "mysql://app:secret@127.0.0.1:3306/shop", connectionLimit: 4 });
 * ```
 */
export function createPool<const Name extends string = "main">(
  options: string | URL | PoolOptions<Name>,
): Pool<Name> {
  return create(options);
}
