/** Reports the outcome of the demo: to people, and in one line to programs. */

import process from "node:process";
import { styleText } from "node:util";
import type { Finding } from "./books.ts";
import type { Ledger } from "./ledger.ts";
import { connectionLimit } from "./shop.ts";
import type { Watch } from "./watch.ts";

/** How many failures to print in full. */
const failuresToldMax = 10;

/** The outcome of the demo. */
export interface Outcome {
  /** The checks of the books. */
  readonly books: readonly Finding[];
  /** The records of the clients. */
  readonly ledger: Ledger;
  /** The observations of the pool. */
  readonly watch: Watch;
  /** How many actual connections the pool opened in all. */
  readonly openedCount: number;
  /** How many were left at the end. */
  readonly idleAtEnd: number;
}

/** Writes a line for people. */
export function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Returns all claims, and whether each holds. */
export function findingsOf(outcome: Outcome): Finding[] {
  const { books, ledger, watch, idleAtEnd } = outcome;
  return [
    {
      claim: "requests: each ended as it was meant to",
      isSo: ledger.failures.length === 0,
      found: `${ledger.requestCount} requests, ${ledger.failures.length} failed`,
    },
    ...books,
    {
      claim: `one maximum: never more than ${connectionLimit} actual connections`,
      // The pool uses one more connection to kill aborted statements.
      isSo: watch.actualPeak <= connectionLimit && watch.serverPeak <= connectionLimit + 1,
      found: `at most ${watch.actualPeak}, and ${watch.serverPeak} as the server saw it`,
    },
    {
      claim: "nothing when idle: all are retired when nobody needs them",
      isSo: idleAtEnd === 0,
      found: `${idleAtEnd} left`,
    },
  ];
}

/** Prints the outcome for people. */
export function report(outcome: Outcome): void {
  const { ledger, openedCount } = outcome;
  const endings = [...ledger.endings].sort().map(([ending, count]) => `${ending}: ${count}`);
  tell(`\nAnswers by status: ${endings.join(", ")}; connections opened: ${openedCount}\n`);
  for (const { claim, isSo, found } of findingsOf(outcome)) {
    const mark = isSo ? styleText("green", "ok ") : styleText("red", "NOT");
    tell(`  ${mark} ${claim} (${found})`);
  }
  for (const failure of ledger.failures.slice(0, failuresToldMax)) tell(`      ${failure}`);
}

/** Returns the outcome as a line of JSON. */
export function summary(outcome: Outcome, seconds: number): string {
  const { books, ledger, watch, openedCount, idleAtEnd } = outcome;
  return JSON.stringify({
    requests: ledger.requestCount,
    failed: ledger.failures.length,
    connectionLimit,
    peakActual: watch.actualPeak,
    serverPeak: watch.serverPeak,
    opened: openedCount,
    idleAtEnd,
    booksBalance: books.every(({ isSo }) => isSo),
    seconds: Number(seconds.toFixed(1)),
  });
}
