/**
 * What a session needs before it is handed over: the character set that its login asked for,
 * session tracking switched on, and the statements that its target wants run.
 *
 * It begins so after a connect and after a new login, and again after a reset, which takes all
 * of that away; MySQL's also takes the character set, MariaDB's does not.
 */

import mysql2, { type Connection } from "mysql2";
import { answered, type DriverInternals, internalsOf } from "./mysql2_internals.ts";
import { isOfServer, type Refusals } from "./refusals.ts";
import type { StoredObjectsOfTargets } from "./stored_objects.ts";
import type { Target } from "./target.ts";
import type { Witness } from "./witness.ts";

/** What all sessions of a pool know of their servers. */
export interface Memory {
  /** What servers have refused. */
  readonly refusals: Refusals;
  /** The views and triggers that are known so far. */
  readonly objects: StoredObjectsOfTargets;
}

const tracking = "SESSION session_track_state_change = 1";
/**
 * What older servers cannot report. CHARACTERISTICS includes STATE, and tells more: a procedure
 * that commits and begins a transaction with the same work leaves the same STATE as before.
 */
function fullTrackingOf({ _isMariaDB }: DriverInternals): string {
  // What these make the server keep outlives a new login.
  const keeping = _isMariaDB ? "profiling" : "optimizer_trace";
  const variables = `,sql_mode,collation_connection,${keeping}`;
  return "session_track_transaction_info = 'CHARACTERISTICS', session_track_system_variables = " +
    `CONCAT(@@session_track_system_variables, '${variables}'), ` +
    // It is assigned to itself so that it is reported.
    "sql_mode = @@sql_mode";
}
/** Has no use but that its report proves that reports arrive. */
const proof = "@sublet = NULL";

/** Makes a session what its target says; rejects with the server's error. */
export async function beginSession(
  driver: Connection,
  witness: Witness,
  target: Target,
  { refusals, objects }: Memory,
  isReset: boolean,
): Promise<void> {
  const internals = internalsOf(driver);
  const charset = charsetOf(target.charset);
  const names = isReset && !internals._isMariaDB ? charset.names : undefined;
  const isTelling = !refusals.has("look-up", target);
  const known = isTelling ? objects.of(target) : undefined;
  witness.reading.begin(target, known, objects.changes);
  if (refusals.has("full tracking", target)) witness.canTellAll = false;
  const refusal = await startTracking(driver, witness, names);
  if (refusal !== undefined) refusals.learn("full tracking", target, refusal);
  const { initSql } = target;
  if (typeof initSql === "function") await initSql(driver);
  else for (const sql of initSql) await send(driver, sql);
  // The driver follows what statements set, and would name that at the next login.
  internals.config.charsetNumber = charset.number;
  witness.settle();
}

/**
 * Switches tracking on; a server that refuses, or keeps silent, is taken not to have it. Returns
 * its error if it has refused what older servers do not know.
 */
async function startTracking(
  driver: Connection,
  witness: Witness,
  names: string | undefined,
): Promise<unknown> {
  let first: unknown;
  while (witness.canTell) {
    witness.settle();
    const more = witness.canTellAll ? fullTrackingOf(internalsOf(driver)) : undefined;
    const parts = [names, tracking, more, proof].filter((part) => part !== undefined);
    const refusal = await send(driver, `SET ${parts.join(", ")}`)
      .then(() => undefined, (error: unknown) => error);
    if (refusal !== undefined && !isOfServer(refusal)) throw refusal;
    if (refusal === undefined) {
      witness.canTell = witness.isTold;
      return first;
    }
    if (!witness.canTellAll) witness.canTell = false;
    else first = refusal;
    witness.canTellAll = false;
  }
  if (names !== undefined) await send(driver, `SET ${names}`);
  return first;
}

function send(driver: Connection, sql: string): Promise<void> {
  return answered((answer) => driver.query(sql, answer));
}

/**
 * The character set of a session. A login gives the number of a collation, a statement its name;
 * the driver knows which belong together.
 */
interface Charset {
  /** The number of its collation. */
  readonly number: number;
  /** What sets it, behind SET. */
  readonly names: string;
}

/** Returns what the driver takes a name for: that of a collation or of a character set. */
function charsetOf(name: string): Charset {
  const numbers = Object.entries(mysql2.Charsets);
  const number = numbers.find(([known]) => known === name.toUpperCase())?.[1];
  if (number === undefined) throw new RangeError(`The driver knows no character set ${name}`);
  const collations = numbers.filter(([known, its]) => its === number && known.includes("_"));
  const collation = collations[0]?.[0].toLowerCase();
  if (collation === undefined) return { number, names: `NAMES ${name}` };
  const set = collation.slice(0, collation.indexOf("_"));
  return { number, names: `NAMES ${set} COLLATE ${collation}` };
}
