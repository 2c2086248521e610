/**
 * A MySQL connection pool whose virtual connections sublet actual ones.
 *
 * Code binds to virtual connections, which cost nothing. The pool opens an actual connection when
 * a unit of work needs one, up to a maximum that all virtual connections share, and retires it
 * when no unit needs it any more.
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

import { adapterOf, findRuntime } from "./src/adapters/runtime.ts";
import { type CreatePool, creatorOn, lifespanOn } from "./src/entries/create.ts";
import type { Pool, PoolOptions } from "./src/entries/types.ts";

export { SubletError } from "./src/shell/errors.ts";
export type * from "./src/entries/types.ts";

const runtime = findRuntime();
const create: CreatePool = creatorOn(adapterOf(runtime), lifespanOn(runtime));

/**
 * Returns a pool, which opens no connection before its first use. Each call returns a new object;
 * pools of equal definitions share actual connections, until the last of them is drained.
 *
 * @param options Where to connect, as `mysql://user:password@host:port/database`; or the options
 * of the pool (durations in ms) and, under mysql2's names, those of its connections.
 * @returns The pool. Without `connections` it has one virtual connection, `main`, and its methods.
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
  options: string | URL | PoolOptions<Name>,
): Pool<Name> {
  return create(options);
}
