/**
 * Reads the server's general log: which connection received which command, and in which
 * transaction.
 */

import type { ReceivedCommand } from "./history.ts";
import { deedIn } from "./history.ts";

/** The connection and transaction that received a statement. */
export interface Place {
  readonly thread: number;
  /** The open transaction: the index of the command that began it. */
  readonly transaction: number | undefined;
}

/** A transaction on the server. */
export interface ServerTransaction {
  readonly deeds: number[];
  isCommitted: boolean;
}

/** The statements and transactions of a program in the log. */
export interface Reading {
  /** Every place that received each deed's statement. */
  readonly places: ReadonlyMap<number, readonly Place[]>;
  readonly transactions: ReadonlyMap<number, ServerTransaction>;
}

const line = /^[^\t]*\t{1,2} *(\d+) ([A-Z][A-Za-z_ ]*?) ?\t(.*)$/;

/** Returns the command that a line of the log begins, if it begins one. */
export function commandIn(text: string): ReceivedCommand | undefined {
  const [, thread, command, rest] = line.exec(text) ?? [];
  if (thread === undefined || command === undefined) return undefined;
  return { thread: Number(thread), command, text: rest ?? "" };
}

/** Follows each connection's transactions through its commands. */
export function readCommands(commands: readonly ReceivedCommand[]): Reading {
  const places = new Map<number, Place[]>();
  const transactions = new Map<number, ServerTransaction>();
  const open = new Map<number, number>();
  for (const [number, { thread, command, text }] of commands.entries()) {
    if (command !== "Query" && command !== "Execute") {
      if (endsSession(command)) open.delete(thread);
      continue;
    }
    if (/^(START TRANSACTION|BEGIN)\b/i.test(text)) {
      open.set(thread, number);
      transactions.set(number, { deeds: [], isCommitted: false });
      continue;
    }
    const transaction = open.get(thread);
    const inside = transaction === undefined ? undefined : transactions.get(transaction);
    if (/^COMMIT\b/i.test(text) && inside !== undefined) inside.isCommitted = true;
    // Servers do not log a reset, but after a reset the pool sends its session setup again.
    if (/^(COMMIT\b|ROLLBACK\b(?! TO)|SET .*\bsession_track)/i.test(text)) open.delete(thread);
    const deed = deedIn(text);
    if (deed === undefined) continue;
    places.set(deed, [...places.get(deed) ?? [], { thread, transaction }]);
    inside?.deeds.push(deed);
  }
  return { places, transactions };
}

function endsSession(command: string): boolean {
  return /^(Connect|Quit|Change user|Reset connection)$/i.test(command);
}
