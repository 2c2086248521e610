/** Concurrent users of a client; each sends its next request as soon as it has its answer. */

/**
 * The number of warm-up requests. A number, not a time: on a busy machine, code would not be
 * compiled after a fixed time.
 */
export const WARM = 10_000;

/** Sends a request; `count` is the number of earlier ones. */
export type Ask = (count: number) => Promise<unknown>;

/** Lets users send requests until `times` requests were answered. */
export async function askTimes(times: number, atOnce: number, ask: Ask): Promise<void> {
  let count = 0;
  const user = async (): Promise<void> => {
    while (count < times) await ask(count++);
  };
  await Promise.all(Array.from({ length: atOnce }, user));
}
