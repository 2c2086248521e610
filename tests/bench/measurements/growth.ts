/**
 * The cost of a lease in the pure core, and how it grows with the pool: a request and a release,
 * two steps, and the deadline after each.
 */

import { Cycle, type Size } from "../core_cycle.ts";
import type { Bench, Finding, Line, Measurement, Section } from "../measurement.ts";
import { brief, type Contestant, costOf, type Costs, ratioOf, shown, takeTurns } from "../stats.ts";

/** Measures steps in small pools and in large ones. */
export const growth: Measurement = { name: "growth", measure };

/** A quantity that grows, and the pool for each size. */
interface Kind {
  readonly label: string;
  readonly sizes: readonly number[];
  readonly grow: (size: number) => Size;
}

const KINDS: Readonly<Record<string, Kind>> = {
  waiters: {
    label: "waiters",
    sizes: [10, 100, 1000, 10_000, 100_000],
    grow: (waiters) => ({ connections: 10, waiters, isBusy: true }),
  },
  connections: {
    label: "connections in use",
    sizes: [10, 100, 1000, 10_000],
    grow: (connections) => ({ connections, waiters: 10, isBusy: true }),
  },
  resting: {
    label: "connections at rest",
    sizes: [10, 100, 1000, 10_000],
    grow: (connections) => ({ connections }),
  },
  targets: {
    label: "targets",
    sizes: [10, 100, 1000, 10_000],
    grow: (targets) => ({ connections: targets, targets }),
  },
  virtuals: {
    label: "virtual connections",
    sizes: [10, 100, 1000, 10_000],
    grow: (virtuals) => ({ connections: 10, virtuals }),
  },
};

async function measure({ isQuick }: Bench): Promise<Finding> {
  const contestants = Object.entries(KINDS).flatMap(([name, { label, sizes, grow }]) =>
    sizes.map((size) => contestant(`${name} ${size}`, `${size} ${label}`, grow(size)))
  );
  const plan = { rounds: isQuick ? 9 : 31, sliceMs: isQuick ? 8 : 20, warmMs: 40 };
  const { cpu: costs } = await takeTurns(contestants, plan);
  const growths = Object.entries(KINDS).map(([name, { sizes }]) =>
    [name, ratioOf(costs, `${name} ${sizes.at(-1)}`, `${name} ${sizes[0]}`)] as const
  );
  return {
    sections: [tell(costs)],
    figures: {
      growth: Object.fromEntries(growths.map(([name, { median }]) => [name, brief(median)])),
      coreUs: Object.fromEntries(
        contestants.map(({ key, label }) => [label, brief(costOf(costs, key).median)]),
      ),
    },
  };
}

function tell(costs: Costs): Section {
  const rows = Object.entries(KINDS).flatMap(([name, { label, sizes }]) =>
    sizes.map((size) => [
      label,
      size.toLocaleString("en-US"),
      shown(costOf(costs, `${name} ${size}`)),
      size === sizes[0] ? "" : shown(ratioOf(costs, `${name} ${size}`, `${name} ${sizes[0]}`)),
    ])
  );
  const lines = Object.entries(KINDS).map(([name, { label, sizes }]): Line => ({
    label,
    points: sizes.map((size) => [size, costOf(costs, `${name} ${size}`).median]),
  }));
  const title = "A lease in the pure core, in pools of many sizes";
  return {
    title,
    prose: "A request and a release, and the deadline after each. Ten wait where connections are " +
      "in use, and ten are in use where many wait; elsewhere nobody waits.",
    head: ["", "", "µs", "times as much as with the fewest"],
    rows,
    plots: [{
      kind: "lines",
      name: "growth",
      title,
      across: "how many there are",
      up: "µs",
      lines,
    }],
  };
}

function contestant(key: string, label: string, size: Size): Contestant {
  const cycle = new Cycle(size);
  return {
    key,
    label,
    run: (ms) => {
      const end = performance.now() + ms;
      let count = 0;
      for (; performance.now() < end; count += 50) cycle.run(50);
      return count;
    },
  };
}
