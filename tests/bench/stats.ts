/**
 * Reliable figures on a busy machine: contestants take turns in short slices, and ratios compare
 * only slices of the same round.
 */

import process from "node:process";

/** A measured subject. */
export interface Contestant {
  /** Its name in figures. */
  readonly key: string;
  /** Its name in tables. */
  readonly label: string;
  /** How it was set up, or what it did, if that matters. */
  readonly note?: string;
  /** Works for about `ms`, and returns how often it did its work. */
  readonly run: (ms: number) => number | Promise<number>;
}

/** The number and the length of rounds. */
export interface ResolvedOptions {
  /** How many rounds count. */
  readonly rounds: number;
  /** How long a slice is, for contestants without a fixed amount of work. */
  readonly sliceMs: number;
  /** How long each contestant warms up; by default one slice. */
  readonly warmMs?: number;
  /** How many uncounted rounds follow the warm-up, to compile code; by default none. */
  readonly warmRounds?: number;
}

/** A median with the lower and the upper quartile. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The cost of one piece of work, in µs, for each round, by contestant key. */
export type Costs = ReadonlyMap<string, readonly number[]>;

/** The costs of contestants, by two clocks. */
export interface Turns {
  /** Wall-clock time. */
  readonly wall: Costs;
  /**
   * CPU time of all threads of this process. It does not include time in which other processes
   * have the CPU.
   */
  readonly cpu: Costs;
}

/** Measures contestants in turns. */
export async function takeTurns(
  contestants: readonly Contestant[],
  { rounds, sliceMs, warmMs = sliceMs, warmRounds = 0 }: ResolvedOptions,
): Promise<Turns> {
  const wall = new Map<string, number[]>(contestants.map(({ key }) => [key, []]));
  const cpu = new Map<string, number[]>(contestants.map(({ key }) => [key, []]));
  for (const { run } of contestants) await run(warmMs);
  for (let round = 0; round < warmRounds + rounds; round++) {
    // Each round starts with another contestant.
    for (let turn = 0; turn < contestants.length; turn++) {
      const { key, run } = contestants[(round + turn) % contestants.length]!;
      const wallBegan = performance.now();
      const cpuBegan = process.cpuUsage();
      const count = await run(sliceMs);
      const { user, system } = process.cpuUsage(cpuBegan);
      if (round < warmRounds) continue;
      wall.get(key)!.push((performance.now() - wallBegan) * 1000 / count);
      cpu.get(key)!.push((user + system) / count);
    }
  }
  return { wall, cpu };
}

/** Returns the costs of a contestant, round by round. */
export function costsOf(costs: Costs, key: string): readonly number[] {
  const found = costs.get(key);
  if (found === undefined) throw new RangeError(`Nobody was measured by the name ${key}`);
  return found;
}

/** Returns the spread of a contestant's costs. */
export function costOf(costs: Costs, key: string): Spread {
  return spreadOf(costsOf(costs, key));
}

/**
 * Returns the cost that a fifth of the rounds stayed below: other work of the machine, garbage
 * collection and compilation only ever add to the true cost.
 */
export function lowOf(costs: Costs, key: string): number {
  const sorted = costsOf(costs, key).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 5)]!;
}

/** Returns the spread of the ratio of two contestants' costs, round by round. */
export function ratioOf(costs: Costs, over: string, under: string): Spread {
  const base = costsOf(costs, under);
  return spreadOf(costsOf(costs, over).map((cost, round) => cost / base[round]!));
}

/** Returns the median and the quartiles of some figures. */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.round((sorted.length - 1) * part)]!;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** Returns a figure with three significant digits, as text. */
export function terse(figure: number): string {
  return Number(figure.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 10 });
}

/** Returns a median with its quartiles, as text. */
export function shown({ median, low, high }: Spread): string {
  return `${terse(median)} (${terse(low)} to ${terse(high)})`;
}

/** Returns a figure with three significant digits, for programs. */
export function brief(figure: number): number {
  return Number(figure.toPrecision(3));
}
