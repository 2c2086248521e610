/**
 * A statement on a lease of its unit: it waits until it may run there, in its turn, sends itself,
 * and settles the one promise that its caller has.
 */

import { AsyncResource } from "node:async_hooks";
import type { Answering, Cancellation, Session, Statement } from "../port/session.ts";
import { rejected } from "./caller.ts";
import { noteWrite, type WorkContext } from "./context.ts";
import type { UnitLease } from "./unit_lease.ts";
import type { Lessor } from "./lease_request.ts";
import { type Limited, type Limiter, limiterOf, type Limits, statementTimeout } from "./wait.ts";
import { checkKeepsTransaction, checkLasts, checkReadsOwn } from "./refusals.ts";
import type { Transaction } from "./transaction.ts";
import type { Settle } from "./statement_request.ts";
import { type Turn, untilFurther } from "./turns.ts";

/** A statement, and where its code stands. */
export interface LeaseStatement {
  /** The statement. */
  readonly statement: Statement;
  /** The transaction that its code is in, on this lease. */
  readonly transaction: Transaction | undefined;
  /** What its code belongs to. */
  readonly context: WorkContext | undefined;
  /** Until when it may take. */
  readonly limits: Limits;
  /** Who asked for it, if leases are watched. */
  readonly stack?: string | undefined;
  /** Whether its unit is made for it alone. */
  readonly isAlone?: boolean | undefined;
}

/** Runs a statement on a lease, which it asks for if need be. */
export function runOnLease(
  unitLease: UnitLease,
  asked: LeaseStatement,
): Promise<[unknown, unknown]> {
  return new Promise((settle) => new UnitStatement(unitLease, asked, settle).begin());
}

/**
 * Runs a statement of the pool's own, which begins or ends a transaction, after the statements
 * that came before it in that transaction; `check` is called right before.
 */
export async function runControl(
  unitLease: UnitLease,
  sql: string,
  signal: Cancellation | undefined,
  check?: () => void,
): Promise<void> {
  unitLease.enter(undefined);
  const turn = unitLease.turns.take();
  try {
    const limits = { signal, endsAt: undefined };
    if (!turn.hasCome) await turn.come(unitLease.runtime.interpreter, limits);
    signal?.throwIfAborted();
    check?.();
    const statement = { sql, values: undefined, isPrepared: false, options: undefined };
    await unitLease.session.run(statement, signal);
  } finally {
    turn.end();
    unitLease.leave();
  }
}

/** A statement on a lease of its unit. */
class UnitStatement implements Answering, Limited {
  readonly #interpreter: Lessor;
  readonly #unitLease: UnitLease;
  readonly #asked: LeaseStatement;
  readonly #settle: Settle;
  /** The async context of its code, in which listeners to a release are called. */
  #context: AsyncResource | undefined = undefined;
  #turn: Turn | undefined = undefined;
  #session: Session | undefined = undefined;
  #limiter: Limiter | undefined = undefined;
  #isOver = false;

  constructor(unitLease: UnitLease, asked: LeaseStatement, settle: Settle) {
    this.#interpreter = unitLease.runtime.interpreter;
    this.#unitLease = unitLease;
    this.#asked = asked;
    this.#settle = settle;
  }

  /** Begins to use the lease. */
  begin(): void {
    if (this.#interpreter.hasListeners("release")) this.#context = new AsyncResource("Sublet");
    this.#unitLease.enter(this.#asked.stack);
    this.#attempt(this.#open);
  }

  /** Gives up, as its signal was aborted. */
  abort(reason: unknown): void {
    if (this.#isOver) return;
    this.#session?.cancelStatement(reason);
    this.#fail(reason);
  }

  /** Gives up, as its time is up. */
  timeUp(): void {
    this.abort(statementTimeout());
  }

  /** Takes the answer. */
  done(rows: unknown, fields: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#settle([rows, fields]);
  }

  /** Takes the error that came in place of an answer. */
  failed(error: unknown): void {
    // The driver may still be within the command that has failed.
    queueMicrotask(() => this.#fail(this.#limiter?.reasonOf(error) ?? error));
  }

  /** Goes on with a step, now or once something has come. */
  #attempt(step: () => void, awaited?: Promise<void>): void {
    if (awaited !== undefined) {
      awaited.then(() => this.#attempt(step), (error: unknown) => this.#fail(error));
      return;
    }
    try {
      step.call(this);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Waits until no transaction is open that it would become a part of, and for the lease. */
  #open(): void {
    const { transaction, context, limits } = this.#asked;
    const unitLease = this.#unitLease;
    unitLease.unit.check();
    transaction?.check();
    const open = (transaction ?? unitLease).child;
    if (open !== undefined) {
      const { turnWaitings } = unitLease.unit;
      const further = untilFurther(this.#interpreter, turnWaitings, { context, open }, limits);
      return this.#attempt(this.#open, further);
    }
    const opening = unitLease.open(context, limits);
    if (opening === undefined) this.#takeTurn();
    else this.#attempt(this.#takeTurn, opening);
  }

  /** In a transaction it comes after the statements before it. */
  #takeTurn(): void {
    const { transaction, limits } = this.#asked;
    this.#unitLease.unit.check();
    if (transaction === undefined) return this.#send();
    const turn = this.#turn = this.#unitLease.turns.take();
    if (turn.hasCome) this.#sendIn(transaction);
    else this.#attempt(() => this.#sendIn(transaction), turn.come(this.#interpreter, limits));
  }

  #sendIn(transaction: Transaction): void {
    this.#unitLease.unit.check();
    transaction.checkOpen();
    if (transaction.status === "ended" || transaction.isRollingBack) transaction.check();
    this.#send();
  }

  #send(): void {
    const { statement, limits } = this.#asked;
    const { session } = this.#unitLease;
    checkAllowed(this.#unitLease, this.#asked);
    limits.signal?.throwIfAborted();
    this.#limiter = limiterOf(this.#interpreter.clock, limits, this);
    this.#session = session;
    session.send(statement, this);
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    const { transaction } = this.#asked;
    if (this.#turn !== undefined && transaction !== undefined) {
      this.#noteRollback(transaction, error);
    }
    this.#end();
    this.#settle(rejected(error));
  }

  /** Has a transaction know that the server has rolled it back. */
  #noteRollback({ top }: Transaction, error: unknown): void {
    const unitLease = this.#unitLease;
    if (top.status === "open" && unitLease.isAlive && !unitLease.session.isInTransaction) {
      top.rolledBack(error);
    }
  }

  #end(): void {
    this.#isOver = true;
    this.#limiter?.end();
    this.#turn?.end();
    if (this.#context === undefined) this.#unitLease.leave();
    else this.#context.runInAsyncScope(() => this.#unitLease.leave());
  }
}

function checkAllowed(
  unitLease: UnitLease,
  { statement, transaction, context, isAlone }: LeaseStatement,
): void {
  const { session, before } = unitLease;
  const facts = session.factsOf(statement);
  if (isAlone) checkLasts(facts);
  if (transaction !== undefined && !transaction.top.options.allowImplicitCommit) {
    checkKeepsTransaction(facts);
  }
  checkReadsOwn(facts, session, before);
  // A read may write through a view, and only the unit of the lease learns of that.
  noteWrite(context, unitLease.unit);
}
