/** Lines over a logarithmic scale: how a cost grows with a size. */

import type { LinePlot } from "../measurement.ts";
import { terse } from "../stats.ts";
import { element, FAINT, INK, picture, SERIES, stroke, text, ticks } from "./svg.ts";

const WIDTH = 760;
const HEIGHT = 380;
const LEFT = 60;
const RIGHT = 560;
const TOP = 56;
const BOTTOM = 320;

/** Returns the picture as SVG. */
export function drawLines({ title, across, up, lines }: LinePlot): string {
  const points = lines.flatMap((line) => line.points);
  const least = Math.log10(Math.min(...points.map(([x]) => x)));
  const most = Math.log10(Math.max(...points.map(([x]) => x)));
  const scale = ticks(Math.max(...points.map(([, y]) => y)));
  const xAt = (size: number): number =>
    LEFT + (RIGHT - LEFT) * (Math.log10(size) - least) / (most - least);
  const yAt = (cost: number): number => BOTTOM - (BOTTOM - TOP) * cost / scale.at(-1)!;
  const sizes = [...new Set(points.map(([x]) => x))];
  const grid = [
    ...scale.flatMap((cost) => [
      stroke([LEFT, yAt(cost)], [RIGHT, yAt(cost)], FAINT),
      text(LEFT - 8, yAt(cost) + 4, terse(cost), { anchor: "end", size: 11 }),
    ]),
    ...sizes.flatMap((size) => [
      stroke([xAt(size), BOTTOM], [xAt(size), BOTTOM + 5], INK),
      text(xAt(size), BOTTOM + 20, terse(size), { anchor: "middle", size: 11 }),
    ]),
    text((LEFT + RIGHT) / 2, BOTTOM + 42, across, { anchor: "middle" }),
    text(LEFT - 44, TOP - 12, up),
  ];
  const ends = spacedApart(lines.map((line) => yAt(line.points.at(-1)![1])));
  const drawn = lines.flatMap((line, index) => {
    const colour = SERIES[index % SERIES.length]!;
    const path = line.points.map(([x, y]) => `${xAt(x).toFixed(1)},${yAt(y).toFixed(1)}`);
    const dots = line.points.map(([x, y]) =>
      element("circle", { cx: xAt(x), cy: yAt(y), r: 3, fill: colour })
    );
    const [endX] = line.points.at(-1)!;
    const link = stroke(
      [xAt(endX), yAt(line.points.at(-1)![1])],
      [RIGHT + 10, ends[index]!],
      FAINT,
    );
    const curve = { points: path.join(" "), fill: "none", stroke: colour, "stroke-width": 2 };
    const label = text(RIGHT + 14, ends[index]! + 4, line.label, { size: 11, fill: colour });
    return [link, element("polyline", curve), ...dots, label];
  });
  return picture(WIDTH, HEIGHT, title, [...grid, ...drawn]);
}

/** Moves heights apart, so that a label fits at each. */
function spacedApart(heights: readonly number[]): number[] {
  const order = heights.map((_, index) => index).sort((a, b) => heights[a]! - heights[b]!);
  const spaced = [...heights];
  let last = -Infinity;
  for (const index of order) {
    spaced[index] = last = Math.max(heights[index]!, last + 15);
  }
  return spaced;
}
