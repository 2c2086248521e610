/** What is known of a statement from the moment that a connection is given it. */

import { analyserOf, type Analysis } from "./statement.ts";
import { type Behind, nothingBehind } from "./stored_object_texts.ts";

/** A statement that a connection was given. */
export interface Given {
  /** Its text, without values that were put into it. */
  readonly text: string;
  /** What its text tells. */
  readonly analysis: Analysis;
  /** The effects of the views and triggers that its names lead to. */
  readonly behind: Behind;
}

/** What stands for a reset or a new login, which rolls back what is open. */
export const wiping: Given = {
  text: "a reset or a new login of the connection",
  analysis: analyserOf("", []).analyse("ROLLBACK", 0),
  behind: nothingBehind,
};

/**
 * Tells whether nothing of a statement can become permanent, whatever is open, if the names of
 * which nothing is known are not those of views that write.
 */
export function isHarmless({ analysis, behind }: Given): boolean {
  const { isReadOnly, sessionOnly, transactionWord } = analysis;
  if (behind.reason !== undefined) return false;
  if (transactionWord !== undefined) return transactionWord !== "commit";
  return isReadOnly || sessionOnly !== undefined;
}

/** Tells whether an open transaction is still the same when a statement has been answered. */
export function keepsTransaction({ analysis }: Given): boolean {
  const { isReadOnly, isSingleWrite, transactionWord, endsTransaction } = analysis;
  if (transactionWord !== undefined) return transactionWord === "savepoint";
  return endsTransaction === undefined && (isReadOnly || isSingleWrite);
}

/** Returns the text of a statement in one line of up to 80 characters. */
export function excerptOf({ text }: Given): string {
  const line = text.slice(0, 1000).replace(/\s+/g, " ").trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
