/** Runs code as a unit of work, and repeats the unit if the caller and the error allow it. */

import { retry } from "@std/async/retry";
import type { Cancellation } from "../port/session.ts";
import { either } from "./cancellation.ts";
import { SubletError } from "./errors.ts";
import { transact } from "./transact.ts";
import { type ContextCode, endFully, Unit, type UnitContext, type UnitEngine } from "./unit.ts";
import { bindingsOf, checkRetries, transactionsOf, type UnitOptions } from "./unit_options.ts";
import { isSafeToRepeat, provesReads, tellLasting } from "./unit_repeat.ts";
import { runControl } from "./unit_statement.ts";

/**
 * The delay before a repetition, in ms: it begins with `minTimeout` and doubles each time, up to
 * `maxTimeout`. The pool reduces it at random, but at most by half: ten delays outlast a restart.
 */
const BACKOFF = { minTimeout: 50, maxTimeout: 1_000, multiplier: 2, jitter: 0.5 };

/** Runs code, which gets its context, as a unit of work. */
export async function runUnit<T>(
  engine: UnitEngine,
  fn: ContextCode<T>,
  options: UnitOptions<string>,
): Promise<Awaited<T>> {
  const { retries = 0 } = options;
  checkRetries(retries);
  const around = engine.contexts.getStore();
  const signal = either(around?.signal, options.signal);
  const outer = around?.unit.isEnded === false ? around.unit : undefined;
  const begin = (): Unit => {
    signal?.throwIfAborted();
    // If the outer unit has ended, its connections have ended with it.
    if (engine.isPerUnit) outer?.check();
    return new Unit(engine.runtimeHere(), engine.handle, { outer, host: options.ctx });
  };
  let unit = begin();
  if (retries === 0) return await runOnce(engine, unit, fn, options, signal);
  let runs = 0;
  let failure: unknown;
  let hasWritten = false;
  const run = async (): Promise<Awaited<T>> => {
    if (++runs > 1) {
      if (!await hasOnlyRead(engine, unit, begin, signal)) {
        hasWritten = true;
        tellLasting(failure);
        throw failure;
      }
      unit = begin();
    }
    try {
      return await runOnce(engine, unit, fn, options, signal);
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  // False after the last run, so that `retry` throws the error itself and does not wrap it.
  const isRetriable = (error: unknown): boolean => {
    const isOver = hasWritten || runs > retries;
    if (isOver || signal?.aborted || engine.handle.isClosed) return false;
    if (engine.isPerUnit && outer?.isEnded || !isSafeToRepeat(unit.runtime, error)) return false;
    if (unit.mayBePermanent) tellLasting(error);
    return !unit.mayBePermanent;
  };
  // `retry` uses only those members of a signal that this one has.
  const limits = signal === undefined ? {} : { signal: signal as AbortSignal };
  return await retry(run, { ...BACKOFF, ...limits, maxAttempts: retries + 1, isRetriable });
}

async function runOnce<T>(
  engine: UnitEngine,
  unit: Unit,
  fn: ContextCode<T>,
  { bind = {}, transaction }: UnitOptions<string>,
  signal: Cancellation | undefined,
): Promise<Awaited<T>> {
  try {
    const { runtime } = unit;
    const { virtualConfigs, leaks } = runtime;
    const configs = transactionsOf(virtualConfigs, transaction);
    const within = configs.reduceRight<ContextCode<unknown>>((inner, virtualConfig) => {
      return () => transact(engine, runtime, virtualConfig, inner, {}, leaks.stackAbove(runUnit));
    }, fn);
    for (const [virtualConfig, overrides] of bindingsOf(virtualConfigs, bind)) {
      unit.bind(virtualConfig, overrides);
    }
    const context = { unit, parent: engine.contexts.getStore(), transaction: undefined, signal };
    const result = await engine.contexts.run(context, within, context);
    await checkNoneOpen(unit, signal);
    return result as Awaited<T>;
  } finally {
    await endFully(unit);
  }
}

/** Asks the servers whether the unproven reads of an ended unit have written nothing. */
async function hasOnlyRead(
  engine: UnitEngine,
  ended: Unit,
  begin: () => Unit,
  signal: Cancellation | undefined,
): Promise<boolean> {
  for (const [{ target }, reads] of ended.unprovenReads) {
    const prove = (context: UnitContext): Promise<boolean> => provesReads(target, reads, context);
    if (!await runOnce(engine, begin(), prove, {}, signal)) return false;
  }
  return true;
}

/** Throws if a transaction that a statement of the unit has begun is open; rolls it back first. */
async function checkNoneOpen(unit: Unit, signal: Cancellation | undefined): Promise<void> {
  // If such a transaction was lost, this getter throws the error that says why.
  for (const lost of unit.lostByHand) void lost.session;
  const open = unit.openByHand;
  if (open.length === 0) return;
  // ROLLBACK does not end every transaction (XA, for one); the reset of the session does.
  const failures = open.map((unitLease) =>
    runControl(unitLease, "ROLLBACK", signal).catch((cause) => cause)
  );
  const cause = (await Promise.all(failures)).find((failure) => failure !== undefined);
  const names = open.map(({ virtualConfig }) => JSON.stringify(virtualConfig.name)).join(" and ");
  const message =
    `The unit ended with a transaction that a statement of it had begun on ${names}: ` +
    "the pool has rolled it back. End it by COMMIT, or use `transaction`";
  throw new SubletError("TRANSACTION_OPEN", "unit", message, cause === undefined ? {} : { cause });
}
