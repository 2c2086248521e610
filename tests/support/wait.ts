/** Waits for a condition instead of for some time; the error of a failed wait names it. */

import { setTimeout as sleep } from "node:timers/promises";

/** How {@linkcode until} waits. */
export interface UntilOptions {
  /** The timeout, in ms; by default 10,000. */
  readonly timeoutMs?: number;
  /** The time between two checks, in ms; by default 10. */
  readonly intervalMs?: number;
  /** Ends the wait early, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns the first result of `condition` that is neither false nor undefined.
 *
 * `what` completes the sentence "Waited 1000 ms in vain until …". A condition that throws is
 * not met yet; after the timeout, its last error is the cause of the thrown error.
 */
export async function until<T>(
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  what: string,
  { timeoutMs = 10_000, intervalMs = 10, signal }: UntilOptions = {},
): Promise<T> {
  const endsAt = performance.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await condition();
      if (answer !== false && answer !== undefined) return answer;
    } catch (error) {
      cause = error;
    }
    signal?.throwIfAborted();
    if (performance.now() >= endsAt) {
      throw new Error(`Waited ${timeoutMs} ms in vain until ${what}`, { cause });
    }
    await sleep(intervalMs, undefined, { signal });
  }
}
