/**
 * The module mysql2/promise over connections of Sublet, for code that exists: its `createPool` and
 * `createPoolCluster` give pools of Sublet with mysql2's members, and all else is mysql2's.
 *
 * @example
 * ```ts ignore
 * import mysql from "@sublet/mysql/compat/promise"; // was: from "mysql2/promise"
 *
 * const pool = mysql.createPool({ uri: "mysql://app:secret@127.0.0.1:3306/shop" });
 * const [rows] = await pool.query("SELECT 1 AS one");
 * console.log(rows); // [ { one: 1 } ]
 * ```
 *
 * @module
 */

export * from "./compat_promises.ts";
/** The same once more, as mysql2 has it. */
export * as default from "./compat_promises.ts";
