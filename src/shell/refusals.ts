/**
 * Statements and arguments that the pool refuses before it sends anything: statements that would
 * end a transaction of the pool, have no effect that lasts, or read what another unit's statement
 * left; callbacks; and anything but a function where the pool runs one.
 */

import type { Session, StatementFacts } from "../port/session.ts";
import { SubletError } from "./errors.ts";
import { atCaller } from "./own_frames.ts";

/** The counts of a session from before the lease that now holds it. */
export interface Beforehand {
  /** `Session.clearingCount` at the grant. */
  readonly clearingsBefore: number;
  /** `Session.idCount` at the grant. */
  readonly idsBefore: number;
  /** `Session.resultInfoCount` at the grant, or at the end of the last transaction since. */
  readonly resultInfoBefore: number;
}

/** Advice to give in place of a statement that ends a transaction. */
const insteadOfEnding: Readonly<Record<string, string>> = {
  COMMIT: "the pool commits when the code of the transaction has ended well",
  ROLLBACK: "throw an error to roll it back",
  BEGIN: "call `transaction` within it, which makes a savepoint",
  "START TRANSACTION": "call `transaction` within it, which makes a savepoint",
};

/** Throws if a statement would end the transaction that its code is in. */
export function checkKeepsTransaction({ endsTransaction }: StatementFacts): void {
  if (endsTransaction === undefined) return;
  const advice = insteadOfEnding[endsTransaction] ?? "run it before or after the transaction";
  const message = `${endsTransaction} would end the transaction early: ${advice}. With ` +
    "`allowImplicitCommit: true` the pool sends it, and once it has ended the transaction, the " +
    "transaction rejects with TRANSACTION_LOST";
  throw new SubletError("STATEMENT_REFUSED", "statement", message);
}

/** Advice to give in place of a statement whose whole effect the pool would wipe at once. */
const insteadOfState: readonly (readonly [words: RegExp, advice: string])[] = [
  [/^(?:BEGIN|START TRANSACTION|SAVEPOINT|SET TRANSACTION)/, "use `transaction`"],
  [/^USE/, "give the pool the option `database`, or the unit `bind`"],
  [/^SET NAMES|^SET CHARACTER/, "give the pool the option `charset`"],
  [/^SET/, "give the pool the option `initSql`, if it is for all sessions"],
];

/** Throws if the pool would wipe the whole effect of a statement outside any unit at once. */
export function checkLasts({ sessionOnly }: StatementFacts): void {
  if (sessionOnly === undefined) return;
  const advice = insteadOfState.find(([words]) => words.test(sessionOnly))?.[1];
  const message = `${sessionOnly} outside of a unit of work has no effect, as the pool wipes the ` +
    `session after each statement: ${advice === undefined ? "" : `${advice}; or `}run it in one ` +
    "`unit` with the statements that need it, or on a `lease`";
  throw new SubletError("STATEMENT_REFUSED", "statement", message);
}

/**
 * Throws if a statement reads what a statement of another unit has left in the session. `before` is
 * undefined for a statement outside any unit of work.
 */
export function checkReadsOwn(
  { reads }: StatementFacts,
  session: Session,
  before: Beforehand | undefined,
): void {
  if (reads === "nothing") return;
  if (before !== undefined) {
    const { clearingsBefore, idsBefore, resultInfoBefore } = before;
    if (reads === "id" && session.idCount > idsBefore) return;
    const hasLeft = session.clearingCount > clearingsBefore ||
      session.resultInfoCount > resultInfoBefore;
    if (reads === "previous" && hasLeft) return;
  }
  const what = reads === "id" ? "an id that" : "a result that";
  const whose = before === undefined
    ? "it runs outside of any unit of work"
    : "its unit of work has left none on this connection";
  const message =
    `The statement reads ${what} an earlier statement left, but ${whose}, so the answer would be ` +
    'about another caller\'s: run both in one `unit` or `transaction`, with `hold: "unit"` if it ' +
    "uses another virtual connection between them, or take `insertId`, `affectedRows` and " +
    "`warningStatus` from the answer";
  throw new SubletError("CONNECTION_LEFT", "statement", message);
}

/**
 * Throws if the caller gave a callback to a method that returns a promise: the pool would never
 * call it, or the driver would take it for its own.
 *
 * @param value The argument of the caller.
 */
export function refuseCallback(value: unknown): void {
  if (typeof value !== "function") return;
  const message = "A callback was given, but this method returns a promise: await it instead. " +
    'For mysql2\'s own API with callbacks, import "@sublet/mysql/compat"';
  throw atCaller(new TypeError(message));
}

/**
 * Throws if the caller gave no function to a method that runs one.
 *
 * @param method The name of the method.
 * @param fn The argument of the caller.
 */
export function checkFunction(method: string, fn: unknown): void {
  if (typeof fn === "function") return;
  const isPromise = typeof Object(fn).then === "function";
  const received = isPromise ? "a promise" : fn === null ? "null" : `a value of type ${typeof fn}`;
  const advice = isPromise ? ". Give it the function that makes the promise: `() => …`" : "";
  throw atCaller(
    new TypeError(`${method}() expects a function: received ${received}${advice}`),
  );
}
