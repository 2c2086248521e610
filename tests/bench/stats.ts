/**
 * Figures that mean something on a machine that is busy with other things: contestants take
 * turns in short slices, and only slices of the same round are compared.
 */

/** One who is measured; it works for about `ms` and says how often it did what it does. */
export interface Contestant {
  readonly name: string;
  readonly run: (ms: number) => number | Promise<number>;
}

/** How often, and how long each time. */
export interface Plan {
  readonly rounds: number;
  readonly sliceMs: number;
}

/** A middle, and the quarter of all that lie below and above. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Returns, by name, what each contestant needed for one, in microseconds, round by round. */
export async function takeTurns(
  contestants: readonly Contestant[],
  { rounds, sliceMs }: Plan,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const costs = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  for (const { run } of contestants) await run(sliceMs);
  for (let round = 0; round < rounds; round++) {
    // Each begins in turn, so that none always comes after the same other.
    for (let turn = 0; turn < contestants.length; turn++) {
      const { name, run } = contestants[(round + turn) % contestants.length]!;
      const began = performance.now();
      const count = await run(sliceMs);
      costs.get(name)!.push((performance.now() - began) * 1000 / count);
    }
  }
  return costs;
}

/** Returns the spread of the ratios, round by round, of what two contestants needed. */
export function ratioOf(over: readonly number[], under: readonly number[]): Spread {
  return spreadOf(over.map((cost, round) => cost / under[round]!));
}

/** Returns the middle and the quarters of some figures. */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.round((sorted.length - 1) * part)]!;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** Returns a figure with three digits that say something. */
export function terse(figure: number): string {
  return Number(figure.toPrecision(3)).toString();
}

/** Returns a middle with its quarters. */
export function shown({ median, low, high }: Spread): string {
  return `${terse(median)} (${terse(low)} to ${terse(high)})`;
}
