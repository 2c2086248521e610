/** What a token of a text stands for. */

import { DOUBLE_QUOTED, type Lexer, NUMBER, PLACEHOLDER, QUOTED, SIGN, TEXT } from "./lexer.ts";

/** How much of what stands in quotes is looked at. */
const contentMax = 200;

/** Returns a word in lower case, the content of quotes, or what stands for tokens of a kind. */
export function wordOf(sql: string, kind: number, lexer: Lexer, readsNumbers: boolean): string {
  const { start, end } = lexer;
  if (kind === TEXT || kind === PLACEHOLDER) return kind === TEXT ? "'" : "?";
  if (kind === NUMBER && !readsNumbers) return "0";
  if (kind === SIGN && end === start + 1) return sql[start] ?? "";
  const text = sql.slice(start, end);
  if (kind !== QUOTED && kind !== DOUBLE_QUOTED) return text.toLowerCase();
  return /^[?:]/.test(text) ? "??" : text.slice(1, -1).toLowerCase();
}

/** Returns what stands in quotes, as it stands there, if that can be a string. */
export function contentOf(sql: string, kind: number, { start, end }: Lexer): string | undefined {
  if (kind !== TEXT && kind !== DOUBLE_QUOTED) return undefined;
  return sql.slice(start + 1, Math.min(end - 1, start + contentMax)).toLowerCase();
}
