/**
 * What ends waits and statements early, for any number of them at little cost each.
 *
 * To add a listener to an `AbortSignal` takes the longer the more it has, and to derive a signal
 * from two costs more than a statement. So each signal of a user gets one listener, and those who
 * wait for it stand in a set behind that.
 */

import type { Cancellation } from "../port.ts";

type Listener = () => void;

/** Those who are told of one end, once and in the order in which they came. */
class Listeners {
  readonly #listeners = new Set<Listener>();

  /** How many there are. */
  get size(): number {
    return this.#listeners.size;
  }

  add(listener: Listener): void {
    this.#listeners.add(listener);
  }

  delete(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  /** Tells all; one that throws becomes an uncaught exception of its own, and keeps nobody else. */
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

/** The end that a signal of a user brings. */
class SignalCancellation implements Cancellation {
  readonly #signal: AbortSignal;
  readonly #listeners = new Listeners();
  readonly #tell: Listener = () => this.#listeners.tell();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get aborted(): boolean {
    return this.#signal.aborted;
  }

  get reason(): unknown {
    return this.#signal.reason;
  }

  throwIfAborted(): void {
    this.#signal.throwIfAborted();
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

/** The end that the earlier of two brings. */
class EitherCancellation implements Cancellation {
  readonly #one: Cancellation;
  readonly #other: Cancellation;
  /** What each listener is called by, which takes it back from both. */
  readonly #calls = new Map<Listener, Listener>();
  /** Which of them came first, once a listener was told. */
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

/** An end that the pool itself brings. */
export class Trigger implements Cancellation {
  readonly #listeners = new Listeners();
  #aborted = false;
  #reason: unknown;

  /** Whether it has come. */
  get aborted(): boolean {
    return this.#aborted;
  }

  /** Why it has come. */
  get reason(): unknown {
    return this.#reason;
  }

  /** Brings it; a second time nothing happens. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#listeners.tell();
  }

  /** Throws the reason if it has come. */
  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  /** Calls a listener when it comes. */
  addEventListener(_name: "abort", listener: Listener): void {
    if (!this.#aborted) this.#listeners.add(listener);
  }

  /** Calls a listener no more. */
  removeEventListener(_name: "abort", listener: Listener): void {
    this.#listeners.delete(listener);
  }
}

const known: WeakMap<AbortSignal, Cancellation> = new WeakMap();

/** Returns the end that a signal brings; of one signal it is always the same. */
export function cancellationOf(
  signal: AbortSignal | Cancellation | undefined,
): Cancellation | undefined {
  if (!(signal instanceof AbortSignal)) return signal;
  const found = known.get(signal);
  if (found !== undefined) return found;
  const created = new SignalCancellation(signal);
  known.set(signal, created);
  return created;
}

/** Returns the end that the earlier of two brings. */
export function either(
  one: AbortSignal | Cancellation | undefined,
  other: AbortSignal | Cancellation | undefined,
): Cancellation | undefined {
  const [first, second] = [cancellationOf(one), cancellationOf(other)];
  if (first === undefined || first === second) return second;
  return second === undefined ? first : new EitherCancellation(first, second);
}
