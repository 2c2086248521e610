/**
 * Transactions: begun before their code runs, committed when it has ended well, rolled back
 * when it throws.
 *
 * A transaction inside another one on the same virtual connection is a savepoint. The answer
 * to what ends one is waited for; after an abort for a little while only, as the network may
 * never bring it. If that of a COMMIT does not come, the error says that nobody knows what
 * became of the transaction.
 */

import type { Cancellation } from "../port.ts";
import { either } from "./cancellation.ts";
import { SubletError } from "./errors.ts";
import { checkScope, type Held } from "./held.ts";
import type { Home, Parts } from "./parts.ts";
import { Scope } from "./scope.ts";
import { keepStack, restack } from "./statement.ts";
import { endFully, type Frame, scopeOf, Unit } from "./unit.ts";
import { until } from "./wait.ts";

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
  /** What it sees of others; the server's default unless given. Not for one inside another. */
  readonly isolation?: Isolation | undefined;
  /** Whether the server lets it write nothing; false unless given. Not for one inside another. */
  readonly readOnly?: boolean | undefined;
}

const ISOLATIONS: readonly Isolation[] = [
  "read uncommitted",
  "read committed",
  "repeatable read",
  "serializable",
];

/** How long after an abort the answer to what ends a transaction is waited for, in ms. */
const lastWordMs = 1_000;

/** Runs code in a transaction; outside of any unit of work, it is a unit of its own. */
export async function transact<Target, Driver, T>(
  parts: Parts<Target, Driver>,
  home: Home<Target>,
  fn: () => T,
  options: TransactionOptions,
  stack: string | undefined,
): Promise<Awaited<T>> {
  const around = parts.frames.getStore();
  const signal = either(around?.signal, options.signal);
  let own: Unit<Target, Driver> | undefined;
  try {
    const begin = beginningOf(options);
    signal?.throwIfAborted();
    const unit = around?.unit ?? (own = new Unit<Target, Driver>(parts, false));
    const frame = { unit, parent: around?.parent, scope: around?.scope, signal };
    return await transactIn(parts, home, fn, frame, around, begin, stack);
  } catch (error) {
    throw restack(error, transact);
  } finally {
    if (own !== undefined) await endFully(own);
  }
}

async function transactIn<Target, Driver, T>(
  parts: Parts<Target, Driver>,
  home: Home<Target>,
  fn: () => T,
  frame: Frame<Target, Driver>,
  around: Frame<Target, Driver> | undefined,
  begin: readonly string[],
  stack: string | undefined,
): Promise<Awaited<T>> {
  const { unit, signal } = frame;
  const held = unit.hold(home);
  held.keep();
  let scope: Scope<Target, Driver> | undefined;
  let stop: (() => void) | undefined;
  try {
    scope = await enterLevel(parts, held, frame);
    await open(scope, frame, begin);
    held.watch(stack);
    if (scope.parent === undefined) stop = rollBackOn(signal, scope, parts);
    try {
      const result = await runCode(parts, { unit, parent: around, scope, signal }, fn);
      await commit(scope, parts, signal);
      return result;
    } catch (error) {
      await rollBack(scope, parts, error, signal);
      throw error;
    }
  } finally {
    stop?.();
    scope?.become("ended");
    if (scope?.parent === undefined) held.forgetEcho();
    held.unkeep();
    if (scope?.parent === undefined) held.leaveLost();
  }
}

/** Rolls a transaction back on an abort, whatever its code is at; returns what stops that. */
function rollBackOn<Target, Driver>(
  signal: Cancellation | undefined,
  scope: Scope<Target, Driver>,
  parts: Parts<Target, Driver>,
): () => void {
  const abort = async (): Promise<void> => {
    scope.failure ??= signal?.reason;
    // Statements that are under way are aborted by the same signal: they end the session.
    await Promise.resolve();
    if (scope.status !== "open" || !scope.held.isAlive) return;
    // Whether that has failed is asked when the code has ended.
    endAll(scope, parts, signal).catch(() => undefined);
  };
  signal?.addEventListener("abort", abort);
  return () => signal?.removeEventListener("abort", abort);
}

/** Sends ROLLBACK, once. */
function endAll<Target, Driver>(
  scope: Scope<Target, Driver>,
  parts: Parts<Target, Driver>,
  signal: Cancellation | undefined,
): Promise<void> {
  return scope.rollback ??= conclude(scope, parts, "ROLLBACK", signal);
}

/** Sends what ends a transaction; after an abort, its answer has a little time to come. */
async function conclude<Target, Driver>(
  { held }: Scope<Target, Driver>,
  { interpreter: { clock } }: Parts<Target, Driver>,
  sql: string,
  signal: Cancellation | undefined,
): Promise<void> {
  if (signal === undefined) return await held.control(sql, signal);
  const late = new AbortController();
  let cancel: (() => void) | undefined;
  const abort = (): void => {
    cancel = clock.alarm(clock.now() + lastWordMs, () => late.abort(signal.reason));
  };
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort);
  try {
    await held.control(sql, late.signal);
  } finally {
    signal.removeEventListener("abort", abort);
    cancel?.();
  }
}

