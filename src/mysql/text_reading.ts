/**
 * How the server of one session reads texts at present, by its version and the sql_mode of the
 * session, and what that makes of a statement and of the values that are put into it.
 */

import type { Connection } from "mysql2";
import type { Statement, StatementFacts } from "../port.ts";
import { MODE_UNKNOWN, NO_BACKSLASH_ESCAPES } from "./lexer.ts";
import type { DriverInternals, Packet } from "./mysql2_internals.ts";
import { bitsOf, modeOf, readVariables } from "./sql_mode.ts";
import { type Analyser, analyserOf, type Analysis, textLengthMax } from "./statement.ts";
import { weakFacts } from "./statement_facts.ts";
import { AUTOCOMMIT, RESULT_INFO } from "./status.ts";
import { type Behind, nothingBehind } from "./stored_object_texts.ts";
import { ObjectChanges, outdatedReason, type StoredObjects } from "./stored_objects.ts";
import type { Target } from "./target.ts";

/** What the driver puts a name for: `??`, or `::name` where placeholders have names. */
const namePlaceholder: RegExp = /\?\?|::/;

/** Why a session is renewed beside which others have changed views or triggers. */
export const changedReason = "change of a view or a trigger";

/** Why a session is reset whose statements may have run what its user may not see. */
export const hiddenReason = "triggers or views that may not be seen";

/** Reads texts as the server of one session does. */
export class TextReading {
  /** Whether the session has noted what role it had when it began. */
  isRoleNoted = false;
  readonly #driver: DriverInternals;
  #analyser: Analyser = analyserOf("", []);
  #sqlMode = MODE_UNKNOWN;
  #flags = AUTOCOMMIT;
  #objects: StoredObjects | undefined;
  readonly #unknown: Set<string> = new Set();
  #changes: ObjectChanges = new ObjectChanges();
  /** How many changes there were when a statement first named something, if one has. */
  #changesBefore: number | undefined;
  #hasWritten = false;
  /** Whether statements may have run what their user may not see. */
  #hasHidden = false;
  /** The databases that writes have named. */
  readonly #written: Set<string> = new Set();
  /** Whether another session's change was under way when a statement named something. */
  #isAmidChange = false;
  /** Whether a change of its own is under way. */
  #isChanging = false;
  #isLookingUp = false;
  /** When the session logged in, or began to. */
  #loggedInAt = performance.now();
  /** Whether the server has warned of the look-up. */
  #isWarned = false;
  /** The text that was looked up last, the mode that it was read in, and what it tells. */
  #lastText = "";
  #lastMode = -1;
  #last: Analysis | undefined;

  /** Reads for a connection of which nothing is known yet. */
  constructor(driver: DriverInternals) {
    this.#driver = driver;
  }

