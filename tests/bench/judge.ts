/** Compares figures with the goals, and shows where the time goes for missed goals. */

import type { Figures } from "./figures.ts";
import { type Goal, GOALS } from "./goals.ts";
import type { BenchRuntime, Section } from "./measurement.ts";
import { terse } from "./stats.ts";

/** A goal with its measured figure. */
interface Judged extends Goal {
  readonly reached: number;
  readonly isMet: boolean;
}

/** Returns a table of the goals with a measured figure. */
export function judge(figures: Figures, runtime: BenchRuntime): Section {
  const all = judged(figures, runtime);
  const met = all.filter(({ isMet }) => isMet).length;
  return {
    title: "Goals",
    prose: `${met} of ${all.length} are met.`,
    head: ["", "goal", "measured", "", "where the time goes"],
    rows: all.map(({ what, bound: [word, bound], reached, isMet, where }) => [
      what,
      `${word} ${bound}`,
      terse(reached),
      isMet ? "met" : "missed",
      isMet ? "" : where?.(figures) ?? "",
    ]),
    plots: [],
  };
}

/** Tells whether a goal of statements was missed and no profile exists yet. */
export function needsProfile(figures: Figures, runtime: BenchRuntime): boolean {
  return figures.clientUs === undefined &&
    judged(figures, runtime).some(({ isMet, isOfStatements }) => !isMet && isOfStatements);
}

function judged(figures: Figures, runtime: BenchRuntime): Judged[] {
  return GOALS.flatMap((goal) => {
    const reached = goal.runtimes.includes(runtime) ? goal.figure(figures) : undefined;
    if (reached === undefined) return [];
    const [word, bound] = goal.bound;
    const isMet = word === "at least"
      ? reached >= bound
      : word === "at most"
      ? reached <= bound
      : reached < bound;
    return [{ ...goal, reached, isMet }];
  });
}
