/** What is known of a statement from the moment that a connection is given it. */

import type { StatementFacts } from "../port.ts";
import { type Effect, effectOf, factsOf } from "./statement.ts";
import { type TransactionWord, transactionWordOf } from "./transaction_words.ts";

/** A statement that a connection was given. */
export interface Given {
  /** Its text, without values that were put into it. */
  readonly text: string;
  /** What it may leave in its session. */
  readonly effect: Effect;
  /** Why only a new login undoes that, if so. */
  readonly reason: string | undefined;
  /** What its text tells beside that. */
  readonly facts: StatementFacts;
  /** What it does to transactions, if that is all it does. */
  readonly word: TransactionWord | undefined;
  /** Whether it may set what LAST_INSERT_ID() or LASTVAL() returns, and its answer not tell. */
  readonly setsId: boolean;
}

/** What sets an id although its answer does not tell. */
const settingId = /last_insert_id\s*\(\s*[^\s)]|\b(?:nextval|setval|next\s+value|returning)\b/i;

/** How many texts are remembered, and up to which length. */
const textsMax = 1000;
const textLengthMax = 4000;
const known: Map<string, Given> = new Map();

/** Returns what is known of a statement; `code` is its text with the values that may be code. */
export function givenOf(text: string, code: string): Given {
  if (text !== code || text.length > textLengthMax) return examine(text, code);
  const found = known.get(text);
  if (found !== undefined) return found;
  if (known.size >= textsMax) known.clear();
  const given = examine(text, code);
  known.set(text, given);
  return given;
}

function examine(text: string, code: string): Given {
  const { effect, reason } = effectOf(code);
  const facts = factsOf(code);
  const word = transactionWordOf(code);
  const isPlain = facts.isReadOnly || facts.isSingleWrite || facts.sessionOnly !== undefined ||
    word !== undefined;
  return { text, effect, reason, facts, word, setsId: !isPlain || settingId.test(code) };
}

/** What stands for a reset or a new login, which rolls back what is open. */
export const wiping: Given = {
  ...givenOf("ROLLBACK", "ROLLBACK"),
  text: "a reset or a new login of the connection",
};

/** Tells whether nothing of a statement can become permanent, whatever is open. */
export function isHarmless({ facts, word }: Given): boolean {
  if (facts.isReadOnly || facts.sessionOnly !== undefined) return true;
  return word !== undefined && word !== "commit";
}

/** Tells whether an open transaction is still the same when a statement has been answered. */
export function keepsTransaction({ facts, word }: Given): boolean {
  return facts.isReadOnly || facts.isSingleWrite || word === "savepoint";
}

/** Returns the text of a statement in one line of up to 80 characters. */
export function excerptOf({ text }: Given): string {
  const line = text.slice(0, 1000).replace(/\s+/g, " ").trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
