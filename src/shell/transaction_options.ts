/** The options of a transaction, and the statements that begin it. */

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
   * On abort, the pool ends the transaction's waits and statements, and rolls it back at once,
   * whatever its code does then; a savepoint, when its code has ended. A COMMIT that is under way
   * still has a second to be answered.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * The isolation level; that of the session unless given. An inner transaction accepts only the
   * value of the outermost one.
   */
  readonly isolation?: Isolation | undefined;
  /**
   * Whether the server refuses its writes (READ ONLY); false unless given. An inner transaction
   * accepts only the value of the outermost one.
   */
  readonly readOnly?: boolean | undefined;
  /**
   * Whether the pool sends statements that are known to end a transaction (ALTER TABLE, COMMIT …),
   * or refuses them with `STATEMENT_REFUSED`; false unless given. If a statement ends the
   * transaction anyway, the next statement and the transaction itself reject with
   * `TRANSACTION_LOST`.
   * Inside another transaction it has no effect: the option of the outermost one counts.
   */
  readonly allowImplicitCommit?: boolean | undefined;
}

/** The names of the options of a transaction. */
export const TRANSACTION_OPTIONS: ReadonlySet<string> = new Set(
  [
    "allowImplicitCommit",
    "isolation",
    "readOnly",
    "signal",
  ] satisfies (keyof TransactionOptions)[],
);

const ISOLATIONS: readonly Isolation[] = [
  "read uncommitted",
  "read committed",
  "repeatable read",
  "serializable",
];

/** Throws if the isolation level is invalid. */
export function checkTransactionOptions({ isolation }: TransactionOptions): void {
  if (isolation === undefined || ISOLATIONS.includes(isolation)) return;
  const known = ISOLATIONS.join('", "');
  const message = `The isolation must be one of "${known}": received ${JSON.stringify(isolation)}`;
  throw new SubletError("OPTION_INVALID", "options", message);
}

/** Throws if an inner transaction has another isolation level or `readOnly` than the outer one. */
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
