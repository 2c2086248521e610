/** The facts that the pool reads from a statement's text: what state it may leave, read or end. */

import type { Builtins } from "./builtin_functions.ts";
import type { LastTokens } from "./last_tokens.ts";
import { limiting } from "./statement_words.ts";

/** The facts of one statement. */
export class ReadStatement {
  /** Its first words, in lower case; a token of another kind stands as one character. */
  readonly head: string[] = [];
  /** Its first word, or the verb after a WITH. */
  verb = "";
  /** What CREATE, ALTER or DROP is about: "table", "procedure" … */
  object = "";
  /** The first function that it calls and that may leave state behind. */
  call: string | undefined;
  /** Whether it calls a function that is not built in, even one that leaves no state behind. */
  callsStored = false;
  /** Whether it takes a named lock. */
  locks = false;
  /** Whether it releases named locks. */
  unlocks = false;
  /** Whether it assigns to a user variable, by `:=` or INTO. */
  assigns = false;
  /** Whether its result goes into user variables. */
  intoVariable = false;
  /** Whether its result goes into a file. */
  intoFile = false;
  /** Whether it takes a value from a sequence, or sets one. */
  usesSequence = false;
  /** Whether it reads an id that was generated before. */
  readsId = false;
  /** Whether it reads what the statement before it left. */
  readsPrevious = false;
  /** Whether it may set what LAST_INSERT_ID() or LASTVAL() returns. */
  setsId = false;
  /** Whether the server may skip the expression that sets the id, for some rows or for all. */
  isLimited = false;
  /** Whether it returns the rows that it writes. */
  returns = false;
  /** Whether it skips rows that it cannot write. */
  isIgnoring = false;
  /** Whether it updates rows that exist already. */
  isUpsert = false;
  /** Whether it makes the server count the rows that its LIMIT leaves out. */
  countsRows = false;
  /** Whether FLUSH TABLES keeps a lock, or HANDLER opens a table. */
  keepsOpen = false;
  /** Whether SET has a part that outlasts the session: GLOBAL, PERSIST. */
  isGlobal = false;
  /** Whether SET switches autocommit on. */
  switchesOn = false;
  /** Whether SET changes how the server reads the texts after it. */
  changesReading = false;
  /** Whether it may make the server keep a profile of each statement. */
  profiles = false;
  /** Whether it may make the server keep a trace of its optimizer. */
  traces = false;
  /** Whether it has a body of statements that goes on after the first of them. */
  hasBody = false;

  /** Its first words in one string. */
  get heading(): string {
    return this.head.join(" ");
  }

  /** Tells whether its first words are `words`. */
  begins(words: string): boolean {
    return `${this.heading} `.startsWith(`${words} `);
  }
}

/** The facts of a text. */
export interface ReadText {
  /** Its statements that are not empty. */
  readonly statements: readonly ReadStatement[];
  /** Whether it can also be read in another way. */
  readonly isUncertain: boolean;
  /** How many of its comments some servers run. */
  readonly versionedCount: number;
}

/** The settings for reading a text. */
export interface Reading {
  /** The names that the server has built in. */
  readonly builtins: Builtins;
  /** Functions that leave no state behind, in lower case. */
  readonly clean: ReadonlySet<string>;
  /** The sql_mode, as bits of lexer.ts. */
  readonly mode: number;
  /** Whether versioned comments are code. */
  readonly runsVersioned: boolean;
}

/** Notes what a keyword says about the statement `now`, after the last tokens. */
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
