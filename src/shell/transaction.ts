/**
 * The transactions of a lease, nested as savepoints, and who has to wait for whom.
 *
 * A lease, and each transaction in it, is a level. At most one transaction is open directly
 * in a level. Code that works in a level waits while one is, as its statements would be part
 * of it.
 */

import { SubletError } from "./errors.ts";
import type { LeaseTransaction, UnitLease } from "./unit_lease.ts";
import type { TransactionOptions } from "./transaction_options.ts";

/** A transaction, or a savepoint in one. */
export class Transaction implements LeaseTransaction {
  /** The lease it runs on. */
  readonly unitLease: UnitLease;
  /** The transaction it is a savepoint of. */
  readonly parent: Transaction | undefined;
  /** How its code asked for it. */
  readonly options: TransactionOptions;
  /** The savepoint that is open in it. */
  child: Transaction | undefined = undefined;
  /** Why its code cannot go on: the server rolled it back, a statement ended it, an abort came. */
  failure: unknown = undefined;
  /** Whether it ended before its time, so that what ran in it may be permanent. */
  isEscaped = false;
  /** Whether it is being rolled back: what has not been sent is not sent any more. */
  isRollingBack = false;
  /** Settled when it has been rolled back, from when on that was asked for. */
  rollback: Promise<void> | undefined = undefined;
  /** The number that the session gave it; 0 while it has none. */
  #number = 0;
  #status: "beginning" | "open" | "ending" | "ended" = "beginning";
  #change: PromiseWithResolvers<void> = Promise.withResolvers();

  /** Creates a transaction that is about to begin, in a level in which none is open. */
  constructor(unitLease: UnitLease, parent: Transaction | undefined, options: TransactionOptions) {
    this.unitLease = unitLease;
    this.parent = parent;
    this.options = options;
    unitLease.keep();
    (parent ?? unitLease).child = this;
  }

  /** How far it is. */
  get status(): "beginning" | "open" | "ending" | "ended" {
    return this.#status;
  }

  /** Fulfilled when it is further. */
  get changed(): Promise<void> {
    return this.#change.promise;
  }

  /** The outermost transaction it is part of. */
  get top(): Transaction {
    return this.parent === undefined ? this : this.parent.top;
  }

  /** The name of its savepoint. */
  get savepoint(): string {
    return `sublet_${this.#depth}`;
  }

  /** Says that it has begun at the server. */
  begun(): void {
    if (this.parent === undefined) this.#number = this.unitLease.session.transaction;
    this.#become("open");
  }

  /** Says that it is about to be committed, or released. */
  ending(): void {
    this.#become("ending");
  }

  /** Says that it is about to be rolled back, with the savepoints in it. */
  rollingBack(): void {
    this.child?.end();
    this.isRollingBack = true;
    this.#become("ending");
  }

  /** Ends it, and the savepoints in it; what its code does later is refused. */
  end(): void {
    if (this.#status === "ended") return;
    this.child?.end();
    this.#become("ended");
    const level = this.parent ?? this.unitLease;
    if (level.child === this) level.child = undefined;
    if (this.parent === undefined) this.unitLease.forgetResultInfo();
    this.unitLease.unkeep();
    if (this.parent === undefined) this.unitLease.leaveLost();
  }

  /** Throws if it has ended, or has come to nothing. */
  check(): void {
    const { failure } = this.top;
    if (failure !== undefined) throw failure;
    if (this.#status === "ending" || this.#status === "ended") {
      throw new SubletError("LEASE_ENDED", "statement", "The transaction has ended");
    }
  }

  /** Throws if, as the server shows, it is not the transaction any more that was begun. */
  checkOpen(): void {
    const { top } = this;
    top.look();
    if (top.failure !== undefined) throw top.failure;
  }

  /** Looks whether the server still shows the transaction that was begun. */
  look(): void {
    if (this.failure !== undefined || this.#number === 0 || !this.unitLease.isAlive) return;
    const { transaction, transactionEndedBy } = this.unitLease.session;
    if (transaction === this.#number) return;
    this.isEscaped = true;
    const by = transactionEndedBy === undefined ? "" : `, at ${JSON.stringify(transactionEndedBy)}`;
    const message = `The transaction has ended before its time${by}: what ran before that may be ` +
      "permanent. Run what ends a transaction outside of one";
    this.failure = new SubletError("TRANSACTION_LOST", "statement", message);
  }

  /** Notes that the server has rolled it back after an error. */
  rolledBack(cause: unknown): void {
    const message = "The server has rolled the transaction back";
    this.top.failure ??= new SubletError("TRANSACTION_LOST", "statement", message, { cause });
  }

  get #depth(): number {
    return this.parent === undefined ? 0 : this.parent.#depth + 1;
  }

  #become(status: "open" | "ending" | "ended"): void {
    if (this.#status === "ended") return;
    this.#status = status;
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
