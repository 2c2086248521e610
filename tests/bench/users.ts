/** Users of a client: so many at once, and each asks again as soon as it has its answer. */

/**
 * How often something is done before it counts. A number, and no time: on a busy machine, code
 * would not be compiled by then.
 */
export const WARM = 10_000;

/** Asks for something; `count` says how often that was done before. */
export type Ask = (count: number) => Promise<unknown>;

/** Lets users ask until each of `times` questions was asked, and answered. */
export async function askTimes(times: number, atOnce: number, ask: Ask): Promise<void> {
  let count = 0;
  const user = async (): Promise<void> => {
    while (count < times) await ask(count++);
  };
  await Promise.all(Array.from({ length: atOnce }, user));
}
