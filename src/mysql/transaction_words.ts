/** The statements that begin, end and divide transactions, known by their first words. */

import { skipOpaque } from "./lexer.ts";

/** What a statement of that kind does. */
export type TransactionWord = "begin" | "commit" | "rollback" | "savepoint";

const words: ReadonlyArray<readonly [TransactionWord, RegExp]> = [
  ["savepoint", /(?:savepoint|release\s+savepoint|rollback\s+(?:work\s+)?to)\b/iy],
  ["rollback", /(?:rollback|xa\s+rollback)\b/iy],
  ["commit", /(?:commit|xa\s+commit)\b/iy],
  ["begin", /(?:begin(?!\s+not\b)|start\s+transaction|xa\s+(?:start|begin))\b/iy],
];

/** What statements of that kind begin with, to tell all others apart at once. */
const initials = /[bcrsx]/iy;

/** Returns what a statement does to transactions, if that is all it does. */
export function transactionWordOf(sql: string): TransactionWord | undefined {
  const at = startOf(sql);
  initials.lastIndex = at;
  if (!initials.test(sql)) return undefined;
  for (const [word, pattern] of words) {
    pattern.lastIndex = at;
    if (pattern.test(sql)) return hasMore(sql, at) ? undefined : word;
  }
  return undefined;
}

/** Returns where the first word begins, behind blanks and comments. */
function startOf(sql: string): number {
  let at = 0;
  while (at < sql.length) {
    const end = (sql.charCodeAt(at) <= 0x20) ? at + 1 : skipComment(sql, at);
    if (end === at) break;
    at = end;
  }
  return at;
}

function skipComment(sql: string, at: number): number {
  const isQuote = /['"`]/.test(sql[at] ?? "");
  return isQuote ? at : skipOpaque(sql, at);
}

/** Tells whether another statement follows in the same text. */
function hasMore(sql: string, from: number): boolean {
  const at = sql.indexOf(";", from);
  return at >= 0 && startOf(sql.slice(at + 1)) < sql.length - at - 1;
}
