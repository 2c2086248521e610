/**
 * The only tokenizer of this package, for the SQL of MySQL and MariaDB: words, quoted names,
 * literals, comments and placeholders.
 *
 * If a text can be read in more than one way (by another server, or by the driver, which puts
 * values into it), the lexer sets `isUncertain`: then nothing about the text is certain.
 */

/** The end of the text. Kinds of tokens are numbers, because there are many tokens. */
export const END = 0;
/** A word: a keyword or a name without quotes. */
export const WORD = 1;
/** A quoted name, or `??` or `::name`, which the driver replaces by one. */
export const QUOTED = 2;
/** A string. */
export const TEXT = 3;
/** A text in double quotes that may be a name. */
export const DOUBLE_QUOTED = 4;
/** A number. */
export const NUMBER = 5;
/** A placeholder for a value: `?` or `:name`. */
export const PLACEHOLDER = 6;
/** Any other character, and `:=`. */
export const SIGN = 7;

/** In strings, a backslash is an ordinary character (sql_mode NO_BACKSLASH_ESCAPES). */
export const NO_BACKSLASH_ESCAPES = 1;
/** Double quotes enclose a name (sql_mode ANSI_QUOTES). */
export const ANSI_QUOTES = 2;
/** White space may stand between a built-in function and its parenthesis. */
export const IGNORE_SPACE = 4;
/** ANSI_QUOTES and IGNORE_SPACE may be set or not. */
export const MODE_UNKNOWN = 8;

const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const BACKQUOTE = 0x60;
const BACKSLASH = 0x5c;
const HASH = 0x23;
const DASH = 0x2d;
const SLASH = 0x2f;
const STAR = 0x2a;
const DOT = 0x2e;
const COLON = 0x3a;
const QUESTION = 0x3f;
const DOLLAR = 0x24;

