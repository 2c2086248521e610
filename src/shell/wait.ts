/**
 * Waits that end: by what was waited for, by a signal, or by the time.
 *
 * Whichever comes first ends the wait and takes back everything that the others would have
 * needed. While it lasts it keeps the process alive.
 */

import type { Cancellation, Instant, Session, Statement } from "../port.ts";
import { either, Trigger } from "./cancellation.ts";
import { SubletError } from "./errors.ts";
import type { Interpreter } from "./interpreter.ts";

/** Until when something may take. */
export interface Limits {
  /** Ends it when it is aborted. */
  readonly signal: Cancellation | undefined;
  /** Ends it at that time. */
  readonly endsAt: Instant | undefined;
}

/** A wait under way, until `done` or `fail` is called or its limits are reached. */
export class Wait<Target, Driver> {
  /** What it waits for something of. */
  protected readonly interpreter: Interpreter<Target, Driver>;
  readonly #settled: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #signal: Cancellation | undefined;
  readonly #aborted: (() => void) | undefined;
  readonly #cancelAlarm: (() => void) | undefined;
  #isOver = false;

  /** Begins to wait. */
  constructor(interpreter: Interpreter<Target, Driver>, { signal, endsAt }: Limits) {
    this.interpreter = interpreter;
    this.#signal = signal;
    interpreter.hold.take();
    if (signal !== undefined) {
      this.#aborted = () => this.fail(signal.reason);
      signal.addEventListener("abort", this.#aborted);
    }
    if (endsAt !== undefined && endsAt !== Infinity) {
      this.#cancelAlarm = interpreter.clock.alarm(endsAt, () => this.expire());
    }
  }

  /** Returns what tells its end; a wait that has been aborted before has ended by then. */
  begin(): Promise<void> {
    if (this.#signal?.aborted) this.#aborted?.();
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

  /** Ends it as its time is up. */
  expire(): void {
    this.fail(statementTimeout());
  }

  /** Takes back what the wait has set going. */
  protected takeBack(): void {}

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#cancelAlarm?.();
    if (this.#aborted !== undefined) this.#signal?.removeEventListener("abort", this.#aborted);
    this.interpreter.hold.drop();
    this.takeBack();
    return true;
  }
}

/** Waits for a promise, which is never rejected. */
export function until<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  change: Promise<void>,
  limits: Limits,
): Promise<void> {
  const wait = new Wait(interpreter, limits);
  change.then(() => wait.done());
  return wait.begin();
}

/** Runs a statement in a session; one that takes too long ends the session. */
export function runWithin<Target, Driver>(
  interpreter: Interpreter<Target, Driver>,
  session: Session<Target, Driver>,
  statement: Statement,
  { signal, endsAt }: Limits,
): Promise<[unknown, unknown]> {
  signal?.throwIfAborted();
  if (endsAt === undefined) return session.run(statement, signal);
  const end = new Trigger();
  const cancel = interpreter.clock.alarm(endsAt, () => end.abort(statementTimeout()));
  return session.run(statement, either(signal, end)).finally(cancel);
}

function statementTimeout(): Error {
  return new SubletError("STATEMENT_TIMEOUT", "statement", "No answer came in time");
}
