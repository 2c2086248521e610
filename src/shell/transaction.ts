/**
 * The transactions of a lease, nested as savepoints.
 *
 * A lease is a level, and so is each transaction in it. At most one transaction is open directly in
 * a level. While one is, code that works in the level itself waits, as its statements would become
 * part of that transaction.
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
  /** Its options. */
  readonly options: TransactionOptions;
  /** The savepoint that is open in it. */
  child: Transaction | undefined = undefined;
  /** Why its code cannot go on: a rollback by the server, an end by a statement, or an abort. */
  failure: unknown = undefined;
  /** Whether it ended too early, so that its statements may have become permanent. */
  isEscaped = false;
  /** Whether it is being rolled back; the pool refuses its statements that are not sent yet. */
  isRollingBack = false;
  /** Settles when its ROLLBACK has ended; undefined until the pool starts one. */
  rollback: Promise<void> | undefined = undefined;
  /** `Session.transaction` right after it began; 0 before that, and for a savepoint. */
  #number = 0;
  #status: "beginning" | "open" | "ending" | "ended" = "beginning";
  #change: PromiseWithResolvers<void> = Promise.withResolvers();

  /** Creates a transaction that is about to begin; no other may be open in its level. */
  constructor(unitLease: UnitLease, parent: Transaction | undefined, options: TransactionOptions) {
    this.unitLease = unitLease;
    this.parent = parent;
    this.options = options;
    unitLease.keep();
    (parent ?? unitLease).child = this;
  }

  /** Its status. */
  get status(): "beginning" | "open" | "ending" | "ended" {
    return this.#status;
  }

  /** Fulfilled when its status changes next. */
  get changed(): Promise<void> {
    return this.#change.promise;
  }

  /** The outermost transaction that it is part of; itself, if it is no savepoint. */
  get top(): Transaction {
    return this.parent === undefined ? this : this.parent.top;
  }

  /** The name of its savepoint. */
  get savepoint(): string {
    return `sublet_${this.#depth}`;
  }

  /** Notes that it has begun at the server. */
  begun(): void {
    if (this.parent === undefined) this.#number = this.unitLease.session.transaction;
    this.#become("open");
  }

  /** Notes that the pool is about to commit it or, as a savepoint, to release it. */
  ending(): void {
    this.#become("ending");
  }

  /** Notes that the pool is about to roll it back, with the savepoints in it. */
  rollingBack(): void {
    this.child?.end();
    this.isRollingBack = true;
    this.#become("ending");
  }

  /** Ends it, and the savepoints in it; the pool refuses later statements of its code. */
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

  /** Throws if the outermost transaction has failed, or if this one is ending or has ended. */
  check(): void {
    const { failure } = this.top;
    if (failure !== undefined) throw failure;
    if (this.#status === "ending" || this.#status === "ended") {
      throw new SubletError("LEASE_ENDED", "statement", "The transaction has ended");
    }
  }

  /** Throws if the outermost transaction has failed, or is not the one open in the session. */
  checkOpen(): void {
    const { top } = this;
    top.look();
    if (top.failure !== undefined) throw top.failure;
  }

  /** Notes a failure if this transaction is no longer the one that is open in the session. */
  look(): void {
    if (this.failure !== undefined || this.#number === 0 || !this.unitLease.isAlive) return;
    const { transaction, transactionEndedBy } = this.unitLease.session;
    if (transaction === this.#number) return;
    this.isEscaped = true;
    const by = transactionEndedBy === undefined ? "" : `, at ${JSON.stringify(transactionEndedBy)}`;
    const message = `The transaction has ended early${by}: what ran before that may be ` +
      "permanent. Run statements that end a transaction outside of it";
    this.failure = new SubletError("TRANSACTION_LOST", "statement", message);
  }

  /** Notes that the server has rolled it back, with the error `cause`. */
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
