/** The statements that begin, end and divide transactions, known by their first words. */

import type { ReadText } from "./read_statement.ts";

/** What a statement of that kind does. */
export type TransactionWord = "begin" | "commit" | "rollback" | "savepoint";

const words: ReadonlyArray<readonly [TransactionWord, RegExp]> = [
  ["savepoint", /^(?:savepoint|release savepoint|rollback (?:work )?to)(?: |$)/],
  ["rollback", /^(?:xa )?rollback(?: |$)/],
  ["commit", /^(?:xa )?commit(?: |$)/],
  ["begin", /^(?:begin(?: work)?$|start transaction(?: |$)|xa (?:start|begin) )/],
];

/** Returns what a text does to transactions, if that is all it does. */
export function transactionWordOf(
  { statements, isUncertain }: ReadText,
): TransactionWord | undefined {
  const [first, second] = statements;
  if (isUncertain || first === undefined || second !== undefined) return undefined;
  const head = first.head.join(" ");
  return words.find(([, pattern]) => pattern.test(head))?.[0];
}
