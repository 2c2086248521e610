/** A table and bars of the costs of contestants: this pool and its peers. */

import type { Bar, BarGroup, BarPlot, Section } from "./measurement.ts";
import {
  brief,
  type Contestant,
  costOf,
  type Costs,
  lowOf,
  ratioOf,
  shown,
  type Spread,
} from "./stats.ts";

/** The costs of contestants in one situation. */
export interface Situation {
  /** Its name in the table. */
  readonly label: string;
  /** The contestants, this pool first. */
  readonly contestants: readonly Contestant[];
  /** Their costs. */
  readonly costs: Costs;
  /** Their costs in CPU time of this process, if the table shows them too. */
  readonly cpu?: Costs;
}

/** How to present situations. */
export interface Telling {
  readonly title: string;
  readonly prose: string;
  /** The unit of costs, and how many µs it has. */
  readonly unit: readonly [name: string, us: number];
  /** The name of the plot's file. */
  readonly plot: string;
}

/** Returns the table and the plot of situations: costs, and this pool's rate against each peer. */
export function compare(situations: readonly Situation[], telling: Telling): Section {
  const { title, prose, unit: [unit, us] } = telling;
  const hasCpu = situations.some(({ cpu }) => cpu !== undefined);
  const rows = situations.flatMap(({ label, contestants, costs, cpu }) => {
    const [ours] = contestants;
    return contestants.map((each) => [
      label,
      each.label,
      shown(scaled(costOf(costs, each.key), 1 / us)),
      each === ours ? "" : shown(ratioOf(costs, each.key, ours!.key)),
      ...(cpu === undefined ? [] : [
        shown(scaled(costOf(cpu, each.key), 1 / us)),
        each === ours ? "" : shown(ratioOf(cpu, ours!.key, each.key)),
      ]),
      each.note ?? "",
    ]);
  });
  const cpuHead = [`CPU, ${unit}`, "Sublet's CPU is so many times as much"];
  const rateHead = "Sublet's rate is so many times as high";
  const head = ["", "", unit, rateHead, ...(hasCpu ? cpuHead : []), "set up as"];
  return { title, prose, head, rows, plots: [barsOf(situations, telling)] };
}

/** Returns this pool's rate over each peer's, by key. */
export function rates(
  { contestants: [ours, ...others], costs }: Situation,
): Record<string, number> {
  return Object.fromEntries(
    others.map(({ key }) => [key, brief(ratioOf(costs, key, ours!.key).median)]),
  );
}

/** Returns this pool's cost over each peer's, by key. */
export function multiples(
  [ours, ...others]: readonly Contestant[],
  costs: Costs,
): Record<string, number> {
  return Object.fromEntries(
    others.map(({ key }) => [key, brief(ratioOf(costs, ours!.key, key).median)]),
  );
}

/** Returns the low cost of each contestant, by key, in µs; see {@linkcode lowOf}. */
export function lows({ contestants, costs }: Situation): Record<string, number> {
  return Object.fromEntries(contestants.map(({ key }) => [key, brief(lowOf(costs, key))]));
}

function barsOf(situations: readonly Situation[], { title, unit, plot }: Telling): BarPlot {
  const [name, us] = unit;
  const groups = situations.map(({ label, contestants, costs }): BarGroup => ({
    label,
    bars: contestants.map(({ key, label }, index): Bar => {
      const spread = scaled(costOf(costs, key), 1 / us);
      return { label, lengths: [spread.median], spread, isOurs: index === 0 };
    }),
  }));
  return { kind: "bars", name: plot, title, unit: name, groups };
}

function scaled({ median, low, high }: Spread, by: number): Spread {
  return { median: median * by, low: low * by, high: high * by };
}
