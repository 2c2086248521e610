/**
 * Waits that end: by what was waited for, by an `AbortSignal`, or by the time.
 *
 * Whichever comes first ends the wait and takes back everything that the others would have
 * needed. Events of the core are handled within one call, so between a grant and the end of
 * a wait nothing can come: a claim is either withdrawn or granted, never both.
 */

import type { Instant, Session, Statement } from "../port.ts";
import type { Claim } from "./claim.ts";
import { type ErrorCode, SubletError } from "./errors.ts";
import type { Interpreter } from "./interpreter.ts";

/** Until when something may take. */
export interface Limits {
  /** Ends it when it is aborted. */
  readonly signal: AbortSignal | undefined;
  /** Ends it at that time. */
  readonly endsAt: Instant | undefined;
}

/** The two ways in which what was waited for ends a wait. */
interface Wait {
  done(): void;
  fail(error: unknown): void;
}

/**
 * Waits for the answer to a claim; rejects if it is refused, or takes too long. The last to
 * give up takes the claim back.
 */
export function granted<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  claim: Claim<Target, Driver>,
  { signal, endsAt }: Limits,
  acquireMs: number,
): Promise<void> {
  if (claim.refusal !== undefined) return Promise.reject(refusalOf(interpreter, claim));
  const now = interpreter.clock.now();
  const leaseEndsAt = Math.min(now + acquireMs, endsAt ?? Infinity);
  const waitings = claim.waitings ??= new Set();
  const expired = (): Error => {
    const prose = `No actual connection was free for ${JSON.stringify(name)} ` +
      `within ${Math.round(leaseEndsAt - now)} ms`;
    const { lastFailure } = interpreter;
    const cause = lastFailure === undefined ? {} : { cause: lastFailure };
    return new SubletError("LEASE_TIMEOUT", "lease", prose, {
      census: interpreter.census(),
      ...cause,
    });
  };
  const name = interpreter.nameOf(claim.virtual);
  return wait(interpreter, { signal, endsAt: leaseEndsAt }, expired, ({ done, fail }) => {
    const answered = (): void => {
      if (claim.refusal === undefined) done();
      else fail(refusalOf(interpreter, claim));
    };
    const waiting = { answered, dismiss: fail };
    waitings.add(waiting);
    return () => {
      waitings.delete(waiting);
      if (claim.status === "waiting" && waitings.size === 0) interpreter.withdraw(claim);
    };
  });
}

/** Waits for a promise, which is never rejected. */
export function until<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  change: Promise<void>,
  limits: Limits,
): Promise<void> {
  return wait(interpreter, limits, statementTimeout, ({ done }) => {
    change.then(done);
    return () => undefined;
  });
}

/** Runs a statement in a session; one that takes too long ends the session. */
export async function runWithin<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  session: Session<Target, Driver>,
  statement: Statement,
  { signal, endsAt }: Limits,
): Promise<[unknown, unknown]> {
  signal?.throwIfAborted();
  if (endsAt === undefined) return await session.run(statement, signal);
  const end = new AbortController();
  const cancel = interpreter.clock.alarm(endsAt, () => end.abort(statementTimeout()));
  try {
    return await session.run(statement, either(signal, end.signal));
  } finally {
    cancel();
  }
}

/** Returns a signal that is aborted as soon as one of two is. */
export function either(
  one: AbortSignal | undefined,
  other: AbortSignal | undefined,
): AbortSignal | undefined {
  if (one === undefined || one === other) return other;
  return other === undefined ? one : AbortSignal.any([one, other]);
}

/** Fulfilled after a time; rejected with the signal's reason if that comes first. */
export function pause<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  durationMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const endsAt = interpreter.clock.now() + durationMs;
  return wait(interpreter, { signal, endsAt: undefined }, statementTimeout, ({ done }) => {
    return interpreter.clock.alarm(endsAt, done);
  });
}

const REFUSALS: Record<
  "connectFailed" | "deadlock" | "draining" | "lineFull",
  readonly [code: ErrorCode, prose: string]
> = {
  connectFailed: ["CONNECT_FAILED", "Cannot open an actual connection"],
  deadlock: [
    "LEASE_DEADLOCK",
    "Cannot lease another actual connection as all wait for one another",
  ],
  draining: ["POOL_DRAINING", "Cannot lease an actual connection as the pool is ending"],
  lineFull: ["LINE_FULL", "Cannot wait for an actual connection as the line is full"],
};

/** Returns the error that says why a claim was refused. */
function refusalOf<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  { virtual, refusal }: Claim<Target, Driver>,
): SubletError {
  const [code, prose] = REFUSALS[refusal?.reason ?? "draining"];
  const told = `${prose}, for ${JSON.stringify(interpreter.nameOf(virtual))}`;
  const stage = code === "CONNECT_FAILED" ? "connect" : "lease";
  const cause = refusal?.cause === undefined ? {} : { cause: refusal.cause };
  return new SubletError(code, stage, told, { census: interpreter.census(), ...cause });
}

function statementTimeout(): Error {
  return new SubletError("STATEMENT_TIMEOUT", "statement", "No answer came in time");
}

/** Begins a wait; `start` returns what takes it back. */
function wait<Target, Driver>(
  { clock, hold }: Interpreter<Target, Driver>,
  { signal, endsAt }: Limits,
  expired: () => Error,
  start: (wait: Wait) => () => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isOver = false;
  const end = (settle: () => void): void => {
    if (isOver) return;
    isOver = true;
    cancelAlarm?.();
    signal?.removeEventListener("abort", aborted);
    hold.drop();
    takeBack();
    settle();
  };
  const done = (): void => end(resolve);
  const fail = (error: unknown): void => end(() => reject(error));
  const aborted = (): void => fail(signal?.reason);
  hold.take();
  signal?.addEventListener("abort", aborted);
  const takeBack = start({ done, fail });
  const cancelAlarm = endsAt === undefined || endsAt === Infinity
    ? undefined
    : clock.alarm(endsAt, () => fail(expired()));
  if (signal?.aborted) aborted();
  return promise;
}
