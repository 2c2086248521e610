/**
 * Splits a text into statements, token by token, and notes the facts about each: above all the
 * calls, which are names before a parenthesis where the grammar expects a value.
 */

import { mustBeAdjacent } from "./builtin_functions.ts";
import { LastTokens } from "./last_tokens.ts";
import {
  contentOf,
  DOUBLE_QUOTED,
  END,
  IGNORE_SPACE,
  Lexer,
  NUMBER,
  PLACEHOLDER,
  QUOTED,
  SIGN,
  TEXT,
  WORD,
  wordOf,
} from "./lexer.ts";
import { noteKeyword, type Reading, ReadStatement, type ReadText } from "./read_statement.ts";
import { SetReader } from "./set_reader.ts";
import { ListingReader } from "./statement_listing.ts";
import * as words from "./statement_words.ts";

/** How many first words of a statement to keep. */
const headMax = 8;

/** Reads a text. */
export function readText(sql: string, reading: Reading): ReadText {
  return new TextReader(sql, reading).read();
}

class TextReader {
  readonly #sql: string;
  readonly #reading: Reading;
  readonly #lexer: Lexer;
  readonly #statements: ReadStatement[] = [];
  #now = new ReadStatement();
  #set: SetReader | undefined;
  #listing: ListingReader | undefined;
  readonly #last = new LastTokens();
  #depth = 0;
  /** How many brackets enclose the statement. */
  #baseDepth = 0;
  /** Whether the server runs the code now, unlike the body of a procedure. */
  #isRun = true;
  /** Whether it runs calls too: in the definition of a table, only those behind SELECT. */
  #runsCalls = true;
  /** Whether the next tokens belong to the body of a procedure. */
  #isBody = false;
  /** Whether the name of the table that gets rows is still to come, or ends in the last token. */
  #target: "none" | "awaited" | "reached" = "none";
  /** The depths at which a WITH is naming its tables. */
  readonly #withDepths: number[] = [];
  /** The depth of a JSON_TABLE( that is a stored function unless COLUMNS follows; else -1. */
  #jsonDepth = -1;
  /** What the last token reads, unless the next token shows that it does not. */
  #pending: "id" | "previous" | "call" | undefined;

  constructor(sql: string, reading: Reading) {
    this.#sql = sql;
    this.#reading = reading;
    this.#lexer = new Lexer(sql, reading.mode, reading.runsVersioned);
  }

  read(): ReadText {
    const lexer = this.#lexer;
    for (let kind = lexer.next(); kind !== END; kind = lexer.next()) this.#take(kind);
    this.#finish();
    const { isUncertain, versionedCount } = lexer;
    return { statements: this.#statements, isUncertain, versionedCount };
  }

  get #runs(): boolean {
    return this.#isRun && this.#runsCalls;
  }