async function runCode<Target, Driver, T>(
  { frames }: Parts<Target, Driver>,
  frame: Frame<Target, Driver>,
  fn: () => T,
): Promise<Awaited<T>> {
  try {
    return await frames.run(frame, fn);
  } catch (error) {
    keepStack(error);
    throw error;
  }
}

/** Waits for its turn among those that were started side by side. */
async function enterLevel<Target, Driver>(
  { interpreter }: Parts<Target, Driver>,
  held: Held<Target, Driver>,
  frame: Frame<Target, Driver>,
): Promise<Scope<Target, Driver>> {
  const { unit, signal } = frame;
  const parent = scopeOf(frame, held.home);
  for (;;) {
    unit.check();
    if (parent !== undefined) checkScope(parent);
    const open = (parent ?? held).child;
    if (open === undefined) return new Scope(held, parent);
    await until(interpreter, open.changed, { signal, endsAt: undefined });
  }
}

async function open<Target, Driver>(
  scope: Scope<Target, Driver>,
  frame: Frame<Target, Driver>,
  begin: readonly string[],
): Promise<void> {
  const { held, parent } = scope;
  const { unit, signal } = frame;
  await held.open(frame, { signal, endsAt: undefined });
  unit.check();
  if (parent !== undefined) {
    await held.control(`SAVEPOINT ${scope.savepoint}`, signal);
  } else if (held.session.isInTransaction) {
    const prose = "Cannot begin a transaction as a statement of this unit has begun one by hand";
    throw new SubletError("TRANSACTION_OPEN", "unit", prose);
  } else {
    for (const sql of begin) await held.control(sql, signal);
  }
  unit.check();
  scope.become("open");
}

async function commit<Target, Driver>(
  scope: Scope<Target, Driver>,
  parts: Parts<Target, Driver>,
  signal: Cancellation | undefined,
): Promise<void> {
  const { held, parent } = scope;
  await endChildren(scope, parts);
  held.unit.check();
  checkScope(scope);
  signal?.throwIfAborted();
  const { session } = held;
  scope.become("ending");
  if (parent !== undefined) {
    return await held.control(`RELEASE SAVEPOINT ${scope.savepoint}`, signal);
  }
  try {
    await conclude(scope, parts, "COMMIT", signal);
  } catch (cause) {
    if (session.isAlive && !parts.isLoss(cause)) throw cause;
    throw new SubletError("COMMIT_UNKNOWN", "commit", "No answer to COMMIT came", { cause });
  }
}

/** Rolls back what has not ended with its unit or its connection. */
async function rollBack<Target, Driver>(
  scope: Scope<Target, Driver>,
  parts: Parts<Target, Driver>,
  error: unknown,
  signal: Cancellation | undefined,
): Promise<void> {
  const { held, parent } = scope;
  await endChildren(scope, parts);
  if (scope.status === "ended" || held.isEnded) return;
  scope.become("ending");
  if (scope.top.failure !== undefined && parent !== undefined) return;
  try {
    if (!held.isAlive) return;
    if (parent === undefined) await endAll(scope, parts, signal);
    else await conclude(scope, parts, `ROLLBACK TO SAVEPOINT ${scope.savepoint}`, signal);
  } catch (cause) {
    if (parent === undefined) held.breakOff();
    const prose = "The transaction could not be rolled back";
    scope.top.failure ??= new SubletError("TRANSACTION_LOST", "statement", prose, { cause });
    noteSuppressed(error, cause);
  }
}

/** Waits for transactions that the code has begun in this one and not awaited. */
async function endChildren<Target, Driver>(
  scope: Scope<Target, Driver>,
  { interpreter }: Parts<Target, Driver>,
): Promise<void> {
  while (scope.child !== undefined) {
    await until(interpreter, scope.child.changed, { signal: undefined, endsAt: undefined });
  }
}

/** Returns the statements that begin a transaction. */
function beginningOf({ isolation, readOnly }: TransactionOptions): readonly string[] {
  const start = readOnly ? "START TRANSACTION READ ONLY" : "START TRANSACTION";
  if (isolation === undefined) return [start];
  if (!ISOLATIONS.includes(isolation)) {
    const known = ISOLATIONS.join('", "');
    const prose = `The isolation must be one of "${known}": received ${JSON.stringify(isolation)}`;
    throw new SubletError("OPTION_INVALID", "options", prose);
  }
  return [`SET TRANSACTION ISOLATION LEVEL ${isolation.toUpperCase()}`, start];
}

/** Adds to an error, which is thrown all the same, that the rollback after it failed. */
function noteSuppressed(error: unknown, suppressed: unknown): void {
  if (!(error instanceof Error) || !Object.isExtensible(error)) return;
  Object.defineProperty(error, "suppressed", { value: suppressed, configurable: true });
}