  /**
   * Reads for a target from now on. `objects` is what is known of the views and triggers that its
   * statements can run, if its server tells of them.
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

  /** Notes what an answer tells of the sql_mode; `flags` are those that it came with. */
  see(packet: Packet, flags: number): void {
    this.#flags = flags;
    if (this.#isLookingUp && (flags & RESULT_INFO) !== 0) this.#isWarned = true;
    const variables = readVariables(packet, flags);
    const sqlMode = variables?.get("sql_mode");
    if (variables === undefined) this.#sqlMode = MODE_UNKNOWN;
    else if (sqlMode !== undefined) this.#sqlMode = bitsOf(sqlMode);
  }

  /** How many changes of views and triggers there have been. */
  get changeCount(): number {
    return this.#changes.count;
  }

  /** Whether a statement that names something may have written since the session was settled. */
  get hasWritten(): boolean {
    return this.#hasWritten;
  }

  /** Whether statements since the session was settled may have run what may not be seen. */
  get hasHidden(): boolean {
    return this.#hasHidden;
  }

  /** Tells whether that is so, by what was found behind the names in them. */
  mayHide({ hides, hidesTriggers }: Behind): boolean {
    if (hides || !this.#hasWritten) return hides;
    return hidesTriggers || this.#objects?.hidesTriggers([...this.#written]) === true;
  }

  /** The names in statements since the session was settled of which nothing is known. */
  get unknownNames(): ReadonlySet<string> {
    return this.#unknown;
  }

  /**
   * Why what the server tells now of the names in statements may not be what they have run: another
   * session has changed a view or a trigger meanwhile, or this one has other privileges.
   */
  get renewalReason(): string | undefined {
    const before = this.#changesBefore;
    if (before === undefined) return undefined;
    if (this.#isAmidChange || before !== this.#changes.count) return changedReason;
    return this.#objects?.sight.isOf(this.#loggedInAt) === false ? outdatedReason : undefined;
  }

  /**
   * Returns what is behind the names in a statement, as far as it is known. `code` is its text
   * without the values, if those became literals and names; `isMoved` says whether the session
   * may be in another database or role than its target says.
   */
  behind(
    code: string | undefined,
    sent: string,
    analysis: Analysis,
    needsRelogin: boolean,
  ): Behind {
    if (this.#objects === undefined || this.#isLookingUp) return nothingBehind;
    // A name that the driver has put in stands only in what is sent.
    const isPutIn = code !== undefined && namePlaceholder.test(code);
    const names = (isPutIn ? this.analyse(sent) : analysis).tableNames();
    if (names.names.length === 0) return nothingBehind;
    this.#changesBefore ??= this.#changes.count;
    this.#hasWritten ||= !analysis.isReadOnly;
    this.#isAmidChange ||= this.#changes.runningCount > (this.#isChanging ? 1 : 0);
    // There names mean something else; of such a session nothing stays in any case.
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

  /** Notes that a statement has been answered: what was asked meanwhile is not as it is now. */
  noteAnswered(analysis: Analysis): void {
    this.#noteChange(analysis, false);
  }

  /** Notes that nothing more is answered. */
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

  /** Asks what is behind some names. */
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

  /** Asks no more what names are, as the server refuses to tell. */
  giveUp(): void {
    this.#objects = undefined;
  }

  /** Forgets what statements have named. */
  forgetNames(): void {
    this.#unknown.clear();
    this.#changesBefore = undefined;
    this.#isAmidChange = this.#hasWritten = this.#hasHidden = false;
    this.#written.clear();
  }

  /** Knows no sql_mode any more, as the session begins anew; maybe by a new login. */
  forget(isLogin: boolean): void {
    this.#sqlMode = MODE_UNKNOWN;
    if (isLogin) this.#loggedInAt = performance.now();
  }

  /** Returns what a text tells; for one statement the same text is asked for several times. */
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

  /** Tells whether a text is read alike when the driver has put values into it. */
  isTemplate(sql: string, values: unknown): boolean {
    return this.#driver.config.queryFormat === undefined && areHarmless(sql, values, this.#mode);
  }

  /** Returns what a statement tells before it is sent. */
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
 * Tells whether a text stays what it is when the driver puts values into it: whether it finds the
 * same strings in the text as the server, and the values become nothing but literals and names.
 *
 * @param mode The sql_mode, by the bits of lexer.ts.
 */
export function areHarmless(sql: string, values: unknown, mode: number): boolean {
  if (values === undefined || !sql.includes("?") && !sql.includes(":")) return true;
  // To the driver a backslash escapes, in the text and in the strings it writes.
  const isForeign = (mode & NO_BACKSLASH_ESCAPES) !== 0;
  if (isForeign && sql.includes("\\")) return false;
  const list = Array.isArray(values) ? values : [values];
  // Of what is empty the driver writes nothing, so that what is beside it comes together.
  return list.every((value) => isData(value, isForeign, 0) && !isEmpty(value));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && !(value instanceof Date) &&
    !(value instanceof Uint8Array) && Object.keys(value).length === 0;
}

/** How deep lists of lists may be. */
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
