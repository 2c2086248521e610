/** The types of `@std/async/retry`, which npm's copy of it lacks. */

/** How a function is called again. */
export interface RetryOptions {
  /** By what the time until the next call grows with each; 2 unless given. */
  multiplier?: number;
  /** The longest time until the next call, in ms; 60,000 unless given. */
  maxTimeout?: number;
  /** How often it is called at most; 5 unless given. */
  maxAttempts?: number;
  /** The time until the second call, in ms; 1000 unless given. */
  minTimeout?: number;
  /** How much of that time is left to chance, from 0 to 1; 1 unless given. */
  jitter?: number;
  /** Tells whether it may be called again after an error; if not, that is thrown. */
  isRetriable?: (error: unknown) => boolean;
  /** Ends the waits between the calls. */
  signal?: AbortSignal;
}

/** Thrown after the last call; the error of that is its cause. */
export class RetryError extends Error {
  constructor(cause: unknown, attempts: number);
}

/** Calls a function until it ends well. */
export function retry<T>(
  fn: (() => Promise<T>) | (() => T),
  options?: RetryOptions,
): Promise<T>;
