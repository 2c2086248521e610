/** The performance goals of this pool. */

import type { Figures } from "./figures.ts";
import type { BenchRuntime } from "./measurement.ts";
import { partsOf, sharesOf } from "./owners.ts";
import { terse } from "./stats.ts";

/** One goal. */
export interface Goal {
  /** The name of the judged figure. */
  readonly what: string;
  /** The runtimes with this goal. */
  readonly runtimes: readonly BenchRuntime[];
  /** Returns the figure, if it was measured. */
  readonly figure: (figures: Figures) => number | undefined;
  /** The bound of the figure. */
  readonly bound: readonly ["at least" | "at most" | "below", number];
  /** Whether a profile of statements shows where the time goes. */
  readonly isOfStatements?: boolean;
  /** Returns where the time goes, for a missed goal. */
  readonly where?: (figures: Figures) => string | undefined;
}

const ALL: readonly BenchRuntime[] = ["node", "deno", "bun"];
const NODE: readonly BenchRuntime[] = ["node"];
const BUN: readonly BenchRuntime[] = ["bun"];
const DENO: readonly BenchRuntime[] = ["deno"];

/** How many statements run at once. */
const AT_ONCE: readonly number[] = [1, 16, 256];

/** All goals. */
export const GOALS: readonly Goal[] = [
  {
    what: "a lease, in µs of CPU",
    runtimes: NODE,
    figure: ({ cycleUs }) => cycleUs?.["sublet"],
    bound: ["at most", 1.4],
    where: whereLeaseGoes,
  },
  {
    what: "a lease, against tarn",
    runtimes: ALL,
    figure: ({ cycleAgainst }) => cycleAgainst?.["tarn"],
    bound: ["below", 1],
    where: whereLeaseGoes,
  },
  {
    what: "a lease among 1,000, in µs of CPU",
    runtimes: NODE,
    figure: ({ cycle1000Us }) => cycle1000Us?.["sublet"],
    bound: ["at most", 2.2],
    where: whereLeaseGoes,
  },
  {
    what: "a lease among 1,000, against tarn",
    runtimes: ALL,
    figure: ({ cycle1000Against }) => cycle1000Against?.["tarn"],
    bound: ["below", 1],
    where: whereLeaseGoes,
  },
  {
    what: "a request and a release in the core with 246 waiters, in ns",
    runtimes: NODE,
    figure: ({ pairNs }) => pairNs?.["246"],
    bound: ["at most", 900],
  },
  {
    what: "the same with 10,000 waiters, against 10",
    runtimes: ALL,
    figure: ({ pairGrowth }) => pairGrowth,
    bound: ["at most", 1.3],
  },
  ...javascript("sublet", "a statement"),
  ...AT_ONCE.map((atOnce): Goal => ({
    what: `CPU of a select by key, ${atOnce} at once, against a bare array of connections`,
    runtimes: NODE,
    figure: ({ pointSelectCpu }) => pointSelectCpu?.[atOnce]?.["bare"],
    bound: ["at most", 1.25],
    isOfStatements: true,
    where: whereStatementGoes,
  })),
  ...selects(NODE, "mysql2Promise", { 1: 1.1, 16: 1.2, 256: 1.2 }),
  ...selects(NODE, "mysql2Callback", { 1: 0.92, 16: 0.92, 256: 0.92 }),
  ...selects(NODE, "mariadb", { 1: 1.1, 16: 1.1, 256: 1.1 }),
  ...selects(BUN, "mysql2Promise", { 1: 1.1, 16: 1.15 }),
  ...selects(BUN, "bunSql", { 1: 0.95, 16: 0.75, 256: 0.5 }),
  ...selects(DENO, "mysql2Promise", { 1: 1.1, 16: 1.2, 256: 1.2 }),
  {
    what: "statements in units of work, against outside",
    runtimes: NODE,
    figure: ({ unitCost }) => unitCost,
    bound: ["at least", 0.97],
    isOfStatements: true,
    where: whereStatementGoes,
  },
  {
    what: "statements in units of work, against outside",
    runtimes: [...BUN, ...DENO],
    figure: ({ unitCost }) => unitCost,
    bound: ["at least", 0.95],
    isOfStatements: true,
    where: whereStatementGoes,
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
    what: "memory of a lease that waits, in bytes",
    runtimes: ALL,
    figure: ({ bytes }) => bytes?.lease,
    bound: ["at most", 550],
  },
  {
    what: "memory of a statement that waits, in bytes",
    runtimes: ALL,
    figure: ({ bytes }) => bytes?.statement,
    bound: ["at most", 550],
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
    what: "import and first answer in a new process, against mysql2/promise",
    runtimes: ALL,
    figure: ({ coldStart }) => coldStart?.whole,
    bound: ["at most", 1.12],
    where: whereStartGoes,
  },
  {
    what: "the first answer alone, after the import, against mysql2/promise",
    runtimes: ALL,
    figure: ({ coldStart }) => coldStart?.answer,
    bound: ["at most", 1.4],
    where: whereStartGoes,
  },
];

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
    isOfStatements: true,
    where: whereStatementGoes,
  }));
}

function javascript(key: string, what: string): Goal[] {
  return AT_ONCE.flatMap((atOnce) =>
    ([[NODE, 2], [[...BUN, ...DENO], 3]] as const).map(([runtimes, bound]): Goal => ({
      what: `JavaScript of ${what} above a bare array, ${atOnce} at once, in µs of CPU`,
      runtimes,
      figure: ({ javascriptUs }) => javascriptUs?.[atOnce]?.[key],
      bound: ["at most", bound],
      where: whereJavascriptGoes,
    }))
  );
}

function whereStatementGoes({ clientUs }: Figures): string | undefined {
  const ours = clientUs?.["sublet"];
  return ours && sharesOf(ours);
}

function whereJavascriptGoes({ javascriptParts }: Figures): string | undefined {
  return javascriptParts && partsOf(javascriptParts);
}

function whereLeaseGoes({ pairNs }: Figures): string | undefined {
  return pairNs && `core ${pairNs["0"]} ns, with 246 waiters ${pairNs["246"]} ns`;
}

function whereStartGoes({ coldStartMs, firstAnswerMs }: Figures): string | undefined {
  if (coldStartMs === undefined || firstAnswerMs === undefined) return undefined;
  return ["sublet", "mysql2Promise"].map((key) => {
    const answer = firstAnswerMs[key]!;
    return `${key}: import ${terse(coldStartMs[key]! - answer)}, answer ${terse(answer)} ms`;
  }).join("; ");
}

/** Returns how many more errors this pool had than the best peer. */
function errorsAgainstLeast(recovery: Figures["recovery"], own: string): number | undefined {
  if (recovery === undefined) return undefined;
  const peers = Object.entries(recovery).filter(([key]) => !key.startsWith("sublet"));
  return recovery[own]!.errors - Math.min(...peers.map(([, { errors }]) => errors));
}
