/** The last tokens of a text, by which the next one is understood. */

import { END, WORD } from "./lexer.ts";
import { options } from "./statement_words.ts";

/** Keeps what was read last. */
export class LastTokens {
  /** The last token: a word in lower case, the content of quotes, or one character. */
  w0 = "";
  /** The one before it. */
  w1 = "";
  /** The one before that. */
  w2 = "";
  /** The one before that. */
  w3 = "";
  /** The kind of the last one. */
  kind0: number = END;
  /** The kind of the one before it. */
  kind1: number = END;
  /** Where the last one ends. */
  end = 0;
  /** Whether the last one is SELECT or an option that follows it. */
  isOption = false;

  /** Takes the next one. */
  push(word: string, kind: number, end: number): void {
    this.w3 = this.w2;
    this.w2 = this.w1;
    this.w1 = this.w0;
    this.w0 = word;
    this.kind1 = this.kind0;
    this.kind0 = kind;
    this.end = end;
    this.isOption = kind === WORD && (word === "select" || this.isOption && options.has(word));
  }

  /** Forgets them, as another statement begins. */
  clear(): void {
    this.w0 =
      this.w1 =
      this.w2 =
      this.w3 =
        "";
    this.kind0 = this.kind1 = END;
    this.isOption = false;
  }
}
