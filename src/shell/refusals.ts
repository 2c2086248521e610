/**
 * Statements that the pool refuses before it sends them: they would end a transaction that their
 * code does not end, do nothing that lasts, or be answered about somebody else's statement.
 */

import type { Session, StatementFacts } from "../port.ts";
import { SubletError } from "./errors.ts";

/** What a lease has found on its connection, and what has run on it since. */
export interface Beforehand {
  /** How many statements the session had been given when the lease was granted. */
  readonly statementsBefore: number;
  /** How many of its answers had set an id. */
  readonly idsBefore: number;
  /** How many statements of the pool's own have run since. */
  readonly controls: number;
}

/** Throws if a statement would end the transaction that its code is in. */
export function checkKeepsTransaction({ endsTransaction }: StatementFacts): void {
  if (endsTransaction === undefined) return;
  const prose = `${endsTransaction} would end the transaction, and make permanent what ran in ` +
    "it before: run it outside of the transaction, or allow it by `allowImplicitCommit: true`";
  throw new SubletError("STATEMENT_REFUSED", "statement", prose);
}

/** Throws if the whole effect of a statement outside any unit of work would be wiped at once. */
export function checkLasts({ sessionOnly }: StatementFacts): void {
  if (sessionOnly === undefined) return;
  const prose = `${sessionOnly} outside of a unit of work has no effect, as the pool wipes the ` +
    "session after each statement: use `transaction`, run it in `unit` together with what it " +
    "is for, or take a `lease`";
  throw new SubletError("STATEMENT_REFUSED", "statement", prose);
}

/** Throws if a statement reads what a statement of somebody else has left in the session. */
export function checkReadsOwn<Target, Driver>(
  { reads }: StatementFacts,
  session: Session<Target, Driver>,
  before: Beforehand | undefined,
): void {
  if (reads === "nothing") return;
  if (before !== undefined) {
    const { statementsBefore, idsBefore, controls } = before;
    if (reads === "id" && session.idCount > idsBefore) return;
    if (reads === "previous" && session.statementCount - controls > statementsBefore) return;
  }
  const what = reads === "id"
    ? "an id that a statement before it has generated"
    : "what the statement before it has left";
  const prose = `The statement reads ${what}, but on this connection its unit of work has run ` +
    'none (any more): run both in one transaction or lease, or in one unit with `hold: "unit"`; ' +
    "or take `insertId`, `affectedRows` and `warningStatus` from the answer";
  throw new SubletError("CONNECTION_LEFT", "statement", prose);
}
