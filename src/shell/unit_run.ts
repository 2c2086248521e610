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
import type { Realms } from "./realms.ts";
import { transact } from "./transaction.ts";
import { endFully, Unit, type UnitFrame } from "./unit.ts";
import type { UnitHandle } from "./unit_handle.ts";
import { bindingsOf, checkRetries, type UnitOptions } from "./unit_options.ts";
import { runControl } from "./unit_statement.ts";

/** Code of a unit; it may run statements by context, or by the handle that it gets. */
export type UnitCode<Target, Driver, T, Name extends string = string> = (
  unit: UnitHandle<Name, Target, Driver>,
) => T;

/**
 * Until the first repetition at most so long, in ms; it doubles with each, up to a maximum. By
 * chance it is up to half of that less, but never next to nothing, so that ten outlast a restart.
 */
const BACKOFF = { minTimeout: 50, maxTimeout: 1_000, multiplier: 2, jitter: 0.5 };

/** How far down the causes of an error are looked at, as they may go round in a circle. */
const CAUSES_MAX = 16;

/** Runs code as a unit of work. */
export async function runUnit<Target, Driver, T>(
  realms: Realms<Target, Driver>,
  fn: UnitCode<Target, Driver, T>,
  options: UnitOptions<string>,
): Promise<Awaited<T>> {
  const { retries = 0 } = options;
  checkRetries(retries);
  const around = realms.frames.getStore();
  const signal = either(around?.signal, options.signal);
  const outer = around?.unit.isEnded === false ? around.unit : undefined;
  const begin = (): Unit<Target, Driver> => {
    signal?.throwIfAborted();
    // Its connections have ended with it.
    if (realms.arePerUnit) outer?.check();
    return new Unit(realms.here(), { outer, host: options.ctx });
  };
  let unit = begin();
  if (retries === 0) return await runOnce(unit, fn, options, signal);
  let runs = 0;
  const run = (): Promise<Awaited<T>> => {
    if (++runs > 1) unit = begin();
    return runOnce(unit, fn, options, signal);
  };
  // An error of the last run is not wrapped, as it is taken for one that allows no other.
  const isRetriable = (error: unknown): boolean =>
    runs <= retries && !signal?.aborted && !realms.admission.isClosed &&
    !(realms.arePerUnit && outer?.isEnded) &&
    isSafeToRepeat(realms, error) && !hasLasted(unit, error);
  // It uses of a signal no more than this has.
  const limits = signal === undefined ? {} : { signal: signal as AbortSignal };
  return await retry(run, { ...BACKOFF, ...limits, maxAttempts: retries + 1, isRetriable });
}

async function runOnce<Target, Driver, T>(
  unit: Unit<Target, Driver>,
  fn: UnitCode<Target, Driver, T>,
  { bind = {}, transaction = [] }: UnitOptions<string>,
  signal: Cancellation | undefined,
): Promise<Awaited<T>> {
  try {
    const { homes, frames, handles, leaks } = unit.parts;
    const names = typeof transaction === "string" ? [transaction] : transaction;
    const code = (): unknown => fn(handles.unit(frames.getStore() as UnitFrame<Target, Driver>));
    const within = names.map((name) => homeNamed(homes, name)).reduceRight<() => unknown>(
      (inner, home) => () => transact(unit.parts, home, inner, {}, leaks.stackAbove(runUnit)),
      code,
    );
    for (const [home, overlay] of bindingsOf(homes, bind)) unit.bind(home, overlay);
    const parent = frames.getStore();
    const result = await frames.run({ unit, parent, scope: undefined, signal }, within);
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
  { isRepeatable }: Realms<Target, Driver>,
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
