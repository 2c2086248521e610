/** Reads the assignments of a SET statement, which may mix several kinds. */

import { PLACEHOLDER, QUOTED, SIGN, WORD } from "./lexer.ts";
import type { ReadStatement } from "./read_statement.ts";
import { isPlainCharset } from "./statement_words.ts";

/** Scopes that outlast the session. */
const lasting: ReadonlySet<string> = new Set(["global", "persist", "persist_only"]);
const scopes: ReadonlySet<string> = new Set([...lasting, "session", "local"]);
/** Variables that decide how the server reads texts. */
const deciding: ReadonlySet<string> = new Set(["sql_mode", "character_set_client"]);
const on: RegExp = /^(?:on|true|default|0*[1-9]\d*)$/;

/** Reads the tokens of a SET statement. */
export class SetReader {
  readonly #now: ReadStatement;
  #place: "word" | "name" | "sign" | "value" | "character" | "charset" | "collation" = "word";
  #isUserVariable = false;
  #isAutocommit = false;
  #atCount = 0;

  /** Writes its findings into `now`. */
  constructor(now: ReadStatement) {
    this.#now = now;
  }

  /** Whether the name of a variable was read and the assignment sign comes next. */
  get isAtName(): boolean {
    return this.#place === "sign";
  }

  /** Takes the next token; the first is SET. `content` is the text within the token's quotes. */
  take(kind: number, word: string, depth: number, content: string | undefined): void {
    if (this.#place === "word") this.#place = "name";
    else if (kind === SIGN && word === "," && depth === 0) {
      this.#place = "name";
      this.#atCount = 0;
    } else if (this.#place === "name") this.#takeName(kind, word);
    else if (this.#place === "sign") this.#takeSign(word);
    else if (this.#place !== "value") this.#takeCharset(kind, content ?? word);
    else if (this.#isAutocommit && kind !== SIGN) this.#takeValue(kind, content ?? word);
  }

  #takeName(kind: number, word: string): void {
    if (kind === SIGN) {
      if (word === "@") this.#atCount++;
      return;
    }
    if (kind === WORD && this.#atCount !== 1 && scopes.has(word)) {
      if (lasting.has(word)) this.#now.isGlobal = true;
      return;
    }
    if (kind === WORD && this.#atCount === 0 && /^(?:names|charset|char|character)$/.test(word)) {
      this.#place = word.endsWith("s") || word === "charset" ? "charset" : "character";
      return;
    }
    this.#place = "sign";
    this.#isUserVariable = this.#atCount === 1;
    // A placeholder can become any variable.
    if (kind === PLACEHOLDER || word === "??") {
      this.#now.changesReading = this.#now.profiles = this.#now.traces = true;
    }
    this.#takeVariable(word);
  }

  /** Assumes that a character set changes how texts are read, unless the set is surely plain. */
  #takeCharset(kind: number, name: string): void {
    if (this.#place === "character") {
      this.#place = "charset";
      if (name === "set") return;
    } else if (this.#place === "charset") {
      this.#place = "collation";
      if (kind !== PLACEHOLDER && isPlainCharset(name)) return;
    } else if (name === "collate") {
      this.#place = "value";
      return;
    }
    this.#now.changesReading = true;
  }

  /** A structure's name may precede the variable's, as in `a.key_buffer_size`. */
  #takeSign(word: string): void {
    if (word === "=" || word === ":=") this.#place = "value";
    else if (word !== ".") this.#takeVariable(word);
  }

  #takeVariable(word: string): void {
    this.#isAutocommit = !this.#isUserVariable && word === "autocommit";
    if (this.#isUserVariable) return;
    this.#now.changesReading ||= deciding.has(word);
    this.#now.profiles ||= word === "profiling";
    this.#now.traces ||= word === "optimizer_trace";
  }

  #takeValue(kind: number, word: string): void {
    this.#isAutocommit = false;
    this.#now.switchesOn ||= kind !== QUOTED && kind !== PLACEHOLDER && on.test(word);
  }
}
