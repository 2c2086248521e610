/** The names in a text, among which are all tables and views that its statements use. */

import { DOUBLE_QUOTED, END, Lexer, WORD } from "./lexer.ts";
import { beforeTarget, naming, reserved } from "./statement_words.ts";

/** How long names are, in UTF-16; those of servers have 64 characters. */
const lengthMax = 128;
/** Words behind which no table is named until another word announces one. */
const behindTables: ReadonlySet<string> = new Set(
  "select where group order having limit set values window returning".split(" "),
);
/** A literal of bytes. */
const bits: RegExp = /^0x[\da-f]*$|^0b[01]*$/;

/** The names in a text. */
export interface TableNames {
  /** Each once: those of all its tables, and others. */
  readonly names: readonly string[];
  /** Those of them that may be databases: a dot stands behind them where tables are named. */
  readonly schemas: readonly string[];
}

/** Those of a text that names no table. */
export const noNames: TableNames = { names: [], schemas: [] };

/**
 * Returns the names in a text.
 *
 * @param mode The sql_mode, by the bits of lexer.ts.
 */
export function namesIn(sql: string, mode: number): TableNames {
  return new NameReader(sql, mode).read();
}

class NameReader {
  /** Whether a table can be named in the text at all. */
  #isNaming = false;
  readonly #names: Set<string> = new Set();
  readonly #schemas: Set<string> = new Set();
  readonly #sql: string;
  readonly #lexer: Lexer;
  /** Whether what comes may be the name of a table. */
  #isAtTables = false;
  #depth = 0;
  /** At which depth a condition has interrupted a list of tables. */
  #onDepth = -1;
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
    return this.#isNaming ? { names: [...this.#names], schemas: [...this.#schemas] } : noNames;
  }

  #word(text: string): void {
    const word = text.toLowerCase();
    if (naming.has(word)) this.#isNaming = this.#isAtTables = true;
    else if (word === "on") {
      this.#isAtTables = false;
      this.#onDepth = this.#depth;
    } else if (behindTables.has(word)) this.#isAtTables = false;
    // Before a bracket stands a function, unless it is the table that gets rows.
    const isCalled = this.#sql[this.#lexer.end] === "(" && this.#last !== "." &&
      !beforeTarget.has(this.#last);
    const isName = this.#last === "." || !reserved.has(word) && !isCalled && !bits.test(word);
    this.#name(isName ? text : undefined);
    this.#last = word;
  }

  #other(text: string, kind: number): void {
    const quote = text[0] ?? "";
    const isQuoted = quote === "`" || kind === DOUBLE_QUOTED;
    if (text === "." && this.#isAtTables && this.#lastName !== undefined) {
      this.#schemas.add(this.#lastName);
    } else if (text === "(") this.#depth++;
    else if (text === ")") this.#depth--;
    if (this.#depth < this.#onDepth || text === "," && this.#depth === this.#onDepth) {
      this.#isAtTables = true;
      this.#onDepth = -1;
    }
    this.#name(isQuoted ? text.slice(1, -1).replaceAll(quote + quote, quote) : undefined);
    this.#last = text;
  }

  #name(name: string | undefined): void {
    this.#lastName = name;
    if (name !== undefined && name.length <= lengthMax) this.#names.add(name);
  }
}
