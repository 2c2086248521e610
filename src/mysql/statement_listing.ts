/**
 * Reads statements that list variables, by SHOW VARIABLES or from tables that have variables as
 * rows, to see whether they ask for variables about an earlier statement. A listing of many
 * variables does not count, as tools send it.
 */

import type { LastTokens } from "./last_tokens.ts";
import { NO_BACKSLASH_ESCAPES, TEXT, WORD } from "./lexer.ts";
import type { ReadStatement } from "./read_statement.ts";
import { asksId, asksPrevious } from "./statement_words.ts";

/** Variables that a pattern matches too if it is meant for many. */
const ordinary: readonly string[] = ["version", "log_error", "server_id"];
const namesId: RegExp = /last.?insert|identity/;

/** Reads the tokens of a listing. */
export class ListingReader {
  readonly #now: ReadStatement;
  readonly #mode: number;
  #isPattern: boolean;

  /** Writes its findings into `now`; a SHOW without WHERE has one LIKE pattern. */
  constructor(now: ReadStatement, mode: number) {
    this.#now = now;
    this.#mode = mode;
    this.#isPattern = now.verb === "show";
  }

  /** Takes the next token; `content` is the text within its quotes. */
  take(kind: number, word: string, content: string | undefined, last: LastTokens): void {
    if (word === "where" && kind === WORD) this.#isPattern = false;
    else if (content !== undefined) this.#takeText(content, last);
    // A hexadecimal or binary number can stand for a string.
    else if (kind === WORD && /^0[xb]/.test(word)) this.#now.readsId = true;
  }

  #takeText(content: string, { w0, kind0 }: LastTokens): void {
    const text = this.#valueOf(content);
    const finds = (name: string): boolean => matches(text, name);
    const now = this.#now;
    if (!ordinary.some(finds)) {
      now.readsId ||= [...asksId].some(finds);
      now.readsPrevious ||= [...asksPrevious].some(finds);
    }
    if (this.#isPattern) return;
    // A string of several parts, or in another character set, cannot be compared.
    const isPart = kind0 === TEXT || kind0 === WORD && /^(?:[xbn]|_\w+)$/.test(w0);
    now.readsId ||= isPart || namesId.test(text.replaceAll("\\", ""));
  }

  /** Returns the value of a string, with the escapes of LIKE patterns kept. */
  #valueOf(content: string): string {
    if ((this.#mode & NO_BACKSLASH_ESCAPES) !== 0) return content;
    return content.replace(/\\([^])/g, (escape, char) => /[%_]/.test(char) ? escape : char);
  }
}

/** Returns whether a LIKE pattern matches a name; the servers take é for e. */
function matches(pattern: string, name: string): boolean {
  let reached = new Set([0]);
  for (const [part] of pattern.matchAll(/\\[^]|[^]/gu)) {
    const next: Set<number> = new Set();
    for (const at of reached) {
      if (part === "%") { for (let end = at; end <= name.length; end++) next.add(end); }
      else if (at < name.length && isAlike(part, name[at] ?? "")) next.add(at + 1);
    }
    reached = next;
  }
  return reached.has(name.length);
}

function isAlike(part: string, char: string): boolean {
  return part === "_" || part.at(-1) === char || /[^\0-\x7f]/.test(part);
}
