/** What this pool is to reach, beside what it has reached. */

import type { Figures } from "./figures.ts";
import type { BenchRuntime, Section } from "./measurement.ts";
import { terse } from "./stats.ts";

/** One goal. */
interface Goal {
  readonly what: string;
  /** In which runtimes it is one. */
  readonly runtimes: readonly BenchRuntime[];
  /** The figure, if it was measured. */
  readonly figure: (figures: Figures) => number | undefined;
  /** The least, or the most, that it may be. */
  readonly bound: readonly ["at least" | "at most" | "below", number];
}

const ALL: readonly BenchRuntime[] = ["node", "deno", "bun"];
const NODE: readonly BenchRuntime[] = ["node"];
const BUN: readonly BenchRuntime[] = ["bun"];

/** Pools whose users get promises. */
const PROMISED = ["tarn", "genericPool", "lightningPool", "mysql2Promise", "mariadb"];

const GOALS: readonly Goal[] = [
  {
    what: "a lease, in µs",
    runtimes: NODE,
    figure: ({ cycleUs }) => cycleUs?.["sublet"],
    bound: ["at most", 0.8],
  },
  {
    what: "a lease, against the fastest pool of promises",
    runtimes: ALL,
    figure: ({ cycleUs }) => againstLeast(cycleUs, PROMISED),
    bound: ["at most", 1],
  },
  {
    what: "a lease among 1,000, in µs",
    runtimes: NODE,
    figure: ({ cycle1000Us }) => cycle1000Us?.["sublet"],
    bound: ["at most", 0.8],
  },
  {
    what: "a lease among 1,000, against the fastest pool of promises",
    runtimes: ALL,
    figure: ({ cycle1000Us }) => againstLeast(cycle1000Us, PROMISED),
    bound: ["at most", 1],
  },
  ...selects(NODE, "mysql2Promise", { 1: 1.2, 16: 1.55, 256: 1.5 }),
  ...selects(NODE, "mysql2Callback", { 1: 1, 16: 1, 256: 1 }),
  ...selects(NODE, "mariadb", { 1: 1.1, 16: 1.1, 256: 1.1 }),
  ...selects(BUN, "mysql2Promise", { 1: 1.2, 16: 1.1 }),
  ...selects(BUN, "bunSql", { 1: 1.1, 16: 0.95 }),
  ...selects(["deno"], "mysql2Promise", { 1: 1.15, 16: 1.15, 256: 1.15 }),
  {
    what: "statements in units of work, against outside",
    runtimes: ALL,
    figure: ({ unitCost }) => unitCost,
    bound: ["at least", 0.97],
  },
  {
    what: "a hot virtual connection, against one actual connection",
    runtimes: ALL,
    figure: ({ hot }) => hot?.oneActual,
    bound: ["at least", 9],
  },
  {
    what: "the same, against mysql2's connections held for the request",
    runtimes: ALL,
    figure: ({ hot }) => hot?.mysql2Held,
    bound: ["at least", 2],
  },
  {
    what: "a transaction, against one connection of mysql2",
    runtimes: ALL,
    figure: ({ transaction }) => transaction,
    bound: ["at least", 1],
  },
  {
    what: "connections after a spike",
    runtimes: ALL,
    figure: ({ spikeOpened }) => spikeOpened?.["sublet"],
    bound: ["at most", 6],
  },
  {
    what: "the last answer of a spike, against what HikariCP's rule gives",
    runtimes: ALL,
    figure: ({ spikeLast }) => spikeLast,
    bound: ["at most", 1],
  },
  {
    what: "an event with 100,000 waiters, against 10",
    runtimes: ALL,
    figure: ({ growth }) => growth?.["waiters"],
    bound: ["at most", 2],
  },
  {
    what: "an event with 10,000 connections, against 10",
    runtimes: ALL,
    figure: ({ growth }) => growth?.["connections"],
    bound: ["at most", 2],
  },
  {
    what: "memory of an idle virtual connection, in bytes",
    runtimes: ALL,
    figure: ({ bytes }) => bytes?.virtual,
    bound: ["at most", 300],
  },
  {
    what: "memory of a waiter, in bytes",
    runtimes: ALL,
    figure: ({ bytes }) => bytes?.waiter,
    bound: ["at most", 500],
  },
  {
    what: "errors while the server was gone, against the peer with fewest",
    runtimes: ALL,
    figure: ({ recovery }) => errorsAgainstLeast(recovery, "sublet"),
    bound: ["below", 0],
  },
  {
    what: "the same, where units may be repeated",
    runtimes: ALL,
    figure: ({ recovery }) => errorsAgainstLeast(recovery, "subletRetries"),
    bound: ["below", 0],
  },
  {
    what: "first success after the server was back, in ms",
    runtimes: ALL,
    figure: ({ recovery }) => recovery?.["sublet"]?.ms,
    bound: ["at most", 250],
  },
  {
    what: "cold start, beyond mysql2's, in ms",
    runtimes: ALL,
    figure: ({ coldStartMs }) => difference(coldStartMs, "sublet", "mysql2Promise"),
    bound: ["at most", 3],
  },
];

/** Returns a table of the goals that figures were found for. */
export function judge(figures: Figures, runtime: BenchRuntime): Section {
  const found = GOALS.flatMap(({ what, runtimes, figure, bound: [word, bound] }) => {
    const reached = runtimes.includes(runtime) ? figure(figures) : undefined;
    if (reached === undefined) return [];
    const isMet = word === "at least"
      ? reached >= bound
      : word === "at most"
      ? reached <= bound
      : reached < bound;
    return [{ isMet, row: [what, `${word} ${bound}`, terse(reached), isMet ? "met" : "missed"] }];
  });
  const met = found.filter(({ isMet }) => isMet).length;
  return {
    title: "Goals",
    prose: `${met} of ${found.length} are met.`,
    head: ["", "goal", "measured", ""],
    rows: found.map(({ row }) => row),
    plots: [],
  };
}

function selects(
  runtimes: readonly BenchRuntime[],
  peer: string,
  goals: Readonly<Record<number, number>>,
): Goal[] {
  return Object.entries(goals).map(([atOnce, bound]) => ({
    what: `a select by key, ${atOnce} at once, against ${peer}`,
    runtimes,
    figure: ({ pointSelect }) => pointSelect?.[atOnce]?.[peer],
    bound: ["at least", bound],
  }));
}

/** Returns how many times as much this pool needs as the one of its peers that needs least. */
function againstLeast(
  costs: Readonly<Record<string, number>> | undefined,
  peers: readonly string[],
): number | undefined {
  if (costs === undefined) return undefined;
  return costs["sublet"]! / Math.min(...peers.map((peer) => costs[peer]!));
}

/** Returns how many more errors users of this pool saw than those of the best peer. */
function errorsAgainstLeast(recovery: Figures["recovery"], own: string): number | undefined {
  if (recovery === undefined) return undefined;
  const peers = Object.entries(recovery).filter(([key]) => !key.startsWith("sublet"));
  return recovery[own]!.errors - Math.min(...peers.map(([, { errors }]) => errors));
}

function difference(
  costs: Readonly<Record<string, number>> | undefined,
  one: string,
  other: string,
): number | undefined {
  return costs && costs[one]! - costs[other]!;
}
