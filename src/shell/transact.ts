/**
 * Runs transactions: begins each before its code runs, commits it when the code succeeds, and rolls
 * it back when the code throws.
 *
 * A transaction inside another one on the same virtual connection is a savepoint. The pool waits
 * for the answer to the statement that ends a transaction; after an abort only for a short time, as
 * the network may never bring it. If the answer to COMMIT does not come, the error says that the
 * outcome of the transaction is unknown.
 */

import type { Cancellation } from "../port/session.ts";
import { either } from "./cancellation.ts";
import { transactionOf } from "./context.ts";
import { SubletError } from "./errors.ts";
import type { VirtualConfig } from "./virtual_config.ts";
import { noLimits, until } from "./wait.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import { Transaction } from "./transaction.ts";
import { keepStack, restack } from "./statement.ts";
import {
  beginningOf,
  checkNested,
  checkTransactionOptions,
  type TransactionOptions,
} from "./transaction_options.ts";
import { untilFurther } from "./turns.ts";
import { type ContextCode, endFully, Unit, type UnitContext, type UnitEngine } from "./unit.ts";
import { runControl } from "./unit_statement.ts";

/** How long after an abort the pool waits for the answer to COMMIT or ROLLBACK, in ms. */
const lastWordMs = 1_000;

/**
 * Runs code in a transaction, and passes the code its context. Outside any unit of work, the
 * transaction is a unit of its own, in `runtime`.
 */
export async function transact<T>(
  engine: UnitEngine,
  runtime: PoolRuntime,
  virtualConfig: VirtualConfig,
  fn: ContextCode<T>,
  options: TransactionOptions,
  stack: string | undefined,
): Promise<Awaited<T>> {
  const around = engine.contexts.getStore();
  const signal = either(around?.signal, options.signal);
  let own: Unit | undefined;
  try {
    checkTransactionOptions(options);
    const parent = transactionOf(around, virtualConfig.id);
    if (parent !== undefined) checkNested(options, parent.top.options);
    signal?.throwIfAborted();
    const unit = around?.unit ?? (own = new Unit(runtime, engine.handle));
    const context = { unit, parent: around?.parent, transaction: around?.transaction, signal };
    const entered = enter(context, virtualConfig, options);
    const transaction = entered instanceof Transaction ? entered : await entered;
    return await runIn(engine, transaction, fn, context, around, stack);
  } catch (error) {
    throw restack(error, transact);
  } finally {
    if (own !== undefined) await endFully(own);
  }
}

async function runIn<T>(
  engine: UnitEngine,
  transaction: Transaction,
  fn: ContextCode<T>,
  context: UnitContext,
  around: UnitContext | undefined,
  stack: string | undefined,
): Promise<Awaited<T>> {
  const { unit, signal } = context;
  let stop: (() => void) | undefined;
  try {
    await begin(transaction, context);
    transaction.unitLease.watch(stack);
    if (transaction.parent === undefined) stop = rollBackOn(signal, transaction);
    try {
      const result = await runCode(engine, { unit, parent: around, transaction, signal }, fn);
      await commit(transaction, signal);
      return result;
    } catch (error) {
      throw await rollBack(transaction, error, signal);
    }
  } finally {
    stop?.();
    transaction.end();
  }
}

/** Creates a transaction: at once if no other is open there, so that no later call precedes it. */
function enter(
  context: UnitContext,
  virtualConfig: VirtualConfig,
  options: TransactionOptions,
): Transaction | Promise<Transaction> {
  const { unit, signal } = context;
  const parent = transactionOf(context, virtualConfig.id);
  unit.check();
  parent?.check();
  const unitLease = parent?.unitLease ?? unit.leaseBesides(virtualConfig);
  const open = (parent ?? unitLease).child;
  if (open === undefined) return new Transaction(unitLease, parent, options);
  const further = untilFurther(
    unitLease.runtime.interpreter,
    unit.turnWaitings,
    { context, open },
    { signal, endsAt: undefined },
  );
  return further.then(() => enter(context, virtualConfig, options));
}

async function begin(transaction: Transaction, context: UnitContext): Promise<void> {
  const { unitLease, parent, options } = transaction;
  const { unit, signal } = context;
  await unitLease.open(context, { signal, endsAt: undefined });
  unit.check();
  transaction.check();
  if (parent !== undefined) {
    await runControl(
      unitLease,
      `SAVEPOINT ${transaction.savepoint}`,
      signal,
      () => transaction.checkOpen(),
    );
  } else if (unitLease.session.isInTransaction) {
    const message = "Cannot begin a transaction as a statement of this unit has begun one by hand";
    throw new SubletError("TRANSACTION_OPEN", "unit", message);
  } else {
    for (const sql of beginningOf(options)) await runControl(unitLease, sql, signal);
  }
  unit.check();
  transaction.check();
  transaction.begun();
}

async function runCode<T>(
  { contexts }: UnitEngine,
  context: UnitContext,
  fn: ContextCode<T>,
): Promise<Awaited<T>> {
  try {
    return await contexts.run(context, fn, context);
  } catch (error) {
    keepStack(error);
    throw error;
  }
}

