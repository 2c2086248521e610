/** The last tokens of a text, from which a reader understands the next one. */

import { END, WORD } from "./lexer.ts";
import { options } from "./statement_words.ts";

/** Keeps the tokens that were read last. */
export class LastTokens {
  /** The last token: a word in lower case, the content of quotes, or one character. */
  w0 = "";
  /** The token before `w0`. */
  w1 = "";
  /** The token before `w1`. */
  w2 = "";
  /** The token before `w2`. */
  w3 = "";
  /** The kind of `w0`. */
  kind0: number = END;
  /** The kind of `w1`. */
  kind1: number = END;
  /** Where `w0` ends. */
  end = 0;
  /** Whether `w0` is SELECT or an option that follows it. */
  isOption = false;

  /** Adds the next token. */
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

  /** Forgets all tokens, because another statement begins. */
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
