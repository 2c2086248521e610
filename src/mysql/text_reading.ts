/**
 * Reads statements, and the values that the driver puts into them, as the server of one session
 * reads them at present: by its version, and by the sql_mode of the session.
 */

import type { Connection } from "mysql2";
import type { Statement, StatementFacts } from "../port/session.ts";
import { MODE_UNKNOWN, NO_BACKSLASH_ESCAPES } from "./lexer.ts";
import type { DriverInternals, Packet } from "./mysql2_internals.ts";
import { bitsOf, modeOf, readVariables } from "./sql_mode.ts";
import { type Analyser, analyserOf, type Analysis, textLengthMax } from "./statement.ts";
import { weakFacts } from "./statement_facts.ts";
import { AUTOCOMMIT, RESULT_INFO } from "./status.ts";
import { type Behind, nothingBehind } from "./stored_object_texts.ts";
import { ObjectChanges, outdatedReason, type StoredObjects } from "./stored_objects.ts";
import type { Target } from "./target.ts";

/** A placeholder for which the driver puts a name: `??`, or `::name` with named placeholders. */
const namePlaceholder: RegExp = /\?\?|::/;

/** Why the pool renews a session if other sessions changed views or triggers meanwhile. */
export const changedReason = "change of a view or a trigger";

/** Why the pool resets a session whose statements may have run what its user may not see. */
export const hiddenReason = "triggers or views that may not be seen";

/** Reads texts as the server of one session does. */
export class TextReading {
  /** Whether the session has noted its initial role. */
  isRoleNoted = false;
  readonly #driver: DriverInternals;
  #analyser: Analyser = analyserOf("", []);
  #sqlMode = MODE_UNKNOWN;
  #flags = AUTOCOMMIT;
  #objects: StoredObjects | undefined;
  readonly #unknown: Set<string> = new Set();
  #changes: ObjectChanges = new ObjectChanges();
  /** The count of changes when a statement first named something; undefined if none has. */
  #changesBefore: number | undefined;
  #hasWritten = false;
  /** Whether statements may have run what their user may not see. */
  #hasHidden = false;
  /** The databases that writes have named. */
  readonly #written: Set<string> = new Set();
  /** Whether another session's change was under way when a statement named something. */
  #isAmidChange = false;
  /** Whether this session is running such a change. */
  #isChanging = false;
  #isLookingUp = false;
  /** When the session logged in, or began to. */
  #loggedInAt = performance.now();
  /** Whether an answer to the look-up has had warnings. */
  #isWarned = false;
  /** The text that was analysed last, its sql_mode, and its analysis. */
  #lastText = "";
  #lastMode = -1;
  #last: Analysis | undefined;

  /** Reads for a new connection, whose version and sql_mode are still unknown. */
  constructor(driver: DriverInternals) {
    this.#driver = driver;
  }

  /**
   * Reads for a target from now on. `objects` are the known views and triggers that its statements
   * can run; undefined if its server refuses to show them.
   */
  begin(
    { cleanFunctions }: Target,
    objects: StoredObjects | undefined,
    changes: ObjectChanges,
  ): void {
    const version = this.#driver._handshakePacket?.serverVersion ?? "";
    this.#analyser = analyserOf(version, cleanFunctions);
    this.#last = undefined;
    this.#objects = objects;
    this.#changes = changes;
  }

