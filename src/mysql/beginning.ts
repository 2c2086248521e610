/**
 * What a session needs before it is handed over: the character set that its login asked for,
 * session tracking switched on, and the statements that its target wants run.
 *
 * It begins so after a connect and after a new login, and again after a reset, which takes all
 * of that away; MySQL's also takes the character set, MariaDB's does not.
 */

import mysql2, { type Connection } from "mysql2";
import { noted, role } from "./look_up.ts";
import { answered, internalsOf } from "./mysql2_internals.ts";
import { errnoOf, isOfServer, type Refusable, type Refusals } from "./refusals.ts";
import type { StoredObjectsOfTargets } from "./stored_objects.ts";
import type { Target } from "./target.ts";
import type { SessionState } from "./session_state.ts";

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
const fullTracking =
  "session_track_transaction_info = 'CHARACTERISTICS', session_track_system_variables = " +
  "CONCAT(@@session_track_system_variables, ',sql_mode,collation_connection')";
/** It is assigned to itself so that it is reported. */
const sameMode = "sql_mode = @@sql_mode";
/** MariaDB adds IGNORE_SPACE when a session connects, and not when it is reset or logs in. */
const modeWithSpace = "sql_mode = CONCAT(@@sql_mode, ',IGNORE_SPACE')";
/** The flag of a login by which spaces may stand between a function's name and its bracket. */
const IGNORE_SPACE = 0x100;
/** ER_SUBQUERY_NO_1_ROW. */
const tooManyRows = 1242;

/** How a session begins: after a connect, a new login or a reset. */
export type Beginning = "connect" | "login" | "reset";

/**
 * Makes a session what its target says; rejects with the server's error, or if the server has kept
 * what somebody else's statements were.
 */
export async function beginSession(
  driver: Connection,
  state: SessionState,
  target: Target,
  { refusals, objects }: Memory,
  by: Beginning,
): Promise<void> {
  const internals = internalsOf(driver);
  const charset = charsetOf(target.charset);
  const isMariaDb = internals._isMariaDB === true;
  const isTelling = !refusals.has("look-up", target);
  const known = isTelling ? objects.of(target) : undefined;
  state.reading.begin(target, known, objects.changes);
  if (refusals.has("full tracking", target)) state.hasFullTracking = false;
  const names = by === "reset" && !isMariaDb ? charset.names : undefined;
  const takesSpace = (internals.config.clientFlags & IGNORE_SPACE) !== 0;
  const mode = isMariaDb && by !== "connect" && takesSpace ? modeWithSpace : undefined;
  const checks = refusals.has("checks", target) ? undefined : checksOf(by, target, isMariaDb);
  const refused = await startTracking(driver, state, { names, mode, checks });
  for (const [what, refusal] of refused) refusals.learn(what, target, refusal);
  await runInitSql(driver, state, target);
  // The driver follows what statements set, and would name that at the next login.
  internals.config.charsetNumber = charset.number;
  state.settle();
}

/** Runs what the target wants run, and notes the role anew if that may have changed it. */
async function runInitSql(driver: Connection, state: SessionState, target: Target): Promise<void> {
  const { initSql } = target;
  const { reading } = state;
  let needsRelogin = typeof initSql === "function";
  if (typeof initSql === "function") await initSql(driver);
  else {
    for (const sql of initSql) {
      await send(driver, sql);
      const { effect } = reading.analyse(sql);
      needsRelogin ||= effect !== "none" && effect !== "state";
    }
  }
  if (needsRelogin && reading.isRoleNoted) await send(driver, `SET ${noted} = ${role}`);
}

/** The parts of the SET with which a session begins, besides session tracking. */
interface Setting {
  readonly names: string | undefined;
  readonly mode: string | undefined;
  /** Expressions that are NULL unless something is wrong; undefined if the server has none. */
  readonly checks: readonly Check[] | undefined;
}

