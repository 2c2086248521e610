/** What matters of a statement's text: what it may leave, read or end. */

import type { Builtins } from "./builtin_functions.ts";
import type { LastTokens } from "./last_tokens.ts";
import { limiting } from "./statement_words.ts";

/** What was read of one statement. */
export class ReadStatement {
  /** Its first words, in lower case; tokens of other kinds stand as one character. */
  readonly head: string[] = [];
  /** Its first word, or the one that a WITH leads to. */
  verb = "";
  /** What CREATE, ALTER or DROP is about: "table", "procedure" … */
  object = "";
  /** The first call in it that is not known to leave nothing. */
  call: string | undefined;
  /** Whether it calls what the server has not built in, known to leave nothing or not. */
  callsStored = false;
  /** Whether it takes a lock by name. */
  locks = false;
  /** Whether it gives locks back. */
  unlocks = false;
  /** Whether it assigns to a user variable, by `:=` or INTO. */
  assigns = false;
  /** Whether its result goes into user variables. */
  intoVariable = false;
  /** Whether its result goes into a file. */
  intoFile = false;
  /** Whether it takes a value of a sequence, or sets one. */
  usesSequence = false;
  /** Whether it asks for an id that was generated before. */
  readsId = false;
  /** Whether it asks what the statement before it left. */
  readsPrevious = false;
  /** Whether it may set what LAST_INSERT_ID() or LASTVAL() returns. */
  setsId = false;
  /** Whether what sets the id there may have had no turn: not for each row, or for none. */
  isLimited = false;
  /** Whether what it writes comes back as rows. */
  returns = false;
  /** Whether it passes over rows that cannot be written. */
  isIgnoring = false;
  /** Whether it updates the rows that are there already. */
  isUpsert = false;
  /** Whether it has the server count the rows that its LIMIT leaves out. */
  countsRows = false;
  /** Whether FLUSH TABLES keeps a lock, or HANDLER opens a table. */
  keepsOpen = false;
  /** Whether SET has a part that outlasts the session: GLOBAL, PERSIST. */
  isGlobal = false;
  /** Whether SET switches autocommit on. */
  switchesOn = false;
  /** Whether SET changes how the server reads what comes after it. */
  changesReading = false;
  /** Whether it may have the server keep a profile of each statement. */
  profiles = false;
  /** Whether it may have the server keep what its optimizer does. */
  traces = false;
  /** Whether it has a body of statements, and the text goes on behind the first of them. */
  hasBody = false;

  /** Its first words, in one line. */
  get heading(): string {
    return this.head.join(" ");
  }

  /** Tells whether its first words are some words. */
  begins(words: string): boolean {
    return `${this.heading} `.startsWith(`${words} `);
  }
}

/** What was read of a text. */
export interface ReadText {
  /** Its statements that are not empty. */
  readonly statements: readonly ReadStatement[];
  /** Whether it can be read in another way as well. */
  readonly isUncertain: boolean;
  /** How many comments there were that some servers run. */
  readonly versionedCount: number;
}

/** How a text is read. */
export interface Reading {
  /** What the server knows. */
  readonly builtins: Builtins;
  /** Functions that are known to leave nothing, in lower case. */
  readonly clean: ReadonlySet<string>;
  /** The sql_mode, by the bits of the lexer. */
  readonly mode: number;
  /** Whether versioned comments are code. */
  readonly runsVersioned: boolean;
}

/** Notes what a keyword tells of the statement `now`; the tokens before it are the last. */
export function noteKeyword(now: ReadStatement, word: string, { w0, w1 }: LastTokens): void {
  if (limiting.has(word)) now.isLimited = true;
  else if (word === "returning") now.returns = true;
  else if (word === "duplicate") now.isUpsert ||= w0 === "on";
  else if (word === "ignore") now.isIgnoring = true;
  else if (word === "sql_calc_found_rows") now.countsRows = true;
  else if (word === "outfile" || word === "dumpfile") now.intoFile ||= w0 === "into";
  else if (word === "lock") now.keepsOpen ||= w0 === "read" && w1 === "with";
  else if (word === "export") now.keepsOpen ||= w0 === "for";
  else if (word === "open") now.keepsOpen ||= now.verb === "handler";
}
