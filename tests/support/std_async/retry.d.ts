/** The types of `@std/async/retry`, which npm's copy of it lacks. */

/** How to repeat calls of a function. */
export interface RetryOptions {
  /** The factor by which the wait grows with each call; by default 2. */
  multiplier?: number;
  /** The longest wait before a call, in ms; by default 60,000. */
  maxTimeout?: number;
  /** The maximum number of calls; by default 5. */
  maxAttempts?: number;
  /** The wait before the second call, in ms; by default 1000. */
  minTimeout?: number;
  /** The random share of each wait, from 0 to 1; by default 1. */
  jitter?: number;
  /** Tells whether to call again after an error; if not, `retry` throws that error. */
  isRetriable?: (error: unknown) => boolean;
  /** Ends the waits between the calls. */
  signal?: AbortSignal;
}

/** Thrown after the last call, with the error of that call as its cause. */
export class RetryError extends Error {
  constructor(cause: unknown, attempts: number);
}

/** Calls a function until a call succeeds. */
export function retry<T>(
  fn: (() => Promise<T>) | (() => T),
  options?: RetryOptions,
): Promise<T>;