  #take(kind: number): void {
    const word = wordOf(this.#sql, kind, this.#lexer, this.#set !== undefined);
    if (this.#pending !== undefined) this.#settle(word);
    if (this.#isBody && word !== ";") this.#now.hasBody = true;
    if (kind === SIGN) {
      if (word === ";") return this.#end();
      if (word === "(" && this.#now.head.length === 0) this.#baseDepth++;
      else this.#begin(word);
      this.#sign(word);
    } else {
      const isQuoted = kind === QUOTED || kind === DOUBLE_QUOTED;
      // A quoted label is no keyword.
      this.#begin(isQuoted && this.#now.head.length === 0 ? "`" : word);
      if (kind === WORD) this.#word(word);
      if (kind === WORD || isQuoted) this.#name(word);
      else if (kind === PLACEHOLDER) this.#bracket();
    }
    if (this.#set !== undefined || this.#listing !== undefined) {
      const content = contentOf(this.#sql, kind, this.#lexer);
      this.#set?.take(kind, word, this.#depth - this.#baseDepth, content);
      this.#listing?.take(kind, word, content, this.#last);
    }
    this.#last.push(word, kind, this.#lexer.end);
  }

  /** Keeps a token if it is one of the statement's first. */
  #begin(word: string): void {
    const { head } = this.#now;
    if (head.length >= headMax) return;
    head.push(word);
    if (head.length > 1) return;
    this.#now.verb = word;
    if (word === "insert" || word === "replace") this.#target = "awaited";
    else if (word === "set") this.#set = new SetReader(this.#now);
    if (words.declaring.has(word)) this.#runsCalls = false;
  }

  #end(): void {
    if (this.#now.head.length > 0 && (!this.#isRun || this.#now.begins("begin not"))) {
      // The body of a procedure has its own statements, and nothing marks its end.
      this.#isRun = false;
      this.#isBody = true;
      return;
    }
    this.#finish();
  }

  #finish(): void {
    if (this.#pending !== undefined) this.#settle("");
    if (this.#now.head.length > 0) this.#statements.push(this.#now);
    this.#now = new ReadStatement();
    this.#restart();
    this.#isRun = this.#runsCalls = true;
    this.#isBody = false;
  }

  /** Begins a statement, or the one inside MariaDB's SET STATEMENT … FOR. */
  #restart(): void {
    this.#now.head.length = 0;
    this.#set = this.#listing = undefined;
    this.#target = "none";
    this.#baseDepth = this.#depth = 0;
    this.#withDepths.length = 0;
    this.#jsonDepth = -1;
    this.#last.clear();
  }

  /** Handles an unquoted word as a keyword. */
  #word(word: string): void {
    const now = this.#now;
    const { w0 } = this.#last;
    if (words.verbs.has(word)) {
      if (this.#withDepths.at(-1) === this.#depth) this.#withDepths.pop();
      if (now.verb === "with" && this.#depth === this.#baseDepth) now.verb = word;
      if (word === "select") this.#runsCalls = true;
    } else if (word === "with" && (w0 === "(" || now.head.length === 1)) {
      this.#withDepths.push(this.#depth);
    }
    if (word === "row" && w0 === "values") this.#runsCalls = true;
    else if (word === "set" && now.verb === "load" && w0 !== "character") this.#runsCalls = true;
    else if (word === "for") this.#for();
    else if (word === "columns" && this.#depth === this.#jsonDepth + 1) {
      if (this.#last.kind0 === TEXT || this.#last.kind0 === PLACEHOLDER) this.#jsonDepth = -1;
    } else noteKeyword(now, word, this.#last);
    if (now.object !== "" || !words.defining.has(now.verb) || !words.objects.has(word)) return;
    // The definer may have such a name.
    if (w0 === "=" || w0 === "@") return;
    now.object = word;
    if (words.stored.has(word) && now.verb !== "drop") this.#isRun = false;
  }

  #for(): void {
    const now = this.#now;
    const { w0, w1 } = this.#last;
    if (now.begins("set statement") && this.#depth === 0) this.#restart();
    else if (w0 !== "value" || !this.#runs) return;
    else if (w1 === "next") now.usesSequence = now.setsId = true;
    else if (w1 === "previous") now.readsId = true;
  }

  /** Handles a word or a quoted name as the name of a table, a sequence or a variable. */
  #name(word: string): void {
    const { w0, w1, w2, w3 } = this.#last;
    if (this.#target === "reached" && w0 !== ".") this.#target = "none";
    else if (this.#target === "awaited" && !words.beforeTarget.has(word)) this.#target = "reached";
    if (!this.#runs) return;
    if (w0 === "." && word === "nextval") this.#now.usesSequence = this.#now.setsId = true;
    if (w0 === "@" && w1 === "@" || w0 === "." && w2 === "@" && w3 === "@") {
      if (words.asksId.has(word)) this.#pending = "id";
      else if (words.asksPrevious.has(word)) this.#pending = "previous";
    }
    if (words.listing.has(word) || word === "variables" && words.showing.test(this.#now.heading)) {
      this.#listing ??= new ListingReader(this.#now, this.#reading.mode);
    }
  }

  #sign(sign: string): void {
    if (sign === "(") return this.#open();
    if (sign === ")") return this.#close();
    if (sign !== "." && this.#target === "reached") this.#target = "none";
    if (!this.#runs) return;
    if (sign === ":=") this.#now.assigns = true;
    if (sign === "@" && this.#last.w0 === "into") this.#now.assigns = this.#now.intoVariable = true;
  }

  #open(): void {
    const kind = this.#last.kind0;
    if (kind === PLACEHOLDER) this.#calls("?");
    else if (this.#last.w0 === ")" && this.#withDepths.at(-1) === this.#depth) {
      // The query that follows the WITH stands in brackets.
      this.#withDepths.pop();
    }
    this.#bracket();
    this.#depth++;
  }

  /** Handles a bracket, or a placeholder, for which the driver may put lists in brackets. */
  #bracket(): void {
    const kind = this.#last.kind0;
    if (this.#last.w0 === "values") this.#runsCalls = true;
    if (kind === WORD || kind === QUOTED || kind === DOUBLE_QUOTED) {
      // In the body of a trigger only INTO shows which table gets rows.
      const { w1, w3 } = this.#last;
      const isColumnList = this.#target === "reached" || (w1 === "." ? w3 : w1) === "into";
      if (!isColumnList && this.#runs && this.#expectsValue()) this.#call(this.#last.w0);
    }
    this.#target = "none";
  }

  #close(): void {
    if (this.#depth > 0) this.#depth--;
    if (this.#jsonDepth === this.#depth) this.#calls("json_table");
    while ((this.#withDepths.at(-1) ?? -1) > this.#depth) this.#withDepths.pop();
  }

  /** Returns whether the last name stands where a value can; else its brackets list columns. */
  #expectsValue(): boolean {
    const kind = this.#last.kind1;
    const before = this.#last.w1;
    if (kind === WORD) return before !== "as" && !this.#namesTable(/^(?:with|recursive)$/, before);
    if (kind === SIGN) return before !== ")" && !this.#namesTable(/^,$/, before);
    return kind !== TEXT && kind !== NUMBER && kind !== PLACEHOLDER;
  }

  /** Returns whether a name behind such a word is the name of a table of a WITH. */
  #namesTable(behind: RegExp, before: string): boolean {
    return this.#withDepths.at(-1) === this.#depth && behind.test(before);
  }

  #call(name: string): void {
    const { builtins, clean, mode } = this.#reading;
    if (this.#last.kind1 === SIGN && this.#last.w1 === ".") {
      const isInPackage = this.#last.w3 === ".";
      return this.#calls(`${isInPackage ? "…." : ""}${this.#last.w2}.${name}`);
    }
    if (words.locking.test(name)) this.#now.locks = true;
    const isApart = this.#lexer.start !== this.#last.end;
    const isPlain = this.#last.kind0 === WORD &&
      (!isApart || (mode & IGNORE_SPACE) !== 0 || !mustBeAdjacent(name));
    if (isPlain && name === "get_lock") return;
    if (isPlain && builtins.names.has(name)) return this.#builtin(name);
    if (isPlain && this.#isGrammar(name)) return;
    if (isPlain && name === "json_table" && !clean.has(name)) this.#jsonDepth = this.#depth;
    else this.#calls(name);
  }

  /** Returns whether a word belongs to the grammar here, although functions may have the name. */
  #isGrammar(name: string): boolean {
    if (this.#last.isOption && words.options.has(name)) {
      return name !== "sql_cache" || this.#reading.builtins.isMariaDb;
    }
    return words.flow.has(name) || words.leading.test(this.#now.heading);
  }

  #calls(name: string): void {
    this.#jsonDepth = -1;
    this.#now.callsStored = true;
    if (!this.#reading.clean.has(name)) this.#now.call ??= name;
  }

  #builtin(name: string): void {
    const now = this.#now;
    if (name === "last_insert_id") this.#pending = "call";
    else if (name === "row_count" || name === "found_rows") now.readsPrevious = true;
    else if (name === "lastval") now.readsId = true;
    else if (name === "nextval" || name === "setval") now.usesSequence = now.setsId = true;
    else if (name === "release_lock" || name === "release_all_locks") now.unlocks = true;
  }

  /** Decides by the next token what the last token reads. */
  #settle(word: string): void {
    const now = this.#now;
    const isAssigned = /^:?=$/.test(word) && this.#set?.isAtName === true;
    if (this.#pending === "call" && word !== ")") {
      now.setsId = true;
      now.isLimited ||= this.#depth > this.#baseDepth + 1;
    } else now[this.#pending === "previous" ? "readsPrevious" : "readsId"] ||= !isAssigned;
    this.#pending = undefined;
  }
}
