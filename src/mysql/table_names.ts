/** The names in a text, among which are all tables and views that its statements use. */

import { DOUBLE_QUOTED, END, Lexer, WORD } from "./lexer.ts";
import { beforeTarget, naming, reserved } from "./statement_words.ts";

/** How long names are, in UTF-16; those of servers have 64 characters. */
const lengthMax = 128;
/** A literal of bytes. */
const bits: RegExp = /^0x[\da-f]*$|^0b[01]*$/;

/**
 * Returns the names in a text, each once: those of all its tables, and others.
 *
 * @param mode The sql_mode, by the bits of lexer.ts.
 */
export function namesIn(sql: string, mode: number): string[] {
  const names = new Set<string>();
  let isNaming = false;
  let last = "";
  const lexer = new Lexer(sql, mode, true);
  for (let kind = lexer.next(); kind !== END; kind = lexer.next()) {
    const text = sql.slice(lexer.start, lexer.end);
    const quote = text[0] ?? "";
    if (kind === WORD) {
      const word = text.toLowerCase();
      isNaming ||= naming.has(word);
      // Before a bracket stands a function, unless it is the table that gets rows.
      const isCalled = sql[lexer.end] === "(" && last !== "." && !beforeTarget.has(last);
      const isName = last === "." || !reserved.has(word) && !isCalled && !bits.test(word);
      if (isName && text.length <= lengthMax) names.add(text);
      last = word;
      continue;
    }
    last = text;
    if (quote === "`" || kind === DOUBLE_QUOTED) {
      const name = text.slice(1, -1).replaceAll(quote + quote, quote);
      if (name.length <= lengthMax) names.add(name);
    }
  }
  return isNaming ? [...names] : [];
}
