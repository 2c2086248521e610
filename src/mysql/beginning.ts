/**
 * What a session needs before it is handed over: the character set that its login asked for,
 * session tracking switched on, and the statements that its target wants run.
 *
 * It begins so after a connect and after a new login, and again after a reset, which takes all
 * of that away; MySQL's also takes the character set, MariaDB's does not.
 */

import type { Connection } from "mysql2";
import { charsetOf } from "./charset.ts";
import { answered, internalsOf } from "./internals.ts";
import type { Target } from "./target.ts";
import type { Witness } from "./witness.ts";

/** What the driver follows, and what tells how a text is read. */
const tracked = "autocommit,character_set_client,character_set_connection,character_set_results," +
  "sql_mode,time_zone";

/**
 * The sql_mode is assigned to itself so that it is reported. The last assignment has no use but
 * that its report proves that reports arrive.
 */
const tracking = `SESSION session_track_system_variables = '${tracked}', ` +
  "SESSION sql_mode = @@SESSION.sql_mode, SESSION session_track_state_change = 1, @sublet = NULL";

/** Makes a session what its target says; rejects with the server's error. */
export async function beginSession(
  driver: Connection,
  witness: Witness,
  target: Target,
  isReset: boolean,
): Promise<void> {
  const internals = internalsOf(driver);
  const charset = charsetOf(target.charset);
  await startTracking(
    driver,
    witness,
    isReset && !internals._isMariaDB ? charset.names : undefined,
  );
  const { initSql } = target;
  if (typeof initSql === "function") await initSql(driver);
  else for (const sql of initSql) await send(driver, sql);
  // The driver follows what statements set, and would name that at the next login.
  internals.config.charsetNumber = charset.number;
  witness.settle();
}

/** Switches tracking on; a server that refuses, or keeps silent, is taken not to have it. */
async function startTracking(
  driver: Connection,
  witness: Witness,
  names: string | undefined,
): Promise<void> {
  if (witness.canTell) {
    witness.settle();
    const refusal = await send(driver, `SET ${names === undefined ? "" : `${names}, `}${tracking}`)
      .then(() => undefined, (error: unknown) => error);
    if (refusal !== undefined && !isOfServer(refusal)) throw refusal;
    witness.canTell = refusal === undefined && witness.isTold;
    if (refusal === undefined) return;
  }
  if (names !== undefined) await send(driver, `SET ${names}`);
}

function send(driver: Connection, sql: string): Promise<void> {
  return answered((answer) => driver.query(sql, answer));
}

function isOfServer(error: unknown): boolean {
  return error instanceof Error && "sqlState" in error;
}
