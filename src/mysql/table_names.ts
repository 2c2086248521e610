/** Finds the names in a text, which include all tables and views that its statements use. */

import { DOUBLE_QUOTED, END, Lexer, WORD } from "./lexer.ts";
import { beforeTarget, naming, reserved } from "./statement_words.ts";

/** The greatest length of a name in UTF-16 units; the servers allow 64 characters. */
const lengthMax = 128;
/** Words after which no table is named until another word announces a table. */
const behindTables: ReadonlySet<string> = new Set(
  "select where group order having limit set values".split(" "),
);
/** A character that no name can have. */
const astral: RegExp = /[\u{10000}-\u{10ffff}]/u;
/** A hexadecimal or binary literal; 0X1 and 0x are names. */
const bits: RegExp = /^0x[\da-fA-F]+$|^0b[01]+$/;

/** The names in a text. */
export interface TableNames {
  /** Each name once: the names of all tables, and others. */
  readonly names: readonly string[];
  /** The names that may be databases: a dot follows them. */
  readonly schemas: readonly string[];
  /** The possible databases that stand where tables are named. */
  readonly databases: readonly string[];
}

/** The result for a text that names no table. */
export const noNames: TableNames = { names: [], schemas: [], databases: [] };

/**
 * Returns the names in a text.
 *
 * @param mode The sql_mode, by the bits of lexer.ts.
 */
export function namesIn(sql: string, mode: number): TableNames {
  return new NameReader(sql, mode).read();
}

/** A position in the text that is being read. */
interface Position {
  /** Whether the next name may be that of a table. */
  readonly isAtTables: boolean;
  /** Whether an ON condition has interrupted a list of tables. */
  readonly isInOn: boolean;
}

class NameReader {
  /** Whether the text can name a table at all. */
  #isNaming = false;
  readonly #names: Set<string> = new Set();
  readonly #schemas: Set<string> = new Set();
  readonly #databases: Set<string> = new Set();
  readonly #sql: string;
  readonly #lexer: Lexer;
  #at: Position = { isAtTables: false, isInOn: false };
  /** The positions at which the open brackets began. */
  readonly #outer: Position[] = [];
  #last = "";
  #lastName: string | undefined;

  constructor(sql: string, mode: number) {
    this.#sql = sql;
    this.#lexer = new Lexer(sql, mode, true);
  }

  read(): TableNames {
    const lexer = this.#lexer;
    for (let kind = lexer.next(); kind !== END; kind = lexer.next()) {
      const text = this.#sql.slice(lexer.start, lexer.end);
      if (kind === WORD) this.#word(text);
      else this.#other(text, kind);
    }
    if (!this.#isNaming) return noNames;
    return {
      names: [...this.#names],
      schemas: [...this.#schemas],
      databases: [...this.#databases],
    };
  }

  #word(text: string): void {
    const word = text.toLowerCase();
    // A name before a bracket is a function, or else the table that gets rows.
    const isCalled = this.#sql[this.#lexer.end] === "(" && this.#last !== "." &&
      !beforeTarget.has(this.#last);
    const isName = this.#last === "." || !reserved.has(word) && !isCalled && !bits.test(text);
    if (this.#last !== ".") this.#move(word);
    this.#name(isName ? text : undefined);
    this.#last = word;
  }

  /** Moves on after a word: to a position where tables are named, or where none are. */
  #move(word: string): void {
    const isOfKey = word === "update" && this.#last === "key";
    // As in USE INDEX FOR ORDER BY.
    const isOfHint = this.#last === "for";
    if (naming.has(word)) {
      this.#isNaming = true;
      this.#at = { isAtTables: !isOfKey, isInOn: false };
    } else if (word === "on") this.#at = { isAtTables: false, isInOn: true };
    else if (behindTables.has(word) && !isOfHint) this.#at = { isAtTables: false, isInOn: false };
  }

  #other(text: string, kind: number): void {
    const quote = text[0] ?? "";
    const isQuoted = quote === "`" || kind === DOUBLE_QUOTED;
    if (text === "." && this.#lastName !== undefined) {
      this.#schemas.add(this.#lastName);
      if (this.#at.isAtTables) this.#databases.add(this.#lastName);
    } else if (text === "(") {
      this.#outer.push(this.#at);
      this.#at = { ...this.#at, isInOn: false };
    } else if (text === ")") this.#at = this.#outer.pop() ?? this.#at;
    else if (text === "," && this.#at.isInOn) this.#at = { isAtTables: true, isInOn: false };
    this.#name(isQuoted ? text.slice(1, -1).replaceAll(quote + quote, quote) : undefined);
    this.#last = text;
  }

  #name(name: string | undefined): void {
    const isLong = name !== undefined && name.length > lengthMax;
    this.#lastName = isLong ? undefined : name;
    if (name !== undefined && !isLong && !astral.test(name)) this.#names.add(name);
  }
}