async function commit(transaction: Transaction, signal: Cancellation | undefined): Promise<void> {
  const { unitLease, parent } = transaction;
  await untilChildEnds(transaction);
  unitLease.unit.check();
  transaction.check();
  signal?.throwIfAborted();
  const { session } = unitLease;
  const checkOpen = (): void => transaction.checkOpen();
  transaction.ending();
  if (parent !== undefined) return await release(transaction, signal);
  try {
    await conclude(transaction, "COMMIT", signal, checkOpen);
  } catch (cause) {
    if (session.isAlive && !unitLease.runtime.isLoss(cause)) throw cause;
    throw new SubletError("COMMIT_UNKNOWN", "commit", "No answer to COMMIT came", { cause });
  }
}

/** Releases a savepoint. If the server does not know the savepoint, its transaction is lost. */
async function release(transaction: Transaction, signal: Cancellation | undefined): Promise<void> {
  const { unitLease, savepoint } = transaction;
  try {
    await runControl(
      unitLease,
      `RELEASE SAVEPOINT ${savepoint}`,
      signal,
      () => transaction.checkOpen(),
    );
  } catch (cause) {
    if (!unitLease.isAlive || cause instanceof SubletError || signal?.aborted) throw cause;
    const message = `The transaction has lost its savepoint ${savepoint}`;
    transaction.top.isEscaped = true;
    throw transaction.top.failure ??= new SubletError("TRANSACTION_LOST", "statement", message, {
      cause,
    });
  }
}

/** Rolls back, unless the transaction or its session has ended; returns the error to throw. */
async function rollBack(
  transaction: Transaction,
  error: unknown,
  signal: Cancellation | undefined,
): Promise<unknown> {
  const { unitLease, parent, top } = transaction;
  if (transaction.status === "ended" || unitLease.isEnded) return error;
  transaction.rollingBack();
  if (parent !== undefined && top.failure !== undefined) return error;
  try {
    if (!unitLease.isAlive) return error;
    if (parent === undefined) await endAll(transaction, signal);
    else await conclude(transaction, `ROLLBACK TO SAVEPOINT ${transaction.savepoint}`, signal);
  } catch (cause) {
    if (parent === undefined) unitLease.breakOff();
    const message = "The transaction could not be rolled back";
    top.failure ??= new SubletError("TRANSACTION_LOST", "statement", message, { cause });
    noteSuppressed(error, cause);
  }
  return top === transaction ? escapeOf(transaction, error) : error;
}

/** Returns the failure of a transaction that had ended before its rollback, else `error`. */
function escapeOf({ isEscaped, failure }: Transaction, error: unknown) {
  if (!isEscaped || !(failure instanceof SubletError) || failure === error) return error;
  return new SubletError(failure.code, failure.stage, failure.message, { cause: error });
}

/** Rolls back on abort, whatever the code does at that time; returns a function to stop that. */
function rollBackOn(signal: Cancellation | undefined, transaction: Transaction): () => void {
  const abort = async (): Promise<void> => {
    transaction.failure ??= signal?.reason;
    // The same signal also aborts the statements under way; their listeners run first.
    await Promise.resolve();
    if (transaction.status !== "open") return;
    transaction.rollingBack();
    // `rollBack` reports a failed rollback only if the code ends meanwhile; the lease does not wait
    // for the code.
    if (transaction.unitLease.isAlive) {
      await endAll(transaction, signal).catch(() => transaction.unitLease.breakOff());
    }
    transaction.end();
  };
  signal?.addEventListener("abort", abort);
  return () => signal?.removeEventListener("abort", abort);
}

/** Sends ROLLBACK, once. */
function endAll(transaction: Transaction, signal: Cancellation | undefined): Promise<void> {
  const look = (): void => transaction.look();
  return transaction.rollback ??= conclude(transaction, "ROLLBACK", signal, look);
}

/** Sends a statement that ends a transaction; after an abort, waits for its answer only briefly. */
async function conclude(
  { unitLease }: Transaction,
  sql: string,
  signal: Cancellation | undefined,
  check?: () => void,
): Promise<void> {
  if (signal === undefined) return await runControl(unitLease, sql, signal, check);
  const { clock } = unitLease.runtime.interpreter;
  const late = new AbortController();
  let cancel: (() => void) | undefined;
  const abort = (): void => {
    cancel = clock.alarm(clock.now() + lastWordMs, () => late.abort(signal.reason));
  };
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort);
  try {
    await runControl(unitLease, sql, late.signal, check);
  } finally {
    signal.removeEventListener("abort", abort);
    cancel?.();
  }
}

/** Waits for the inner transactions that the code has begun and not awaited. */
async function untilChildEnds(transaction: Transaction): Promise<void> {
  const { interpreter } = transaction.unitLease.runtime;
  while (transaction.child !== undefined) {
    await until(interpreter, transaction.child.changed, noLimits);
  }
}

/** Adds the error of a failed rollback to the error that is thrown, as `suppressed`. */
function noteSuppressed(error: unknown, suppressed: unknown): void {
  if (!(error instanceof Error) || !Object.isExtensible(error)) return;
  Object.defineProperty(error, "suppressed", { value: suppressed, configurable: true });
}
