/** A table and bars of what contestants needed, this pool beside its peers. */

import type { Bar, BarGroup, BarPlot, Section } from "./measurement.ts";
import {
  brief,
  type Contestant,
  costOf,
  type Costs,
  ratioOf,
  shown,
  type Spread,
} from "./stats.ts";

/** What contestants needed in one situation. */
export interface Situation {
  /** What it is. */
  readonly label: string;
  /** Who was measured, this pool first. */
  readonly contestants: readonly Contestant[];
  /** What they needed. */
  readonly costs: Costs;
}

/** How situations are told of. */
export interface Telling {
  readonly title: string;
  readonly prose: string;
  /** What costs are given in, and how many µs that is. */
  readonly unit: readonly [name: string, us: number];
  /** The name of the picture's file. */
  readonly plot: string;
}

/** Tells of situations: what each contestant needed, and how this pool's rate compares. */
export function compare(situations: readonly Situation[], telling: Telling): Section {
  const { title, prose, unit: [unit, us] } = telling;
  const rows = situations.flatMap(({ label, contestants, costs }) => {
    const [ours] = contestants;
    return contestants.map((each) => [
      label,
      each.label,
      shown(scaled(costOf(costs, each.key), 1 / us)),
      each === ours ? "" : shown(ratioOf(costs, each.key, ours!.key)),
      each.note ?? "",
    ]);
  });
  const head = ["", "", unit, "Sublet's rate is so many times as high", "set up as"];
  return { title, prose, head, rows, plots: [barsOf(situations, telling)] };
}

/** Returns how many times as high this pool's rate is as each other's, by key. */
export function rates(
  { contestants: [ours, ...others], costs }: Situation,
): Record<string, number> {
  return Object.fromEntries(
    others.map(({ key }) => [key, brief(ratioOf(costs, key, ours!.key).median)]),
  );
}

/** Returns what each needed, by key, in µs. */
export function medians({ contestants, costs }: Situation): Record<string, number> {
  return Object.fromEntries(
    contestants.map(({ key }) => [key, brief(costOf(costs, key).median)]),
  );
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
