/**
 * Prepares a session before the pool hands it over: sets the character set of its login, switches
 * session tracking on, and runs the `initSql` of its target.
 *
 * This happens after a connect, a new login and a reset. A reset takes away tracking and what
 * `initSql` did. MySQL's reset also takes away the character set, MariaDB's does not.
 */

import type { Connection } from "mysql2";
import { charsetOf, isKnownByAll, isUnknownCharset } from "./charset.ts";
import { announcesTracking } from "./greeting.ts";
import { noted, role } from "./look_up.ts";
import { answered, internalsOf } from "./mysql2_internals.ts";
import { isOfServer, type Refusable, type Refusals } from "./refusals.ts";
import { errnoOf } from "./errors.ts";
import type { StoredObjectsOfTargets } from "./stored_objects.ts";
import type { Target } from "./target.ts";
import type { SessionState } from "./session_state.ts";

/** What all sessions of a pool share about their servers. */
export interface Memory {
  /** What servers have refused. */
  readonly refusals: Refusals;
  /** The views and triggers known so far. */
  readonly objects: StoredObjectsOfTargets;
}

const tracking = "SESSION session_track_state_change = 1";
/**
 * Reports that older servers lack. CHARACTERISTICS includes STATE and tells more: if a procedure
 * commits and then begins a transaction with the same work, STATE is the same as before.
 */
const fullTracking =
  "session_track_transaction_info = 'CHARACTERISTICS', session_track_system_variables = " +
  "CONCAT(@@session_track_system_variables, ',sql_mode,collation_connection')";
/** Assigning sql_mode to itself makes the server report it. */
const sameMode = "sql_mode = @@sql_mode";
/** MariaDB adds IGNORE_SPACE on a connect, but not on a reset or a new login. */
const modeWithSpace = "sql_mode = CONCAT(@@sql_mode, ',IGNORE_SPACE')";
/** The login flag that allows spaces between a function's name and its parenthesis. */
const IGNORE_SPACE = 0x100;
/** ER_SUBQUERY_NO_1_ROW. */
const tooManyRows = 1242;

/** The step after which a session begins. */
export type Beginning = "connect" | "login" | "reset";

/**
 * Puts a session into the state that its target asks for. Rejects with the server's error, or if
 * the server still keeps a profile or a trace of former statements.
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
  // A login with a number that the server does not know takes the server's default, unsaid.
  const isNamed = by === "reset" && !isMariaDb || !isKnownByAll(charset);
  const names = isNamed ? charset.names : undefined;
  const takesSpace = (internals.config.clientFlags & IGNORE_SPACE) !== 0;
  const mode = isMariaDb && by !== "connect" && takesSpace ? modeWithSpace : undefined;
  const isBare = by === "connect" && !announcesTracking(internals);
  if (isBare) state.hasTracking = false;
  const isUnasked = isBare || refusals.has("checks", target);
  const checks = isUnasked ? undefined : checksOf(by, target, isMariaDb);
  const refused = await startTracking(driver, state, { names, mode, checks });
  for (const [what, refusal] of refused) refusals.learn(what, target, refusal);
  await runInitSql(driver, state, target);
  // The driver changes this number when a statement changes the character set, and would send it at
  // the next login.
  internals.config.charsetNumber = charset.number;
  state.settle();
}

/** Runs the target's `initSql`, and notes the role again if `initSql` may have changed it. */
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

/** The parts, besides session tracking, of the SET statement that begins a session. */
interface SetParts {
  readonly names: string | undefined;
  readonly mode: string | undefined;
  /** Expressions that are NULL unless something is wrong; undefined if the server refuses them. */
  readonly checks: readonly Check[] | undefined;
}

/** An expression that is NULL unless something is wrong: then the server returns an error. */
interface Check {
  readonly sql: string;
  /** The statement that corrects the fault, if there is one. */
  readonly remedy: string | undefined;
}

/** Returns the checks for a session that begins after `by`. */
function checksOf(by: Beginning, { database }: Target, isMariaDb: boolean): readonly Check[] {
  if (by === "connect") return [];
  // Profiles and traces outlive a reset and a new login.
  const keeper = isMariaDb ? "profiling" : "optimizer_trace";
  const checks: Check[] = [{ sql: errorIfAny(keeper, "TRUE"), remedy: undefined }];
  if (by === "login" || database === undefined) return checks;
  // A reset replaces the collation of the session's database by that of the server.
  const isOther = "schema_name = DATABASE() AND " +
    "CAST(default_collation_name AS BINARY) <> CAST(@@collation_database AS BINARY)";
  const remedy = `USE \`${database.replaceAll("`", "``")}\``;
  return [...checks, { sql: errorIfAny("schemata", isOther), remedy }];
}

/**
 * Returns an expression that is NULL if an information_schema table has no such row, and otherwise
 * an error.
 */
function errorIfAny(table: string, condition: string): string {
  const two = "(SELECT 1 AS one UNION ALL SELECT 1) AS two";
  return `(SELECT 1 FROM information_schema.${table}, ${two} WHERE ${condition} LIMIT 2)`;
}

/**
 * Switches tracking on, notes the role, and checks what a reset or a new login has left behind. A
 * server that refuses tracking, or reports nothing, counts as one without it. Returns the errors by
 * which the server refused checks or full tracking, so that other sessions learn of them.
 */
async function startTracking(
  driver: Connection,
  state: SessionState,
  { names, mode, checks }: SetParts,
): Promise<readonly (readonly [what: Refusable, refusal: unknown])[]> {
  const refused: (readonly [what: Refusable, refusal: unknown])[] = [];
  let asked = checks;
  for (;;) {
    state.settle();
    state.reading.isRoleNoted = asked !== undefined;
    const { hasTracking } = state;
    const hasFullTracking = hasTracking && state.hasFullTracking;
    const told = [hasTracking && tracking, hasFullTracking && fullTracking];
    // The report of this assignment proves that reports arrive.
    const proof = asked === undefined ? hasTracking && `${noted} = NULL` : roleNotedWith(asked);
    const all = [names, ...told, mode ?? (hasFullTracking && sameMode), proof];
    const refusal = await trySend(driver, all.filter((part) => Boolean(part)));
    if (names !== undefined && isUnknownCharset(refusal)) throw charsetRefused(names, refusal);
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

function charsetRefused(names: string, cause: unknown): Error {
  const { message, code, errno, sqlState } = Object(cause);
  const told = new Error(`The server refuses the option charset (SET ${names}): ${message}`, {
    cause,
  });
  return Object.assign(told, { code, errno, sqlState });
}

/** Returns the assignment that notes the role, unless a check fails. */
function roleNotedWith(checks: readonly Check[]): string {
  return `${noted} = COALESCE(${[...checks.map(({ sql }) => sql), role].join(", ")})`;
}

/** Runs the last remedy among the checks, and returns the other checks; throws if there is none. */
async function remedied(driver: Connection, checks: readonly Check[]): Promise<readonly Check[]> {
  const wrong = checks.findLast(({ remedy }) => remedy !== undefined);
  if (wrong?.remedy === undefined) {
    throw new Error(
      "The server keeps profiles or traces of statements that earlier users of this session ran",
    );
  }
  await send(driver, wrong.remedy);
  return checks.filter((check) => check !== wrong);
}

/** Sets variables; if the server refuses, returns its error. */
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
