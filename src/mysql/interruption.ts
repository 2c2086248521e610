/**
 * How a statement that nobody waits for any more is brought to its end, so that its connection
 * can be used again.
 *
 * Most end by themselves in the time that it takes to ask for more; the rest are killed. A kill
 * that is under way is always waited for, so that none comes late and hits another statement.
 */

/** How long a statement has to end by itself. */
const graceMs = 10;
/** How long the server may take to be told. */
const killMsMax = 1000;
/** How long a statement may go on after it was killed: the server looks from time to time only. */
const answerMsMax = 1000;

/** Waits for `answered`, and kills the statement if that takes long; rejects if it goes on. */
export async function calm(
  answered: Promise<void>,
  kill: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (await comesWithin(answered, graceMs)) return;
  const failure = await killed(kill);
  if (await comesWithin(answered, failure === undefined ? answerMsMax : 0)) return;
  throw failure ?? new Error(`A statement went on for ${answerMsMax} ms after it was killed`);
}

/** Returns why it could not be killed, or that it had ended before. */
async function killed(kill: (signal: AbortSignal) => Promise<void>): Promise<unknown> {
  const giveUp = new AbortController();
  const late = (): void => giveUp.abort(new Error(`No kill was done within ${killMsMax} ms`));
  const timer = setTimeout(late, killMsMax);
  try {
    await kill(giveUp.signal);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    clearTimeout(timer);
  }
}

async function comesWithin(promise: Promise<void>, msMax: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), msMax);
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
