/**
 * How the server of one session reads texts at present, by its version and the sql_mode of the
 * session, and what that makes of a statement.
 */

import type { Statement, StatementFacts } from "../port.ts";
import type { DriverInternals, Packet } from "./internals.ts";
import { MODE_UNKNOWN } from "./lexer.ts";
import { modeOf, readSqlMode } from "./sql_mode.ts";
import { type Analyser, analyserOf, type Analysis } from "./statement.ts";
import { weakFacts } from "./statement_facts.ts";
import { areHarmless } from "./statement_values.ts";
import { AUTOCOMMIT } from "./status.ts";
import type { Target } from "./target.ts";

/** Reads texts as the server of one session does. */
export class TextReading {
  readonly #driver: DriverInternals;
  #analyser: Analyser = analyserOf("", []);
  #sqlMode = MODE_UNKNOWN;
  #flags = AUTOCOMMIT;

  /** Reads for a connection of which nothing is known yet. */
  constructor(driver: DriverInternals) {
    this.#driver = driver;
  }

  /** Reads for a target from now on. */
  begin({ cleanFunctions }: Target): void {
    const version = this.#driver._handshakePacket?.serverVersion ?? "";
    this.#analyser = analyserOf(version, cleanFunctions);
  }

  /** Notes what an answer tells of the sql_mode; `flags` are those that it came with. */
  see(packet: Packet, flags: number): void {
    this.#flags = flags;
    this.#sqlMode = readSqlMode(packet, flags) ?? this.#sqlMode;
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
