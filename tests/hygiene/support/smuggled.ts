/** State that functions, views and triggers smuggle into a session, and helpers that show it. */

import { type Asked, one, threadOf } from "../../support/asking.ts";
import type { Place } from "./fixture.ts";

/** Functions that leave a variable, a lock or a role, and one that leaves nothing. */
const functions: readonly string[] = [
  "CREATE FUNCTION IF NOT EXISTS hit() RETURNS INT BEGIN SET @hit = 7; RETURN 1; END",
  "CREATE FUNCTION IF NOT EXISTS seize() RETURNS INT BEGIN DO GET_LOCK('smuggled', 0); RETURN 1; END",
  `CREATE FUNCTION IF NOT EXISTS roles() RETURNS INT SQL SECURITY INVOKER
     BEGIN SET ROLE clerk; RETURN 1; END`,
  "CREATE FUNCTION IF NOT EXISTS `now`() RETURNS INT BEGIN SET @hit = 7; RETURN 1; END",
  "CREATE FUNCTION IF NOT EXISTS pure(a INT) RETURNS INT DETERMINISTIC RETURN a + 1",
];

/** Views that call functions, one through another view, and one that leaves nothing. */
const views: readonly string[] = [
  "CREATE OR REPLACE VIEW hitting AS SELECT hit() AS h",
  "CREATE OR REPLACE VIEW seizing AS SELECT v, seize() AS s FROM t",
  "CREATE OR REPLACE VIEW locking AS SELECT GET_LOCK('smuggled', 0) AS l",
  "CREATE OR REPLACE SQL SECURITY INVOKER VIEW posing AS SELECT roles() AS r",
  "CREATE OR REPLACE SQL SECURITY INVOKER VIEW `a ``view``` AS SELECT r + 1 AS n FROM posing",
  "CREATE OR REPLACE VIEW plain AS SELECT v + 1 AS w FROM t WHERE LENGTH(v) > 0",
];

/** Creates these functions and views on a server. */
export async function prepare({ server }: Place): Promise<void> {
  await server.query("SET GLOBAL log_bin_trust_function_creators = 1");
  for (const sql of [...functions, ...views]) await server.query(sql);
}

/** Returns which of this state the session has; "" if none. */
export async function traceOn(asked: Asked): Promise<string> {
  const sql = "SELECT CONCAT(COALESCE(@hit, ''), " +
    "IF(IS_USED_LOCK('smuggled') = CONNECTION_ID(), 'lock', ''), " +
    "IF(@@timestamp = 77, '77', ''), " +
    "IF(CURRENT_ROLE() LIKE '%clerk%', 'role', ''))";
  return String(await one(asked, sql) ?? "");
}

/** Returns how many round trips a statement costs beyond its own. */
export async function cost({ db, proxy }: Place, sql: string): Promise<number> {
  await threadOf(db);
  proxy.roundTrips = 0;
  await db.query(sql);
  await threadOf(db);
  return proxy.roundTrips - 2;
}
