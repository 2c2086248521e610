/**
 * Ends waits and statements early: a cheap substitute for many listeners on an `AbortSignal`.
 *
 * Adding a listener to an `AbortSignal` takes longer the more listeners it has, and deriving a
 * signal from two costs more than a statement. So the pool adds one listener to each signal that a
 * caller gives, and keeps its own listeners in a set behind it.
 */

import type { Cancellation } from "../port/session.ts";
import { SubletError } from "./errors.ts";
import { kindOf } from "./option_names.ts";

type Listener = () => void;

/** The listeners of one cancellation: each is called once, in the order in which they came. */
class Listeners {
  readonly #listeners = new Set<Listener>();

  /** The number of listeners. */
  get size(): number {
    return this.#listeners.size;
  }

  add(listener: Listener): void {
    this.#listeners.add(listener);
  }

  delete(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  /** Calls all. If one throws, its error becomes an uncaught exception; the others still run. */
  tell(): void {
    for (const listener of [...this.#listeners]) {
      if (!this.#listeners.delete(listener)) continue;
      try {
        listener();
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** A cancellation by a signal that a caller gave. */
class SignalCancellation implements Cancellation {
  readonly #signal: AbortSignal;
  readonly #listeners = new Listeners();
  readonly #tell: Listener = () => this.#listeners.tell();
  #reason: Error | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get aborted(): boolean {
    return this.#signal.aborted;
  }

  get reason(): unknown {
    return this.#reason ??= errorOf(this.#signal.reason);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  addEventListener(_name: "abort", listener: Listener): void {
    if (this.aborted) return;
    if (this.#listeners.size === 0) this.#signal.addEventListener("abort", this.#tell);
    this.#listeners.add(listener);
  }

  removeEventListener(_name: "abort", listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.#signal.removeEventListener("abort", this.#tell);
  }
}

/** Returns the reason of an abort or, if that is no error, an error with the reason as cause. */
function errorOf(reason: unknown): Error {
  // By its tag, an error of another realm (a `vm` context, as in Jest) counts, too.
  const isError = reason instanceof Error ||
    Object.prototype.toString.call(reason) === "[object Error]";
  if (isError) return reason as Error;
  const error = new Error(`The operation was aborted: ${String(reason)}`, { cause: reason });
  return Object.assign(error, { name: "AbortError", code: "ABORT_ERR" });
}

/** A cancellation by either of two others, the earlier one. */
class EitherCancellation implements Cancellation {
  readonly #one: Cancellation;
  readonly #other: Cancellation;
  /** For each listener, the function that both call: it removes itself from both, then calls it. */
  readonly #calls = new Map<Listener, Listener>();
  /** Which of the two was aborted first; set when the first listener is called. */
  #first: Cancellation | undefined;

  constructor(one: Cancellation, other: Cancellation) {
    this.#one = one;
    this.#other = other;
  }

  get aborted(): boolean {
    return this.#come !== undefined;
  }

  get reason(): unknown {
    return this.#come?.reason;
  }

  throwIfAborted(): void {
    this.#come?.throwIfAborted();
  }

  addEventListener(_name: "abort", listener: Listener): void {
    if (this.aborted || this.#calls.has(listener)) return;
    const call = (): void => {
      this.#first ??= this.#come;
      this.removeEventListener("abort", listener);
      listener();
    };
    this.#calls.set(listener, call);
    this.#one.addEventListener("abort", call);
    this.#other.addEventListener("abort", call);
  }

  removeEventListener(_name: "abort", listener: Listener): void {
    const call = this.#calls.get(listener);
    if (call === undefined) return;
    this.#calls.delete(listener);
    this.#one.removeEventListener("abort", call);
    this.#other.removeEventListener("abort", call);
  }

  get #come(): Cancellation | undefined {
    if (this.#first !== undefined) return this.#first;
    return [this.#one, this.#other].find(({ aborted }) => aborted);
  }
}

/** A cancellation by the pool itself. */
export class Trigger implements Cancellation {
  readonly #listeners = new Listeners();
  #aborted = false;
  #reason: unknown;

  /** Whether {@linkcode abort} was called. */
  get aborted(): boolean {
    return this.#aborted;
  }

  /** The reason given to {@linkcode abort}. */
  get reason(): unknown {
    return this.#reason;
  }

  /** Aborts, and calls the listeners; a second call does nothing. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#listeners.tell();
  }

  /** Throws the reason if aborted. */
  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  /** Adds a listener, which is called on abort. */
  addEventListener(_name: "abort", listener: Listener): void {
    if (!this.#aborted) this.#listeners.add(listener);
  }

  /** Removes a listener. */
  removeEventListener(_name: "abort", listener: Listener): void {
    this.#listeners.delete(listener);
  }
}

const known: WeakMap<AbortSignal, Cancellation> = new WeakMap();

/**
 * Returns the cancellation of a signal: always the same object for the same signal.
 *
 * @throws `SubletError` with the code `OPTION_INVALID` if the caller gave no signal.
 */
export function cancellationOf(
  signal: AbortSignal | Cancellation | undefined,
): Cancellation | undefined {
  if (signal === undefined) return undefined;
  if (!(signal instanceof AbortSignal)) return checkSignal(signal);
  const found = known.get(signal);
  if (found !== undefined) return found;
  const created = new SignalCancellation(signal);
  known.set(signal, created);
  return created;
}

/** Throws if a value is neither a cancellation nor the signal of another realm, such as Jest's. */
function checkSignal(signal: Cancellation): Cancellation {
  const { aborted, addEventListener } = Object(signal) as Partial<Cancellation>;
  if (typeof aborted === "boolean" && typeof addEventListener === "function") return signal;
  const isController = Object.prototype.toString.call(signal) === "[object AbortController]";
  const received = isController ? "the AbortController that has it" : kindOf(signal);
  const message = `The option "signal" must be an AbortSignal: received ${received}`;
  throw new SubletError("OPTION_INVALID", "options", message);
}

/** Returns a cancellation by either of two, if any is given. */
export function either(
  one: AbortSignal | Cancellation | undefined,
  other: AbortSignal | Cancellation | undefined,
): Cancellation | undefined {
  const [first, second] = [cancellationOf(one), cancellationOf(other)];
  if (first === undefined || first === second) return second;
  return second === undefined ? first : new EitherCancellation(first, second);
}
