/**
 * A replacement for the module mysql2, for existing code: `createPool` and `createPoolCluster`
 * return Sublet's pools with mysql2's members; all other exports are mysql2's own.
 *
 * @example
 * ```ts ignore
 * import mysql from "@sublet/mysql/compat"; // was: from "mysql2"
 *
 * const pool = mysql.createPool({ uri: "mysql://app:secret@127.0.0.1:3306/shop" });
 * pool.query("SELECT 1 AS one", (error, rows) => {
 *   if (error) throw error;
 *   console.log(rows); // [ { one: 1 } ]
 * });
 * ```
 *
 * @module
 */

export * from "./compat_callback.ts";
/** The same exports as an object, as mysql2 has it. */
export * as default from "./compat_callback.ts";
