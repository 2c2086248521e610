/**
 * The cost of an event grows no faster than the logarithm of the number of waiters, connections
 * and targets. The tests measure it without a clock, by the fields that a step reads and the
 * objects that it makes.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { deadline, type Event } from "../../src/core/mod.ts";
import { Crowd } from "./support/crowd.ts";
import { costOf } from "./support/meter.ts";

/** What grows, to which sizes, how to make such a pool, and the events to measure in it. */
interface Growth {
  readonly of: string;
  readonly sizes: readonly number[];
  readonly grow: (size: number) => Crowd;
  readonly events: Readonly<Record<string, (crowd: Crowd) => Event>>;
}

/** How many reads and objects a step may cost, and how many more for each doubling of the size. */
const COST_WHOLE = 200;
const COST_PER_DOUBLING = 60;
/** How many times the cost in a pool of ten, or {@linkcode COST_WHOLE}, the biggest may cost. */
const RATIO_MAX = 4;
/** How many times each event is measured in a pool; the events take turns. */
const ROUNDS = 40;

const round: Growth["events"] = {
  "a request": (crowd) => crowd.asking(),
  "a release": (crowd) => crowd.ending(),
};
const troubles: Growth["events"] = {
  "a dirty release": (crowd) => ({ ...crowd.ending(), condition: "dirty" } as Event),
  "a broken one": (crowd) => ({ ...crowd.ending(), condition: "broken" } as Event),
  "another request": (crowd) => crowd.asking(),
  "a third request": (crowd) => crowd.asking(),
  "a loss": (crowd) => ({ type: "actualLost", actual: crowd.held[0]!.actual, byServer: false }),
};

const growths: readonly Growth[] = [
  {
    of: "waiters",
    sizes: [10, 1000, 100_000],
    grow: (size) => waiting(new Crowd({}), size + 10, () => 0),
    events: {
      ...round,
      ...troubles,
      "a withdrawal": (crowd) => crowd.withdrawing(),
    },
  },
  {
    of: "waiters behind a limit",
    sizes: [10, 1000, 100_000],
    grow: (size) => {
      const virtuals = [{ target: 0, limit: 5, minimum: 0 }];
      return waiting(new Crowd({ virtuals }), size + 5, () => 0);
    },
    events: { ...round, "a withdrawal": (crowd) => crowd.withdrawing() },
  },
  {
    of: "connections that are in use",
    sizes: [10, 100, 1000, 10_000],
    grow: (size) => waiting(new Crowd({ connectionLimit: size }), size, () => 0),
    events: { ...round, ...troubles },
  },
  {
    of: "connections that rest",
    sizes: [10, 100, 1000, 10_000],
    grow: (size) => resting(new Crowd({ connectionLimit: size, maxLifetime: 1e6 }), size, () => 0),
    events: { ...round, "an idle deadline": due },
  },
  {
    of: "targets that wait for one of ten connections",
    sizes: [1, 10, 100, 1000, 10_000],
    grow: (size) => waiting(new Crowd({ handoverMs: 0 }), size + 10, (index) => index % size),
    events: { ...round, ...troubles },
  },
  {
    of: "targets that each have a connection at rest",
    sizes: [1, 10, 100, 1000, 10_000],
    grow: (size) => resting(new Crowd({ connectionLimit: size }), size, (index) => index),
    events: {
      "a request for another target": (crowd) => crowd.asking(1_000_000 + crowd.asked),
      "a release": (crowd) => crowd.ending(),
      "an idle deadline": due,
    },
  },
  {
    of: "targets that are down",
    sizes: [1, 10, 100, 1000, 10_000],
    grow: (size) => down(new Crowd({}), size),
    events: {
      "a request that is refused": (crowd) => crowd.asking(0),
      "a request": (crowd) => crowd.asking(1_000_000),
      "a release": (crowd) => crowd.ending(),
    },
  },
];

for (const { of, sizes, grow, events } of growths) {
  test(`no event costs much more for more ${of}`, (context) => {
    const rows = sizes.map((size) => measure(grow(size), events));
    for (const name of Object.keys(events)) {
      const costs = rows.map((row) => Math.round(row[name]!));
      context.diagnostic(`${name}: ${costs.join(", ")}`);
      costs.forEach((cost, index) => {
        const size = sizes[index]!;
        const costMax = COST_WHOLE + COST_PER_DOUBLING * Math.log2(size);
        assert.ok(cost <= costMax, `${name} with ${size} ${of} costs ${cost}, not ${costMax}`);
      });
      const ratio = costs.at(-1)! / Math.max(COST_WHOLE, costs[sizes.indexOf(10)]!);
      assert.ok(ratio < RATIO_MAX, `${name} with ever more ${of} costs ${costs.join(", ")}`);
    }
  });
}

/** Returns the mean cost of each event; the events take turns in the same pool. */
function measure(crowd: Crowd, events: Growth["events"]): Record<string, number> {
  const costs: Record<string, number> = {};
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (const [name, make] of Object.entries(events)) {
      const event = make(crowd);
      const { reads, made } = costOf(crowd.pool, event, crowd.now);
      costs[name] = (costs[name] ?? 0) + (reads + made) / ROUNDS;
      crowd.happen(event);
      crowd.now += 1;
    }
  }
  return costs;
}

function due(crowd: Crowd): Event {
  crowd.now = deadline(crowd.pool) ?? crowd.now;
  return { type: "deadlineReached" };
}

function waiting(crowd: Crowd, count: number, targetOf: (index: number) => number): Crowd {
  for (let index = 0; index < count; index++) crowd.happen(crowd.asking(targetOf(index)));
  return crowd;
}

function resting(crowd: Crowd, count: number, targetOf: (index: number) => number): Crowd {
  waiting(crowd, count, targetOf);
  while (crowd.held.length > 0) {
    crowd.happen(crowd.ending());
    crowd.now += 10;
  }
  return crowd;
}

function down(crowd: Crowd, count: number): Crowd {
  crowd.isUp = false;
  for (let target = 0; target < count; target++) crowd.happen(crowd.asking(target));
  crowd.isUp = true;
  return crowd;
}
