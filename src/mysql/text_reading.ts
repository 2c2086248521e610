/**
 * How the server of one session reads texts at present, by its version and the sql_mode of the
 * session, and what that makes of a statement.
 */

import type { Connection } from "mysql2";
import type { Statement, StatementFacts } from "../port.ts";
import type { DriverInternals, Packet } from "./mysql2_internals.ts";
import { MODE_UNKNOWN } from "./lexer.ts";
import { bitsOf, modeOf, readVariables } from "./sql_mode.ts";
import { type Analyser, analyserOf, type Analysis, textLengthMax } from "./statement.ts";
import { weakFacts } from "./statement_facts.ts";
import { areHarmless } from "./statement_values.ts";
import { AUTOCOMMIT } from "./status.ts";
import type { Target } from "./target.ts";
import type { Views } from "./views.ts";

/** A variable that nobody misses, whose name in the list of those reported answers a question. */
const answerOfFunctions = "default_week_format";

/** Reads texts as the server of one session does. */
export class TextReading {
  readonly #driver: DriverInternals;
  #analyser: Analyser = analyserOf("", []);
  #sqlMode = MODE_UNKNOWN;
  #flags = AUTOCOMMIT;
  #views: Views | undefined;
  #isAsking = false;
  readonly #unknown: Set<string> = new Set();
  /** The text that was looked up last, the mode that it was read in, and what it tells. */
  #lastText = "";
  #lastMode = -1;
  #last: Analysis | undefined;

  /** Reads for a connection of which nothing is known yet. */
  constructor(driver: DriverInternals) {
    this.#driver = driver;
  }

  /**
   * Reads for a target from now on, whose statements can name some views. Returns the names in its
   * statements until now of which nothing is known.
   */
  begin({ cleanFunctions }: Target, views: Views): readonly string[] {
    const version = this.#driver._handshakePacket?.serverVersion ?? "";
    this.#analyser = analyserOf(version, cleanFunctions);
    this.#last = undefined;
    const unknown = views === this.#views ? [...this.#unknown] : [];
    this.#views = views;
    return unknown;
  }

  /** Notes what an answer tells of the sql_mode; `flags` are those that it came with. */
  see(packet: Packet, flags: number): void {
    this.#flags = flags;
    const variables = readVariables(packet, flags);
    const sqlMode = variables?.get("sql_mode");
    if (variables === undefined) this.#sqlMode = MODE_UNKNOWN;
    else if (sqlMode !== undefined) this.#sqlMode = bitsOf(sqlMode);
    const tracked = variables?.get("session_track_system_variables");
    if (!this.#isAsking || tracked === undefined) return;
    this.#isAsking = false;
    this.#views?.note(tracked.includes(answerOfFunctions) || tracked.includes("*"));
  }

  /**
   * Returns the names of more variables to report, as an expression of SQL, by which the server
   * tells whether it has functions that a view could call, if it is time to ask.
   */
  askOfFunctions(): string | undefined {
    this.#isAsking = this.#views?.isStale === true;
    return this.#isAsking
      ? "',session_track_system_variables', IF(EXISTS(SELECT 1 FROM information_schema.routines " +
        `WHERE routine_type = 'FUNCTION' AND routine_schema <> 'sys'), ',${answerOfFunctions}', '')`
      : undefined;
  }

  /** Takes it that there are functions, if the server has not told. */
  suspectFunctions(): void {
    if (this.#isAsking) this.#views?.note(true);
    this.#isAsking = false;
  }

  /**
   * Returns why the views that a statement names may leave something, or that nothing is known of
   * them. `code` is its text without the values, if those became literals and names.
   */
  judgeViews(code: string | undefined, sent: string, analysis: Analysis): string | undefined {
    const views = this.#views;
    if (analysis.changesViews) views?.forget();
    // What takes a new login in any case needs no other reason.
    if (!views?.hasFunctions || analysis.effect === "identity") return undefined;
    // A name that the driver has put in stands only in what is sent.
    const { tableNames } = code?.includes("??") ? this.analyse(sent) : analysis;
    const reason = views.judge(tableNames(), this.#unknown);
    const [name] = this.#unknown;
    return reason ?? (name === undefined ? undefined : `first use of ${name}`);
  }

  /** Asks what some names are, so that the next texts can be judged. */
  async learnViews(driver: Connection, names: readonly string[]): Promise<void> {
    if (names.length > 0) await this.#views?.learn(driver, this.#analyser, names);
    this.#unknown.clear();
  }

  /** Knows no sql_mode any more, as the session begins anew. */
  forget(): void {
    this.#sqlMode = MODE_UNKNOWN;
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
