/**
 * Waits that end: by what was waited for, by a signal, or by the time.
 *
 * Whichever comes first ends the wait and takes back everything that the others would have
 * needed. While it lasts it keeps the process alive.
 */

import type { Cancellation, Clock, Instant } from "../port/session.ts";
import { SubletError } from "./errors.ts";
import type { Lessor } from "./lease_request.ts";

/** A wait under way, until `done` or `fail` is called or its limits are reached. */
export class Wait implements Limited {
  /** What it waits for something of. */
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

  /** Returns what tells its end; a wait that has been aborted before has ended by then. */
  begin(): Promise<void> {
    if (this.#signal?.aborted) this.abort(this.#signal.reason);
    return this.#settled.promise;
  }

  /** Ends it as what was waited for has come. */
  done(): void {
    if (this.#end()) this.#settled.resolve();
  }

  /** Ends it as what was waited for will not come. */
  fail(error: unknown): void {
    if (this.#end()) this.#settled.reject(error);
  }

  /** Ends it as its signal was aborted. */
  abort(reason: unknown): void {
    this.fail(reason);
  }

  /** Ends it as its time is up. */
  timeUp(): void {
    this.fail(statementTimeout());
  }

  /** Takes back what the wait has set going. */
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

/** Waits for a promise, which is never rejected. */
export function until(interpreter: Lessor, change: Promise<void>, limits: Limits): Promise<void> {
  const wait = new Wait(interpreter, limits);
  change.then(() => wait.done());
  return wait.begin();
}

/** Returns the error of a statement that has no answer yet when its time is up. */
export function statementTimeout(): SubletError {
  return new SubletError("STATEMENT_TIMEOUT", "statement", "No answer came in time");
}

/** Until when something may take. */
export interface Limits {
  /** Ends it when it is aborted. */
  readonly signal: Cancellation | undefined;
  /** Ends it at that time. */
  readonly endsAt: Instant | undefined;
}

/** The limits of what may take any time. */
export const noLimits: Limits = { signal: undefined, endsAt: undefined };

/** What can be ended early. */
export interface Limited {
  /** Ends it, as its signal was aborted with that reason. */
  abort(reason: unknown): void;
  /** Ends it, as its time is up. */
  timeUp(): void;
}

/** Watches the limits of one thing, until it is ended. */
export class Limiter {
  readonly #signal: Cancellation | undefined;
  readonly #aborted: (() => void) | undefined;
  readonly #cancelAlarm: (() => void) | undefined;

  /** Begins to watch. */
  constructor(clock: Clock, { signal, endsAt }: Limits, limited: Limited) {
    this.#signal = signal;
    if (signal !== undefined) {
      this.#aborted = () => limited.abort(signal.reason);
      signal.addEventListener("abort", this.#aborted);
    }
    if (endsAt !== undefined && endsAt !== Infinity) {
      this.#cancelAlarm = clock.alarm(endsAt, () => limited.timeUp());
    }
  }

  /** Watches no more. */
  end(): void {
    this.#cancelAlarm?.();
    if (this.#aborted !== undefined) this.#signal?.removeEventListener("abort", this.#aborted);
  }

  /** Returns an error, or the reason of the signal if that was aborted before the error came. */
  reasonOf(error: unknown): unknown {
    return this.#signal?.aborted ? this.#signal.reason : error;
  }
}

/** Returns what watches limits, if there are any. */
export function limiterOf(clock: Clock, limits: Limits, limited: Limited): Limiter | undefined {
  const { signal, endsAt } = limits;
  return signal === undefined && endsAt === undefined
    ? undefined
    : new Limiter(clock, limits, limited);
}