/** An expression that is NULL unless something is wrong: then it is an error. */
interface Check {
  readonly sql: string;
  /** The statement that puts it right, if there is one. */
  readonly remedy: string | undefined;
}

/** Returns what is to be checked of a session that begins so. */
function checksOf(by: Beginning, { database }: Target, isMariaDb: boolean): readonly Check[] {
  if (by === "connect") return [];
  // Profiles and traces outlive a reset and a new login.
  const keeper = isMariaDb ? "profiling" : "optimizer_trace";
  const checks: Check[] = [{ sql: errorIfAny(keeper, "TRUE"), remedy: undefined }];
  if (by === "login" || database === undefined) return checks;
  // A reset gives a session the collation of the server in place of its database's.
  const isOther = "schema_name = DATABASE() AND " +
    "CAST(default_collation_name AS BINARY) <> CAST(@@collation_database AS BINARY)";
  const remedy = `USE \`${database.replaceAll("`", "``")}\``;
  return [...checks, { sql: errorIfAny("schemata", isOther), remedy }];
}

/** Returns what is NULL if a table of the server has no such row, and else an error. */
function errorIfAny(table: string, condition: string): string {
  const two = "(SELECT 1 AS one UNION ALL SELECT 1) AS two";
  return `(SELECT 1 FROM information_schema.${table}, ${two} WHERE ${condition} LIMIT 2)`;
}

/**
 * Switches tracking on, notes the role, and checks what a reset or a new login has left. A server
 * that refuses, or keeps silent, is taken not to have it. Returns its errors if it has refused what
 * others do not know.
 */
async function startTracking(
  driver: Connection,
  state: SessionState,
  { names, mode, checks }: Setting,
): Promise<readonly (readonly [what: Refusable, refusal: unknown])[]> {
  const refused: (readonly [what: Refusable, refusal: unknown])[] = [];
  let asked = checks;
  for (;;) {
    state.settle();
    state.reading.isRoleNoted = asked !== undefined;
    const { hasTracking } = state;
    const hasFullTracking = hasTracking && state.hasFullTracking;
    const told = [hasTracking && tracking, hasFullTracking && fullTracking];
    // Its report proves that reports arrive.
    const proof = asked === undefined ? hasTracking && `${noted} = NULL` : roleNotedWith(asked);
    const all = [names, ...told, mode ?? (hasFullTracking && sameMode), proof];
    const refusal = await trySend(driver, all.filter((part) => Boolean(part)));
    if (refusal === undefined) {
      if (hasTracking) state.hasTracking = state.sawReport;
      return refused;
    }
    if (errnoOf(refusal) === tooManyRows && asked !== undefined) {
      asked = await remedied(driver, asked);
      continue;
    }
    if (!hasTracking && asked === undefined) throw refusal;
    if (asked !== undefined) refused.push(["checks", refusal]);
    else if (hasFullTracking) refused.push(["full tracking", refusal]);
    else state.hasTracking = false;
    if (asked === undefined) state.hasFullTracking = false;
    asked = undefined;
  }
}

/** Returns what notes the role, unless a check fails. */
function roleNotedWith(checks: readonly Check[]): string {
  return `${noted} = COALESCE(${[...checks.map(({ sql }) => sql), role].join(", ")})`;
}

/** Puts right what checks have found, and returns those that are left. */
async function remedied(driver: Connection, checks: readonly Check[]): Promise<readonly Check[]> {
  const wrong = checks.findLast(({ remedy }) => remedy !== undefined);
  if (wrong?.remedy === undefined) throw new Error("The server keeps former statements");
  await send(driver, wrong.remedy);
  return checks.filter((check) => check !== wrong);
}

/** Sets variables; returns the error of a server that refuses. */
async function trySend(driver: Connection, parts: readonly unknown[]): Promise<unknown> {
  if (parts.length === 0) return undefined;
  try {
    await send(driver, `SET ${parts.join(", ")}`);
    return undefined;
  } catch (error) {
    if (isOfServer(error)) return error;
    throw error;
  }
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
