/**
 * A statement on a lease of its unit: it waits for the lease and for its turn, sends itself, and
 * settles the promise that its caller has.
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
import { isTraced, StatementTrace } from "./statement_trace.ts";
import { type Turn, untilFurther } from "./turns.ts";

/** A statement, with the context and the limits in which it runs. */
export interface LeaseStatement {
  /** The statement. */
  readonly statement: Statement;
  /** The transaction that its code is in, on this lease. */
  readonly transaction: Transaction | undefined;
  /** The context of its code. */
  readonly context: WorkContext | undefined;
  /** The signal and the time that end it early. */
  readonly limits: Limits;
  /** The stack of its caller, if `leakDetectionTimeout` is set. */
  readonly stack?: string | undefined;
  /** Whether the pool began the unit for this statement alone. */
  readonly isAlone?: boolean | undefined;
  /** Its trace, if statements are traced. */
  readonly trace?: StatementTrace | undefined;
}

/** Runs a statement on a lease of a unit; requests a connection for the lease if necessary. */
export function runOnLease(
  unitLease: UnitLease,
  asked: LeaseStatement,
): Promise<[unknown, unknown]> {
  const { runtime, virtualConfig } = unitLease;
  if (!isTraced(runtime.events)) {
    return new Promise((settle) => new UnitStatement(unitLease, asked, settle).begin());
  }
  const trace = new StatementTrace(
    runtime.events,
    runtime.interpreter.clock,
    virtualConfig.name,
    asked.statement,
  );
  return new Promise((settle) => {
    trace.begin(() => new UnitStatement(unitLease, { ...asked, trace }, settle).begin());
  });
}

/**
 * Runs one of the pool's own statements, which begin and end transactions, after the earlier
 * statements of the transaction. Calls `check` right before it sends the statement.
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
  /** The async context of its code, in which the pool calls the listeners to "release". */
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

  /** Cancels it, as its signal was aborted. */
  abort(reason: unknown): void {
    if (this.#isOver) return;
    this.#session?.cancelStatement(reason);
    this.#fail(reason);
  }

  /** Cancels it, as its time is up. */
  timeUp(): void {
    this.abort(statementTimeout(this.#asked.statement, this.#limiter?.timeoutMs));
  }

  /** Takes the result, and fulfils the promise of the caller. */
  done(rows: unknown, fields: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#asked.trace?.done(rows, fields);
    this.#settle([rows, fields]);
  }

  /** Takes the error, and rejects the promise of the caller. */
  failed(error: unknown): void {
    // The driver may still be within the command that has failed.
    queueMicrotask(() => this.#fail(this.#limiter?.reasonOf(error) ?? error));
  }

  /** Runs a step, now or when `awaited` is fulfilled; an error of either fails the statement. */
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

  /** Waits while a transaction is open that would include it, and then for the lease. */
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

  /** Sends it; in a transaction, after the earlier statements of the transaction. */
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
    const { statement, limits, trace } = this.#asked;
    const { session } = this.#unitLease;
    checkAllowed(this.#unitLease, this.#asked);
    limits.signal?.throwIfAborted();
    this.#limiter = limiterOf(this.#interpreter.clock, limits, this);
    this.#session = session;
    trace?.sent();
    session.send(statement, this);
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    const { transaction } = this.#asked;
    if (this.#turn !== undefined && transaction !== undefined) {
      this.#noteRollback(transaction, error);
    }
    this.#end();
    this.#asked.trace?.failed(error);
    this.#settle(rejected(error));
  }

  /** Notes in the transaction if the server has rolled the transaction back. */
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
  // Even a read may write, through a view, and only the unit of the lease learns of that.
  noteWrite(context, unitLease.unit);
}
