/**
 * The transactions of a lease, nested as savepoints.
 *
 * A lease, and each transaction in it, is a level. At most one transaction is open directly in a
 * level. Other code of the level waits meanwhile, as its statements would be part of it.
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
  /** Why its code cannot go on: a rollback by the server, an early end, or an abort. */
  failure: unknown = undefined;
  /** Whether it ended early, so that its statements may be permanent. */
  isEscaped = false;
  /** Whether its rollback has begun: the pool sends no more of its statements. */
  isRollingBack = false;
  /** Settled when its rollback is done; undefined before the rollback begins. */
  rollback: Promise<void> | undefined = undefined;
  /** The number that the session gave it; 0 while it has none. */
  #number = 0;
  #status: "beginning" | "open" | "ending" | "ended" = "beginning";
  #change: PromiseWithResolvers<void> = Promise.withResolvers();

  /** Creates a transaction in a level in which none is open. */
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

  /** Fulfilled when its status changes. */
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

  /** Notes that it has begun at the server. */
  begun(): void {
    if (this.parent === undefined) this.#number = this.unitLease.session.transaction;
    this.#become("open");
  }

  /** Notes that COMMIT, or the release of its savepoint, is about to be sent. */
  ending(): void {
    this.#become("ending");
  }

  /** Notes that its rollback, and that of its savepoints, is about to be sent. */
  rollingBack(): void {
    this.child?.end();
    this.isRollingBack = true;
    this.#become("ending");
  }

  /** Ends it and its savepoints; later statements of its code are refused. */
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

  /** Throws if it has ended or failed. */
  check(): void {
    const { failure } = this.top;
    if (failure !== undefined) throw failure;
    if (this.#status === "ending" || this.#status === "ended") {
      throw new SubletError("LEASE_ENDED", "statement", "The transaction has ended");
    }
  }

  /** Throws if the session shows another transaction than the one that was begun, or none. */
  checkOpen(): void {
    const { top } = this;
    top.look();
    if (top.failure !== undefined) throw top.failure;
  }

  /** Notes a failure if the session does not show the transaction that was begun. */
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
