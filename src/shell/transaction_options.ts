/** The options of transactions, and the statements that begin them. */

import { SubletError } from "./errors.ts";

/** An isolation level. */
export type Isolation =
  | "read uncommitted"
  | "read committed"
  | "repeatable read"
  | "serializable";

/** The options of a transaction. */
export interface TransactionOptions {
  /**
   * Aborts its waits and statements, and rolls it back at once, even while its code runs. If COMMIT
   * has been sent, the pool waits up to a second for the answer.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Its isolation level; the server's default unless given. A nested transaction takes only the
   * level of the outer one.
   */
  readonly isolation?: Isolation | undefined;
  /**
   * Whether it is READ ONLY, so that the server refuses writes; false unless given. A nested
   * transaction takes only the value of the outer one.
   */
  readonly readOnly?: boolean | undefined;
  /**
   * Whether the pool sends statements that end a transaction (ALTER TABLE, COMMIT …); false unless
   * given: the pool refuses them with `STATEMENT_REFUSED`. If a statement ends the transaction, the
   * next statement and the end of the transaction reject with `TRANSACTION_LOST`.
   */
  readonly allowImplicitCommit?: boolean | undefined;
}

const ISOLATIONS: readonly Isolation[] = [
  "read uncommitted",
  "read committed",
  "repeatable read",
  "serializable",
];

/** Throws if an option has a value that it does not take. */
export function checkTransactionOptions({ isolation }: TransactionOptions): void {
  if (isolation === undefined || ISOLATIONS.includes(isolation)) return;
  const known = ISOLATIONS.join('", "');
  const message = `The isolation must be one of "${known}": received ${JSON.stringify(isolation)}`;
  throw new SubletError("OPTION_INVALID", "options", message);
}

/** Throws if a transaction inside another one asks for what the outer one does not have. */
export function checkNested(inner: TransactionOptions, outer: TransactionOptions): void {
  for (const name of ["isolation", "readOnly"] as const) {
    const has = name === "readOnly" ? outer.readOnly ?? false : outer.isolation;
    if (inner[name] === undefined || inner[name] === has) continue;
    const message = `A transaction inside another one cannot change its ${name}: ` +
      `received ${JSON.stringify(inner[name])}. Give it to the outer one`;
    throw new SubletError("OPTION_INVALID", "options", message);
  }
}

/** Returns the statements that begin a transaction. */
export function beginningOf({ isolation, readOnly }: TransactionOptions): readonly string[] {
  const start = readOnly ? "START TRANSACTION READ ONLY" : "START TRANSACTION";
  if (isolation === undefined) return [start];
  return [`SET TRANSACTION ISOLATION LEVEL ${isolation.toUpperCase()}`, start];
}
