/**
 * How the server of one session reads texts at present, by its version and the sql_mode of the
 * session, and what that makes of a statement.
 */

import type { Connection } from "mysql2";
import type { Statement, StatementFacts } from "../port.ts";
import type { DriverInternals, Packet } from "./internals.ts";
import { MODE_UNKNOWN } from "./lexer.ts";
import { bitsOf, modeOf, readVariables } from "./sql_mode.ts";
import { type Analyser, analyserOf, type Analysis } from "./statement.ts";
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

  /** Returns why the views that a text names may leave something, or that nothing is known. */
  judgeViews(sql: string, { endsTransaction = "" }: Analysis): string | undefined {
    const views = this.#views;
    if (/ (?:VIEW|FUNCTION|PACKAGE)$|^RENAME/.test(endsTransaction)) views?.forget();
    if (!views?.hasFunctions) return undefined;
    const reason = views.judge(sql, this.#mode, this.#unknown);
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

  /** Returns what a text tells. */
  analyse(sql: string): Analysis {
    return this.#analyser.analyse(sql, this.#mode);
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
