/**
 * Waits that end by the awaited event, by an abort, or by a timeout.
 *
 * The first of them ends the wait, which then removes its listener and its timer. A wait keeps the
 * process alive until it ends.
 */

import {
  type Cancellation,
  type Clock,
  excerptOf,
  type Instant,
  type Statement,
} from "../port/session.ts";
import { SubletError } from "./errors.ts";
import type { Lessor } from "./lease_request.ts";

/** A wait, which lasts until a call of `done` or `fail`, or until a limit is reached. */
export class Wait implements Limited {
  /** Runs the pool. */
  protected readonly interpreter: Lessor;
  readonly #settled: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #signal: Cancellation | undefined;
  readonly #limiter: Limiter | undefined;
  #isOver = false;

  /** Begins to wait. */
  constructor(interpreter: Lessor, limits: Limits) {
    this.interpreter = interpreter;
    this.#signal = limits.signal;
    interpreter.processRef.ref();
    this.#limiter = limiterOf(interpreter.clock, limits, this);
  }

  /** Returns the promise of its end; ends it first if its signal is aborted already. */
  begin(): Promise<void> {
    if (this.#signal?.aborted) this.abort(this.#signal.reason);
    return this.#settled.promise;
  }

  /** Ends it, as the awaited event has come. */
  done(): void {
    if (this.#end()) this.#settled.resolve();
  }

  /** Ends it with an error. */
  fail(error: unknown): void {
    if (this.#end()) this.#settled.reject(error);
  }

  /** Ends it with the reason, as its signal was aborted. */
  abort(reason: unknown): void {
    this.fail(reason);
  }

  /** Ends it with `STATEMENT_TIMEOUT`, as its time is up. */
  timeUp(): void {
    const message =
      `The statement was not sent within its timeout of ${this.#limiter?.timeoutMs} ms, as ` +
      "an earlier statement of its transaction still runs";
    this.fail(new SubletError("STATEMENT_TIMEOUT", "statement", message));
  }

  /** Called once when it ends, so that a subclass can undo what it has begun. */
  protected takeBack(): void {}

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#limiter?.end();
    this.interpreter.processRef.unref();
    this.takeBack();
    return true;
  }
}

/** Waits for `change`, which must never reject. */
export function until(interpreter: Lessor, change: Promise<void>, limits: Limits): Promise<void> {
  const wait = new Wait(interpreter, limits);
  change.then(() => wait.done());
  return wait.begin();
}

/** Returns the error of a statement that was sent, and not answered before its time was up. */
export function statementTimeout({ sql }: Statement, timeoutMs: number | undefined): SubletError {
  const message = `The server did not answer within the timeout of ${timeoutMs} ms, so the pool ` +
    `cancelled the statement: ${excerptOf(sql)}`;
  return new SubletError("STATEMENT_TIMEOUT", "statement", message);
}

/** What ends an operation early. */
export interface Limits {
  /** Ends it by an abort. */
  readonly signal: Cancellation | undefined;
  /** The time at which it ends. */
  readonly endsAt: Instant | undefined;
  /** How long after its beginning that is, in ms. */
  readonly timeoutMs?: number | undefined;
}

/** The limits of an operation that nothing ends early. */
export const noLimits: Limits = { signal: undefined, endsAt: undefined };

/** An operation that can end early. */
export interface Limited {
  /** Ends it, as its signal was aborted with that reason. */
  abort(reason: unknown): void;
  /** Ends it, as its time is up. */
  timeUp(): void;
}

/** Watches the limits of one operation, until the operation calls `end`. */
export class Limiter {
  /** How long after the beginning of the operation its time is up, in ms. */
  readonly timeoutMs: number | undefined;
  readonly #signal: Cancellation | undefined;
  readonly #aborted: (() => void) | undefined;
  readonly #cancelAlarm: (() => void) | undefined;

  /** Starts to watch: listens to the signal, and sets a timer. */
  constructor(clock: Clock, { signal, endsAt, timeoutMs }: Limits, limited: Limited) {
    this.timeoutMs = timeoutMs;
    this.#signal = signal;
    if (signal !== undefined) {
      this.#aborted = () => limited.abort(signal.reason);
      signal.addEventListener("abort", this.#aborted);
    }
    if (endsAt !== undefined && endsAt !== Infinity) {
      this.#cancelAlarm = clock.alarm(endsAt, () => limited.timeUp());
    }
  }

  /** Stops: removes the listener and the timer. */
  end(): void {
    this.#cancelAlarm?.();
    if (this.#aborted !== undefined) this.#signal?.removeEventListener("abort", this.#aborted);
  }

  /** Returns the error, or the signal's reason if the abort came before the error. */
  reasonOf(error: unknown): unknown {
    return this.#signal?.aborted ? this.#signal.reason : error;
  }
}

/** Returns a limiter, or undefined if there are no limits. */
export function limiterOf(clock: Clock, limits: Limits, limited: Limited): Limiter | undefined {
  const { signal, endsAt } = limits;
  return signal === undefined && endsAt === undefined
    ? undefined
    : new Limiter(clock, limits, limited);
}
