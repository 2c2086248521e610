/**
 * Figures that mean something on a machine that is busy with other things: contestants take
 * turns in short slices, and only slices of the same round are compared.
 */

import process from "node:process";

/** One who is measured; it works for about `ms` and says how often it did what it does. */
export interface Contestant {
  /** What it is called in figures. */
  readonly key: string;
  /** What it is called in tables. */
  readonly label: string;
  /** How it was set up, or what it did, where that says something. */
  readonly note?: string;
  /** Works, and returns how often. */
  readonly run: (ms: number) => number | Promise<number>;
}

/** How often, how long each time, and by which clock. */
export interface ResolvedOptions {
  /** How many rounds count. */
  readonly rounds: number;
  /** How long a slice is, for those who are not done at a time of their own. */
  readonly sliceMs: number;
  /** How long each works before anything counts; a slice unless given. */
  readonly warmMs?: number;
  /** How many rounds come after that and do not count, so that code is compiled; none unless given. */
  readonly warmRounds?: number;
}

/** A middle, and the quarters of all that lie below and above. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** What each contestant needed for one, in µs, round by round, by key. */
export type Costs = ReadonlyMap<string, readonly number[]>;

/** What contestants needed, by two clocks. */
export interface Turns {
  /** Time as people have it. */
  readonly wall: Costs;
  /**
   * CPU time of this process, all its threads together. A contestant that waits for the CPU
   * behind other processes pays nothing for that.
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
    // Each begins in turn, so that none always comes after the same other.
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

/** Returns what one needed, round by round. */
export function costsOf(costs: Costs, key: string): readonly number[] {
  const found = costs.get(key);
  if (found === undefined) throw new RangeError(`Nobody was measured by the name ${key}`);
  return found;
}

/** Returns the spread of what one needed. */
export function costOf(costs: Costs, key: string): Spread {
  return spreadOf(costsOf(costs, key));
}

/**
 * Returns the cost that a fifth of the rounds stayed below: the machine's other work, large
 * collections of garbage and compilations only ever add to what something costs by itself.
 */
export function lowOf(costs: Costs, key: string): number {
  const sorted = costsOf(costs, key).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 5)]!;
}

/** Returns the spread, round by round, of how many times as much one needed as another. */
export function ratioOf(costs: Costs, over: string, under: string): Spread {
  const base = costsOf(costs, under);
  return spreadOf(costsOf(costs, over).map((cost, round) => cost / base[round]!));
}

/** Returns the middle and the quarters of some figures. */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.round((sorted.length - 1) * part)]!;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** Returns a figure with three digits that say something. */
export function terse(figure: number): string {
  return Number(figure.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 10 });
}

/** Returns a middle with its quarters. */
export function shown({ median, low, high }: Spread): string {
  return `${terse(median)} (${terse(low)} to ${terse(high)})`;
}

/** Returns a figure as figures are given to programs. */
export function brief(figure: number): number {
  return Number(figure.toPrecision(3));
}
