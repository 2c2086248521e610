/**
 * Tracks the transaction of one session by the answers of its server, and counts the statements
 * that may have become permanent.
 *
 * The status flag says whether a transaction is open. If a transaction ends and another begins
 * within one answer, the reports of session tracking show it: the server reports anew how the
 * transaction began, or sends an empty report, or takes back a letter of what has happened in the
 * transaction. Without reports only the statement's text shows it.
 */

import { excerptOf } from "../port/session.ts";
import type { ErrorClass } from "./errors.ts";
import { analyserOf, type Analysis } from "./statement.ts";
import type { TransactionReport } from "./status.ts";
import { type Behind, nothingBehind } from "./stored_object_texts.ts";

/** What `permanentCount` counts the last statement for: nothing, itself or its transaction. */
type Counted = "nothing" | "itself" | "transaction";

/** The place of the letter that shows a write to a table without transactions. */
const UNSAFE_WRITE_AT = 3;

/** Tracks the transactions of one session. */
export class TransactionState {
  /** The number of the open transaction, 0 if none is open; it rises with each transaction. */
  number = 0;
  /** The statement during which the last transaction ended. */
  endedBy: string | undefined;
  /** How many statements may have become permanent. */
  permanentCount = 0;
  /**
   * The unknown names in reads: if such a name is that of a view, the read may have written. With
   * each name, the count of changes of views at that time.
   */
  readonly unprovenReads: Map<string, number> = new Map();
  /** The same for the reads in the open transaction. */
  readonly #unprovenWithin: Map<string, number> = new Map();
  #last = 0;
  /** The letters in the last report of what has happened in the transaction. */
  #letters = "";
  #hasWritten = false;
  /** Whether the transaction has written something that no ROLLBACK takes back. */
  #hasWrittenForGood = false;
  #counted: Counted = "nothing";

  /** Notes that a statement is being sent; `changeCount` counts the changes of views so far. */
  begin(given: Given, changeCount: number): void {
    const isOpen = this.number !== 0;
    this.#counted = "nothing";
    this.#noteUnproven(given, changeCount);
    if (isOpen) {
      if (!isHarmless(given) && given.analysis.transactionWord === undefined) {
        this.#hasWritten = true;
      }
      // A statement that may end the transaction may do so although its answer is lost.
      if (!keepsTransaction(given) && given.analysis.transactionWord !== "rollback") {
        this.#keepUnproven();
        if (this.#hasWritten) this.#count("transaction");
      }
    } else if (!isHarmless(given) && given.analysis.transactionWord === undefined) {
      this.#count("itself");
    }
  }

  /**
   * Notes what an answer says. `given` is the statement that it answers, if any; `report` is the
   * report in it, if reports are switched on.
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
      // From now on the count is certain.
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

  /** Notes the answer to a ping after a failed statement. */
  seeAfter(
    isOpen: boolean,
    report: TransactionReport | undefined,
    failed: Given | undefined,
  ): void {
    // A transaction that has ended by a statement which cannot commit was rolled back.
    if (failed === undefined || keepsTransaction(failed)) this.#hasWritten &&= isOpen;
    this.see(isOpen, report, failed, true);
  }

  /** Notes an error; `given` is the statement that it answers, if any. */
  fail(given: Given | undefined, { isRolledBack, isRepeatable, isLoss }: ErrorClass): void {
    if (isRepeatable && !isLoss && given !== undefined && this.#leftNothing(given)) {
      this.#takeBack();
    }
    if (isRolledBack && this.number !== 0) this.#end(given);
  }

  /** Returns whether a failed, repeatable statement left nothing of what it was counted for. */
  #leftNothing({ analysis }: Given): boolean {
    const { isSingleWrite, transactionWord, endsTransaction } = analysis;
    if (this.#counted === "itself") return isSingleWrite;
    // Other statements that end a transaction do so before they fail.
    return this.#counted === "transaction" &&
      (transactionWord === "commit" || endsTransaction === undefined);
  }

  /** Notes the unknown names in a statement that only reads. */
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
    this.endedBy = given === undefined ? undefined : excerptOf(given.text);
    this.number = 0;
    this.#hasWritten = this.#hasWrittenForGood = false;
    this.#unprovenWithin.clear();
    this.#letters = "";
  }

  /** Returns whether another transaction is open than before the answer. */
  #isAnew(report: TransactionReport | undefined, given: Given | undefined): boolean {
    if (report === undefined) {
      const word = given?.analysis.transactionWord;
      return word !== undefined && word !== "savepoint";
    }
    if (!report.isGiven) return false;
    // When MySQL creates a temporary table, which ends no transaction, it takes back all letters
    // and reports the lasting isolation level.
    const { isEmpty, letters = this.#letters, characteristics = "" } = report;
    if (isEmpty) return true;
    if (letters !== "" && !/[^_]/.test(letters)) return characteristics.includes("START");
    return characteristics !== "" || hasLost(this.#letters, letters);
  }
}

/** Returns whether letters have disappeared. */
function hasLost(before: string, after: string): boolean {
  return [...before].some((letter, place) => letter !== "_" && after[place] !== letter);
}

/** A statement that a connection was given. */
export interface Given {
  /** Its text, without the values that the driver put into it. */
  readonly text: string;
  /** The analysis of its text. */
  readonly analysis: Analysis;
  /** The effects of the views and triggers that its names lead to. */
  readonly behind: Behind;
}

/** Stands for a reset or a new login, which rolls back an open transaction. */
export const wiping: Given = {
  text: "a reset or a new login of the connection",
  analysis: analyserOf("", []).analyse("ROLLBACK", 0),
  behind: nothingBehind,
};

/**
 * Returns whether nothing of a statement can become permanent, in a transaction or not, provided
 * that no unknown name in it is that of a view that writes.
 */
function isHarmless({ analysis, behind }: Given): boolean {
  const { isReadOnly, sessionOnly, transactionWord } = analysis;
  if (behind.reason !== undefined || behind.mayWrite) return false;
  if (transactionWord !== undefined) return transactionWord !== "commit";
  return isReadOnly || sessionOnly !== undefined;
}

/** Returns whether the open transaction certainly outlives a statement that was answered. */
export function keepsTransaction({ analysis }: Given): boolean {
  const { isReadOnly, isSingleWrite, transactionWord, endsTransaction } = analysis;
  if (transactionWord !== undefined) return transactionWord === "savepoint";
  return endsTransaction === undefined && (isReadOnly || isSingleWrite);
}