/** The opening of a comment that some servers run, with the version from which they do. */
const versionedPattern: RegExp = /\/\*[MT]?!(?:\d{5,6}(?!\d)|(?!\d))/y;
const wordPattern: RegExp = /[\w$\u0080-\uffff]+/y;
const numberPattern: RegExp = /(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?/iy;
const namedPattern: RegExp = /::?[\p{L}\p{N}_$]+/uy;
/** What unquoted names consist of in every character set. */
const plainName: RegExp = /^[\w$\p{L}\p{M}\p{N}]+$/u;
const notAscii: RegExp = /[^\0-\x7f]/;
/**
 * Characters that make the end of a comment depend on whether the server runs it, or on the values
 * that the driver puts into it.
 */
const trickyInVersioned: RegExp = /['"`#?\\]|--|\/\*|[^\P{Cc}\t-\r]/u;
const quotedInHint: RegExp = /'[^'\\]*'|"[^"\\]*"|`[^`]*`/g;
const trickyInHint: RegExp = /['"`\\?]/;

/** Reads a text token by token. */
export class Lexer {
  /** Where the token begins. */
  start = 0;
  /** Where the token ends. */
  end = 0;
  /** Whether the text so far can also be read in another way. */
  isUncertain = false;
  /** How many comments so far some servers run. */
  versionedCount = 0;
  readonly #sql: string;
  readonly #mode: number;
  readonly #runsVersioned: boolean;
  #isInVersioned = false;
  #kind = END;
  /** The position after a dot that directly follows a name: there a digit also begins a name. */
  #nameAt = -1;

  /** Begins at the start of the text; `runsVersioned` says whether versioned comments are code. */
  constructor(sql: string, mode: number, runsVersioned: boolean) {
    this.#sql = sql;
    this.#mode = mode;
    this.#runsVersioned = runsVersioned;
  }

  /** Goes on to the next token; returns its kind. */
  next(): number {
    const isName = this.#kind === WORD || this.#kind === QUOTED || this.#kind === DOUBLE_QUOTED;
    const nameEnd = isName ? this.end : -1;
    this.#skipBlank();
    const at = this.start = this.end;
    const sql = this.#sql;
    if (at >= sql.length) return this.#kind = END;
    const code = sql.charCodeAt(at);
    if (code === QUOTE || code === DOUBLE_QUOTE || code === BACKQUOTE) return this.#quoted(code);
    if (isWordStart(code) || at === this.#nameAt && isDigit(code)) return this.#word();
    if (isDigit(code)) return this.#number();
    if (code === QUESTION) return this.#questionMarks();
    if (code === COLON) return this.#colon();
    if (code === DOT) {
      if (nameEnd !== at && isDigit(sql.charCodeAt(at + 1))) return this.#number();
      if (nameEnd === at) this.#nameAt = at + 1;
    } else if (code < 0x20 || code === 0x7f || code === BACKSLASH) this.isUncertain = true;
    this.end = at + 1;
    return this.#kind = SIGN;
  }

  /** Skips white space and comments. */
  #skipBlank(): void {
    const sql = this.#sql;
    for (let at = this.end;; at = this.end) {
      const code = sql.charCodeAt(at);
      if (code === 0x20 || code >= 0x09 && code <= 0x0d) this.end = at + 1;
      else if (code === HASH) this.#skipLine(at);
      else if (code === DASH && sql.charCodeAt(at + 1) === DASH) {
        if (!this.#skipDashes(at)) return;
      } else if (code === SLASH && sql.charCodeAt(at + 1) === STAR) this.#skipBlock(at);
      else if (code === STAR && this.#isInVersioned && sql.charCodeAt(at + 1) === SLASH) {
        this.#isInVersioned = false;
        this.end = at + 2;
      } else return;
    }
  }

  /** Two dashes begin a comment only before white space, the end, or a control character. */
  #skipDashes(at: number): boolean {
    const code = this.#sql.charCodeAt(at + 2);
    if (code > 0x20 && code !== 0x7f) return false;
    // Some servers take these for two minus signs, so that the rest of the line is code to them.
    if (code < 0x09 || code > 0x0d && code < 0x20 || code === 0x7f) this.isUncertain = true;
    this.#skipLine(at);
    return true;
  }

  #skipLine(at: number): void {
    const end = this.#sql.indexOf("\n", at);
    this.end = end === -1 ? this.#sql.length : end + 1;
    // For the server, a NUL ends the comment.
    if (this.#sql.slice(at, this.end).includes("\0")) this.isUncertain = true;
  }

  #skipBlock(at: number): void {
    const sql = this.#sql;
    const found = sql.indexOf("*/", at + 2);
    if (found === -1) this.isUncertain = true;
    const end = found === -1 ? sql.length : found;
    const isHint = sql[at + 2] === "+";
    versionedPattern.lastIndex = at;
    const isVersioned = /^\/\*[MT]?!/.test(sql.slice(at, at + 4));
    if (isHint && trickyInHint.test(sql.slice(at, end).replace(quotedInHint, ""))) {
      this.isUncertain = true;
    }
    this.end = Math.min(end + 2, sql.length);
    if (!isVersioned) return;
    this.versionedCount++;
    const opening = versionedPattern.exec(sql)?.[0];
    if (opening === undefined || trickyInVersioned.test(sql.slice(at + 2, end))) {
      this.isUncertain = true;
    }
    if (!this.#runsVersioned) return;
    this.#isInVersioned = true;
    this.end = at + (opening ?? "/*!").length;
  }

  /** Reads up to the closing quote; a doubled quote does not close. */
  #quoted(quote: number): number {
    const sql = this.#sql;
    const isDouble = quote === DOUBLE_QUOTE;
    const isName = quote === BACKQUOTE || isDouble && (this.#mode & ANSI_QUOTES) !== 0;
    const escapes = !isName && (this.#mode & NO_BACKSLASH_ESCAPES) === 0;
    let at = this.end + 1;
    let hasBackslash = false;
    for (;; at++) {
      const code = sql.charCodeAt(at);
      if (code === BACKSLASH) {
        hasBackslash = true;
        if (escapes) at++;
      } else if (code === quote) {
        if (sql.charCodeAt(at + 1) !== quote) break;
        at++;
      } else if (at >= sql.length) {
        this.isUncertain = true;
        break;
      }
    }
    this.end = Math.min(at + 1, sql.length);
    const isEither = isDouble && (this.#mode & (MODE_UNKNOWN | ANSI_QUOTES)) !== 0;
    // The driver reads it as a string in which a backslash escapes, whatever the server does.
    if (hasBackslash && isEither) this.isUncertain = true;
    return this.#kind = quote === BACKQUOTE ? QUOTED : isEither ? DOUBLE_QUOTED : TEXT;
  }

  #word(): number {
    wordPattern.lastIndex = this.end;
    const word = wordPattern.exec(this.#sql)?.[0] ?? "";
    this.end += word.length;
    // MySQL 9 has dollar-quoted strings; other characters can be white space in some character
    // sets.
    if (word.charCodeAt(0) === DOLLAR) this.isUncertain = true;
    if (notAscii.test(word) && !plainName.test(word)) this.isUncertain = true;
    return this.#kind = WORD;
  }

  #number(): number {
    const sql = this.#sql;
    numberPattern.lastIndex = this.end;
    const number = numberPattern.exec(sql)?.[0] ?? "";
    const next = sql.charCodeAt(this.end + number.length);
    if (isWordStart(next) || isDigit(next)) {
      // Names may begin with digits, and numbers may end where a word begins.
      if (/^\d+$/.test(number)) return this.#word();
      this.isUncertain = true;
    }
    this.end += number.length;
    return this.#kind = NUMBER;
  }

  /**
   * Reads question marks; beside a word they are uncertain, because the driver's value could join
   * the word.
   */
  #questionMarks(): number {
    const sql = this.#sql;
    const start = this.end;
    while (sql.charCodeAt(this.end) === QUESTION) this.end++;
    const count = this.end - start;
    if (
      count > 2 || isWordPart(sql.charCodeAt(start - 1)) || isWordPart(sql.charCodeAt(this.end))
    ) {
      this.isUncertain = true;
    }
    return this.#kind = count === 2 ? QUOTED : PLACEHOLDER;
  }

  #colon(): number {
    const sql = this.#sql;
    const at = this.end;
    namedPattern.lastIndex = at;
    const name = namedPattern.exec(sql)?.[0];
    if (name === undefined) {
      this.end = at + (sql[at + 1] === "=" ? 2 : 1);
      return this.#kind = SIGN;
    }
    this.end = at + name.length;
    if (isWordPart(sql.charCodeAt(at - 1))) this.isUncertain = true;
    return this.#kind = name[1] === ":" ? QUOTED : PLACEHOLDER;
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isWordStart(code: number): boolean {
  return code >= 0x61 && code <= 0x7a || code >= 0x41 && code <= 0x5a || code === 0x5f ||
    code === DOLLAR || code >= 0x80;
}

function isWordPart(code: number): boolean {
  return isWordStart(code) || isDigit(code);
}

/** How much of a quoted text is read. */
const contentMax = 200;

/** Returns a word in lower case, the content of quotes, or a character that stands for the kind. */
export function wordOf(sql: string, kind: number, lexer: Lexer, readsNumbers: boolean): string {
  const { start, end } = lexer;
  if (kind === TEXT || kind === PLACEHOLDER) return kind === TEXT ? "'" : "?";
  if (kind === NUMBER && !readsNumbers) return "0";
  if (kind === SIGN && end === start + 1) return sql[start] ?? "";
  const text = sql.slice(start, end);
  if (kind !== QUOTED && kind !== DOUBLE_QUOTED) return text.toLowerCase();
  return /^[?:]/.test(text) ? "??" : text.slice(1, -1).toLowerCase();
}

/** Returns the content of quotes in lower case, with its escapes, if it can be a string. */
export function contentOf(sql: string, kind: number, { start, end }: Lexer): string | undefined {
  if (kind !== TEXT && kind !== DOUBLE_QUOTED) return undefined;
  return sql.slice(start + 1, Math.min(end - 1, start + contentMax)).toLowerCase();
}
