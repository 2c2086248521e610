/**
 * Running code as a unit of work, more than once if it may be.
 *
 * A unit is repeated as a whole only if its code says that it may be, and only after errors
 * that are known to leave nothing behind: never after a COMMIT whose answer was lost.
 */

import { retry } from "@std/async/retry";
import type { Cancellation } from "../port.ts";
import { either } from "./cancellation.ts";
import { SubletError } from "./errors.ts";
import { homeNamed } from "./home.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import { transact } from "./transaction.ts";
import { endFully, type FrameCode, Unit, type UnitEngine } from "./unit.ts";
import { bindingsOf, checkRetries, type UnitOptions } from "./unit_options.ts";
import { runControl } from "./unit_statement.ts";

/**
 * Until the first repetition at most so long, in ms; it doubles with each, up to a maximum. By
 * chance it is up to half of that less, but never next to nothing, so that ten outlast a restart.
 */
const BACKOFF = { minTimeout: 50, maxTimeout: 1_000, multiplier: 2, jitter: 0.5 };

/** How far down the causes of an error are looked at, as they may go round in a circle. */
const CAUSES_MAX = 16;

/** Runs code as a unit of work; it is given its frame. */
export async function runUnit<Target, Driver, T>(
  engine: UnitEngine<Target, Driver>,
  fn: FrameCode<Target, Driver, T>,
  options: UnitOptions<string>,
): Promise<Awaited<T>> {
  const { retries = 0 } = options;
  checkRetries(retries);
  const around = engine.frames.getStore();
  const signal = either(around?.signal, options.signal);
  const outer = around?.unit.isEnded === false ? around.unit : undefined;
  const begin = (): Unit<Target, Driver> => {
    signal?.throwIfAborted();
    // Its connections have ended with it.
    if (engine.isPerUnit) outer?.check();
    return new Unit(engine.runtimeHere(), engine.handle, { outer, host: options.ctx });
  };
  let unit = begin();
  if (retries === 0) return await runOnce(engine, unit, fn, options, signal);
  let runs = 0;
  const run = (): Promise<Awaited<T>> => {
    if (++runs > 1) unit = begin();
    return runOnce(engine, unit, fn, options, signal);
  };
  // An error of the last run is not wrapped, as it is taken for one that allows no other.
  const isRetriable = (error: unknown): boolean =>
    runs <= retries && !signal?.aborted && !engine.handle.isClosed &&
    !(engine.isPerUnit && outer?.isEnded) &&
    isSafeToRepeat(unit.runtime, error) && !hasLasted(unit, error);
  // It uses of a signal no more than this has.
  const limits = signal === undefined ? {} : { signal: signal as AbortSignal };
  return await retry(run, { ...BACKOFF, ...limits, maxAttempts: retries + 1, isRetriable });
}

async function runOnce<Target, Driver, T>(
  engine: UnitEngine<Target, Driver>,
  unit: Unit<Target, Driver>,
  fn: FrameCode<Target, Driver, T>,
  { bind = {}, transaction = [] }: UnitOptions<string>,
  signal: Cancellation | undefined,
): Promise<Awaited<T>> {
  try {
    const { runtime } = unit;
    const { homes, leaks } = runtime;
    const names = typeof transaction === "string" ? [transaction] : transaction;
    const within = names.map((name) => homeNamed(homes, name)).reduceRight<
      FrameCode<Target, Driver, unknown>
    >((inner, home) => {
      return () => transact(engine, runtime, home, inner, {}, leaks.stackAbove(runUnit));
    }, fn);
    for (const [home, overlay] of bindingsOf(homes, bind)) unit.bind(home, overlay);
    const frame = { unit, parent: engine.frames.getStore(), scope: undefined, signal };
    const result = await engine.frames.run(frame, within, frame);
    await checkNoneOpen(unit, signal);
    return result as Awaited<T>;
  } finally {
    await endFully(unit);
  }
}

/** Rolls back what statements of the unit have begun by hand and none has ended, and throws. */
async function checkNoneOpen<Target, Driver>(
  unit: Unit<Target, Driver>,
  signal: Cancellation | undefined,
): Promise<void> {
  // Asked for its session, a lost one throws what it was lost by.
  for (const lost of unit.lostByHand) void lost.session;
  const open = unit.openByHand;
  if (open.length === 0) return;
  // What a ROLLBACK does not end, as an XA transaction, ends when the session is wiped.
  const failures = open.map((held) => runControl(held, "ROLLBACK", signal).catch((cause) => cause));
  const cause = (await Promise.all(failures)).find((failure) => failure !== undefined);
  const names = open.map(({ home }) => JSON.stringify(home.name)).join(" and ");
  const prose = `The unit ended with a transaction that a statement of it had begun on ${names}: ` +
    "the pool has rolled it back. End it by COMMIT, or use `transaction`";
  throw new SubletError("TRANSACTION_OPEN", "unit", prose, cause === undefined ? {} : { cause });
}

/** Tells whether something of a unit may have become permanent; then its error says so. */
function hasLasted<Target, Driver>(
  unit: Unit<Target, Driver> | undefined,
  error: unknown,
): boolean {
  if (unit?.mayBePermanent !== true) return false;
  if (error instanceof Error) {
    const { message } = error;
    const told = `${message} (the unit is not repeated, as something that it wrote before may ` +
      "have become permanent)";
    error.message = told;
    const { stack } = error;
    if (stack !== undefined && message !== "") error.stack = stack.replace(message, () => told);
  }
  return true;
}

/** Tells whether nothing of a unit that failed with an error can have been left behind. */
function isSafeToRepeat<Target, Driver>(
  { isRepeatable }: PoolRuntime<Target, Driver>,
  error: unknown,
): boolean {
  let isSafe = isRepeatable(error);
  let at = error;
  for (let depth = 0; at instanceof Error && depth < CAUSES_MAX; at = at.cause, depth++) {
    if (!(at instanceof SubletError)) continue;
    if (at.code === "COMMIT_UNKNOWN") return false;
    isSafe ||= at.code === "CONNECTION_LOST";
  }
  return isSafe;
}
