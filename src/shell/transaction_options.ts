/** How a transaction is run: its options, and the statements that begin it. */

import { SubletError } from "./errors.ts";

/** What a transaction sees of others. */
export type Isolation =
  | "read uncommitted"
  | "read committed"
  | "repeatable read"
  | "serializable";

/** How a transaction is run. */
export interface TransactionOptions {
  /**
   * Ends its waits and statements, and rolls it back at once, whatever its code is at; a COMMIT
   * that is under way has a second yet to be answered.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * What it sees of others; the server's default unless given. One inside another takes only what
   * the outer one has.
   */
  readonly isolation?: Isolation | undefined;
  /**
   * Whether the server lets it write nothing; false unless given. One inside another takes only
   * what the outer one has.
   */
  readonly readOnly?: boolean | undefined;
  /**
   * Whether the pool sends statements that are known to end a transaction (ALTER TABLE, COMMIT …);
   * false unless given: it refuses them with `STATEMENT_REFUSED`. If one ends the transaction all
   * the same, the next statement and the end reject with `TRANSACTION_LOST`.
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
