/**
 * The transaction of one session, as the answers of its server show it, and what of it may have
 * become permanent.
 *
 * The status flag says whether a transaction is open. That one was ended and another begun within
 * one answer shows in the reports of session tracking: the server then reports anew how the
 * transaction was begun, or reports nothing although something has changed, or takes back a
 * letter of what has happened in it. Without reports only the statement's text tells.
 */

import type { ErrorClass } from "./errors.ts";
import { analyserOf, type Analysis } from "./statement.ts";
import type { TransactionReport } from "./status.ts";
import { type Behind, nothingBehind } from "./stored_object_texts.ts";

/** What the last statement was counted for as one that may have become permanent. */
type Counted = "nothing" | "itself" | "transaction";

/** Where the letters of a transaction say that it has written to tables without transactions. */
const UNSAFE_WRITE_AT = 3;

/** Follows the transactions of one session. */
export class TransactionState {
  /** A number of the transaction that is open, 0 if none is; it rises with each. */
  number = 0;
  /** The statement at which the last one ended. */
  endedBy: string | undefined;
  /** How many statements may have become permanent. */
  permanentCount = 0;
  /**
   * The names of which nothing was known in reads: if one is a view's, that may have written. With
   * each, how many changes of views there had been.
   */
  readonly unprovenReads: Map<string, number> = new Map();
  /** Those in the open transaction. */
  readonly #unprovenWithin: Map<string, number> = new Map();
  #last = 0;
  /** What the server has reported last of what happened in it. */
  #letters = "";
  #hasWritten = false;
  /** Whether it has written what no ROLLBACK takes back. */
  #hasWrittenForGood = false;
  #counted: Counted = "nothing";

  /** Notes that a statement is being sent, after so many changes of views. */
  begin(given: Given, changeCount: number): void {
    const isOpen = this.number !== 0;
    this.#counted = "nothing";
    this.#noteUnproven(given, changeCount);
    if (isOpen) {
      if (!isHarmless(given) && given.analysis.transactionWord === undefined) {
        this.#hasWritten = true;
      }
      // What may end it may do so although its answer is lost.
      if (!keepsTransaction(given) && given.analysis.transactionWord !== "rollback") {
        this.#keepUnproven();
        if (this.#hasWritten) this.#count("transaction");
      }
    } else if (!isHarmless(given) && given.analysis.transactionWord === undefined) {
      this.#count("itself");
    }
  }

  /**
   * Notes what an answer says. `given` is the statement, if it is to one; `report` is what was
   * reported, if reports are switched on.
   */
  see(
    isOpen: boolean,
    report: TransactionReport | undefined,
    given: Given | undefined,
    isLast: boolean,
  ): void {
    const isNew = isOpen && (this.number === 0 || this.#isAnew(report, given));
    if (this.number !== 0 && (!isOpen || isNew)) {
      const isTakenBack = given?.analysis.transactionWord === "rollback";
      if (this.#hasWritten && this.#counted === "nothing" && !isTakenBack) this.permanentCount++;
      if (!isTakenBack) this.#keepUnproven();
      // From now on it is certain.
      this.#counted = "nothing";
      this.#end(given);
    } else if (isOpen && !isNew && isLast && this.#counted === "transaction") this.#takeBack();
    if (report?.letters !== undefined) this.#letters = report.letters;
    if (isNew) this.#begin(given);
    if (!isOpen || this.#hasWrittenForGood || this.#letters[UNSAFE_WRITE_AT] !== "w") return;
    this.#hasWrittenForGood = true;
    this.permanentCount++;
  }

  #begin(given: Given | undefined): void {
    this.number = ++this.#last;
    this.#hasWritten = given !== undefined && given.analysis.transactionWord === undefined &&
      !isHarmless(given);
  }

  /** Notes what was asked of the server after a statement had failed. */
  seeAfter(
    isOpen: boolean,
    report: TransactionReport | undefined,
    failed: Given | undefined,
  ): void {
    // What cannot have committed anything has been rolled back.
    if (failed === undefined || keepsTransaction(failed)) this.#hasWritten &&= isOpen;
    this.see(isOpen, report, failed, true);
  }

  /** Notes an error that answers a statement, or something else. */
  fail(given: Given | undefined, { isRolledBack, isRepeatable, isLoss }: ErrorClass): void {
    if (isRepeatable && !isLoss && given !== undefined && this.#leftNothing(given)) {
      this.#takeBack();
    }
    if (isRolledBack && this.number !== 0) this.#end(given);
  }

  /** Tells whether nothing is left of what a statement was counted for, as it may be repeated. */
  #leftNothing({ analysis }: Given): boolean {
    const { isSingleWrite, transactionWord, endsTransaction } = analysis;
    if (this.#counted === "itself") return isSingleWrite;
    // Others that end a transaction do so before they fail.
    return this.#counted === "transaction" &&
      (transactionWord === "commit" || endsTransaction === undefined);
  }

  /** Notes the names of which nothing is known in what only reads. */
  #noteUnproven(given: Given, changeCount: number): void {
    const { unknown } = given.behind;
    if (unknown.length === 0 || !isHarmless(given)) return;
    const reads = this.number === 0 ? this.unprovenReads : this.#unprovenWithin;
    for (const name of unknown) if (!reads.has(name)) reads.set(name, changeCount);
  }

  /** Notes that the reads of the open transaction may have become permanent with it. */
  #keepUnproven(): void {
    for (const [name, changeCount] of this.#unprovenWithin) {
      this.unprovenReads.set(name, Math.min(changeCount, this.unprovenReads.get(name) ?? Infinity));
    }
  }

  #count(counted: Counted): void {
    this.permanentCount++;
    this.#counted = counted;
  }

  #takeBack(): void {
    this.permanentCount--;
    this.#counted = "nothing";
  }

  #end(given: Given | undefined): void {
    this.endedBy = given === undefined ? undefined : excerptOf(given);
    this.number = 0;
    this.#hasWritten = this.#hasWrittenForGood = false;
    this.#unprovenWithin.clear();
    this.#letters = "";
  }

  /** Tells whether the open transaction is another than before the answer. */
  #isAnew(report: TransactionReport | undefined, given: Given | undefined): boolean {
    if (report === undefined) {
      const word = given?.analysis.transactionWord;
      return word !== undefined && word !== "savepoint";
    }
    if (!report.isGiven) return false;
    // MySQL takes back all letters, and tells the isolation level that lasts, when it creates a
    // temporary table, which ends nothing.
    const { isEmpty, letters = this.#letters, characteristics = "" } = report;
    if (isEmpty) return true;
    if (letters !== "" && !/[^_]/.test(letters)) return characteristics.includes("START");
    return characteristics !== "" || hasLost(this.#letters, letters);
  }
}

/** Tells whether letters are gone. */
function hasLost(before: string, after: string): boolean {
  return [...before].some((letter, place) => letter !== "_" && after[place] !== letter);
}

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
function isHarmless({ analysis, behind }: Given): boolean {
  const { isReadOnly, sessionOnly, transactionWord } = analysis;
  if (behind.reason !== undefined || behind.mayWrite) return false;
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
function excerptOf({ text }: Given): string {
  const line = text.slice(0, 1000).replace(/\s+/g, " ").trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
