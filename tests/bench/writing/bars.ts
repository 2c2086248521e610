/** Horizontal bars in groups, each with its figure; whiskers show the quartiles of the rounds. */

import type { Bar, BarPlot } from "../measurement.ts";
import { terse } from "../stats.ts";
import { element, FAINT, INK, OTHERS, OURS, picture, SERIES, stroke, text, ticks } from "./svg.ts";

const WIDTH = 760;
/** Where bars begin, and where the longest may end. */
const LEFT = 170;
const RIGHT = 670;
const TOP = 56;
const BAR = 16;
const ROW = 22;
const GROUP = 30;
/** The number of columns of the legend. */
const COLUMNS = 4;
const LEGEND = 20;

/** Returns the picture as SVG. */
export function drawBars({ title, unit, parts, groups }: BarPlot): string {
  const bars = groups.flatMap((group) => group.bars);
  const scale = ticks(Math.max(...bars.map((bar) => bar.spread?.high ?? lengthOf(bar))));
  const most = scale.at(-1)!;
  const at = (figure: number): number => LEFT + (RIGHT - LEFT) * figure / most;
  const shapes: string[] = [];
  let y = TOP;
  if (parts !== undefined) {
    shapes.push(...legendOf(parts));
    y += Math.ceil(parts.length / COLUMNS) * LEGEND;
  }
  const begin = y;
  for (const group of groups) {
    shapes.push(text(16, y + 20, group.label, { weight: "600" }));
    y += GROUP;
    for (const bar of group.bars) {
      shapes.push(...shapesOf(bar, y, at));
      y += ROW;
    }
  }
  const grid = scale.flatMap((figure) => [
    stroke([at(figure), begin + 10], [at(figure), y + 4], FAINT),
    text(at(figure), y + 20, terse(figure), { anchor: "middle", size: 11 }),
  ]);
  const name = text(16, 44, `${unit}; shorter is better`, { size: 11 });
  return picture(WIDTH, y + 34, title, [...grid, ...shapes, name]);
}

function shapesOf(bar: Bar, y: number, at: (figure: number) => number): string[] {
  const shapes = [text(LEFT - 8, y + 12, bar.label, { anchor: "end", ...weightOf(bar) })];
  let from = 0;
  for (const [index, length] of bar.lengths.entries()) {
    const isOnly = bar.lengths.length === 1;
    const fill = isOnly ? (bar.isOurs ? OURS : OTHERS) : SERIES[index % SERIES.length]!;
    const box = { x: at(from), y, width: at(from + length) - at(from), height: BAR, fill };
    shapes.push(element("rect", box));
    from += length;
  }
  if (bar.spread !== undefined) {
    const { low, high } = bar.spread;
    const middle = y + BAR / 2;
    shapes.push(stroke([at(low), middle], [at(high), middle], INK, 1.5));
    for (const end of [low, high]) shapes.push(stroke([at(end), y + 4], [at(end), y + 12], INK));
  }
  const end = at(Math.max(from, bar.spread?.high ?? 0));
  return [...shapes, text(end + 6, y + 12, terse(from), { size: 11, ...weightOf(bar) })];
}

function weightOf({ isOurs }: Bar): { weight: string } {
  return { weight: isOurs ? "600" : "normal" };
}

function lengthOf({ lengths }: Bar): number {
  return lengths.reduce((sum, length) => sum + length, 0);
}

function legendOf(parts: readonly string[]): string[] {
  return parts.flatMap((part, index) => {
    const x = 16 + index % COLUMNS * (WIDTH - 32) / COLUMNS;
    const y = TOP + Math.floor(index / COLUMNS) * LEGEND;
    const fill = SERIES[index % SERIES.length]!;
    return [
      element("rect", { x, y, width: 10, height: 10, fill }),
      text(x + 14, y + 9, part, { size: 11 }),
    ];
  });
}