  /** Notes what an answer reports of the sql_mode; `flags` are its status flags. */
  see(packet: Packet, flags: number): void {
    this.#flags = flags;
    if (this.#isLookingUp && (flags & RESULT_INFO) !== 0) this.#isWarned = true;
    const variables = readVariables(packet, flags);
    const sqlMode = variables?.get("sql_mode");
    if (variables === undefined) this.#sqlMode = MODE_UNKNOWN;
    else if (sqlMode !== undefined) this.#sqlMode = bitsOf(sqlMode);
  }

  /** A count that rises when a statement that changes views or triggers is sent or answered. */
  get changeCount(): number {
    return this.#changes.count;
  }

  /** Whether a statement that names something may have written since the session was settled. */
  get hasWritten(): boolean {
    return this.#hasWritten;
  }

  /** Whether statements since the session was settled may have run what their user may not see. */
  get hasHidden(): boolean {
    return this.#hasHidden;
  }

  /** Returns whether the statements may have done so, by the effects behind their names. */
  mayHide({ hides, hidesTriggers }: Behind): boolean {
    if (hides || !this.#hasWritten) return hides;
    return hidesTriggers || this.#objects?.hidesTriggers([...this.#written]) === true;
  }

  /** The unknown names in statements since the session was settled. */
  get unknownNames(): ReadonlySet<string> {
    return this.#unknown;
  }

  /**
   * Why a look-up now may not show what the statements have run: another session has changed a view
   * or a trigger meanwhile, or this session has other privileges than a new session.
   */
  get renewalReason(): string | undefined {
    const before = this.#changesBefore;
    if (before === undefined) return undefined;
    if (this.#isAmidChange || before !== this.#changes.count) return changedReason;
    return this.#objects?.sight.isOf(this.#loggedInAt) === false ? outdatedReason : undefined;
  }

  /**
   * Returns the effects behind the names in a statement, as far as the pool knows them. `code` is
   * its text without the values, if those became literals and names; `needsRelogin` says whether
   * the session may be in another database or role than its target says.
   */
  behind(
    code: string | undefined,
    sent: string,
    analysis: Analysis,
    needsRelogin: boolean,
  ): Behind {
    if (this.#objects === undefined || this.#isLookingUp) return nothingBehind;
    // A name that the driver has put in stands only in the text that it sends.
    const isPutIn = code !== undefined && namePlaceholder.test(code);
    const names = (isPutIn ? this.analyse(sent) : analysis).tableNames();
    if (names.names.length === 0) return nothingBehind;
    this.#changesBefore ??= this.#changes.count;
    this.#hasWritten ||= !analysis.isReadOnly;
    this.#isAmidChange ||= this.#changes.runningCount > (this.#isChanging ? 1 : 0);
    // In another database or role, names mean something else; a new login follows in any case.
    const isElsewhere = analysis.effect === "identity" && analysis.sessionOnly === undefined;
    if (needsRelogin || isElsewhere) return { ...nothingBehind, mayWrite: true };
    const behind = this.#objects.behind(names);
    for (const name of behind.unknown) this.#unknown.add(name);
    if (!analysis.isReadOnly) { for (const schema of names.schemas) this.#written.add(schema); }
    if (behind.unknown.length === 0) this.#hasHidden ||= this.mayHide(behind);
    return behind;
  }

  /** Notes that a statement has been sent. */
  noteSent(analysis: Analysis): void {
    this.#noteChange(analysis, true);
  }

  /** Notes that a statement has been answered, so that a look-up made meanwhile is outdated. */
  noteAnswered(analysis: Analysis): void {
    this.#noteChange(analysis, false);
  }

  /** Notes that the session has ended, and gets no more answers. */
  end(): void {
    if (this.#isChanging) this.#change(false);
  }

  #noteChange({ changesObjects, mayChangeObjects }: Analysis, isRunning: boolean): void {
    if (changesObjects) this.#change(isRunning);
    else if (mayChangeObjects) this.#changes.age++;
  }

  #change(isRunning: boolean): void {
    const changes = this.#changes;
    changes.age++;
    changes.count++;
    if (this.#changesBefore !== undefined) this.#changesBefore++;
    if (this.#isChanging !== isRunning) changes.runningCount += isRunning ? 1 : -1;
    this.#isChanging = isRunning;
  }

  /** Looks up the effects behind some names. */
  async lookUp(driver: Connection, names: ReadonlySet<string>): Promise<Behind> {
    const analyser = this.#analyser;
    this.#isLookingUp = true;
    this.#isWarned = false;
    try {
      const loggedInAt = this.#loggedInAt;
      const isRoleNoted = this.isRoleNoted;
      const asking = { driver, analyser, loggedInAt, isRoleNoted, isWarned: () => this.#isWarned };
      return await this.#objects?.learn(asking, names) ?? nothingBehind;
    } finally {
      this.#isLookingUp = false;
    }
  }

  /** Looks up no more names, as the server refuses to show them. */
  giveUp(): void {
    this.#objects = undefined;
  }

  /** Forgets the names in statements. */
  forgetNames(): void {
    this.#unknown.clear();
    this.#changesBefore = undefined;
    this.#isAmidChange = this.#hasWritten = this.#hasHidden = false;
    this.#written.clear();
  }

  /** Forgets the sql_mode, as the session begins anew; with `isLogin`, by a new login. */
  forget(isLogin: boolean): void {
    this.#sqlMode = MODE_UNKNOWN;
    if (isLogin) this.#loggedInAt = performance.now();
  }

  /** Returns the analysis of a text; keeps the last, as each statement needs it several times. */
  analyse(sql: string): Analysis {
    const mode = this.#mode;
    if (this.#last !== undefined && mode === this.#lastMode && sql === this.#lastText) {
      return this.#last;
    }
    const analysis = this.#analyser.analyse(sql, mode);
    if (sql.length > textLengthMax) return analysis;
    this.#lastText = sql;
    this.#lastMode = mode;
    return this.#last = analysis;
  }

  /** Returns whether a text keeps its meaning when the driver puts values into it. */
  isTemplate(sql: string, values: unknown): boolean {
    return this.#driver.config.queryFormat === undefined && areHarmless(sql, values, this.#mode);
  }

  /** Returns the facts that a statement shows before the driver sends it. */
  factsOf({ sql, values, isPrepared }: Statement): StatementFacts {
    const facts = this.analyse(sql);
    return isPrepared || this.isTemplate(sql, values) ? facts : weakFacts(facts);
  }

  /** The sql_mode, by the bits of lexer.ts. */
  get #mode(): number {
    return modeOf(this.#sqlMode, this.#flags);
  }
}

/**
 * Returns whether a text keeps its meaning when the driver puts values into it: the driver finds
 * the same strings in the text as the server, and the values become only literals and names.
 *
 * @param mode The sql_mode, by the bits of lexer.ts.
 */
export function areHarmless(sql: string, values: unknown, mode: number): boolean {
  if (values === undefined || !sql.includes("?") && !sql.includes(":")) return true;
  // The driver always takes a backslash for an escape, in the text and in strings it writes.
  const isForeign = (mode & NO_BACKSLASH_ESCAPES) !== 0;
  if (isForeign && sql.includes("\\")) return false;
  const list = Array.isArray(values) ? values : [values];
  // For an empty value the driver writes nothing, so that the text on both sides joins.
  return list.every((value) => isData(value, isForeign, 0) && !isEmpty(value));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && !(value instanceof Date) &&
    !(value instanceof Uint8Array) && Object.keys(value).length === 0;
}

/** How deep lists and objects may be nested. */
const depthMax = 6;

function isData(value: unknown, isQuoteOpen: boolean, depth: number): boolean {
  if (typeof value === "string") return !isQuoteOpen || !value.includes("'");
  if (typeof value !== "object" || value === null) return typeof value !== "function";
  if (Array.isArray(value)) {
    return depth < depthMax && value.every((item) => isData(item, isQuoteOpen, depth + 1));
  }
  if ("toSqlString" in value) return false;
  if (value instanceof Date || value instanceof Uint8Array) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return depth < depthMax &&
    Object.values(value).every((item) => isData(item, isQuoteOpen, depth + 1));
}
