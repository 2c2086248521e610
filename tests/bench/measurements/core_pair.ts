/**
 * The cost of a lease, a request and a release, in the pure core of a pool of ten connections, by
 * the number of waiters. Every statement pays this cost.
 */

import { Cycle } from "../core_cycle.ts";
import type { Bench, Finding, Measurement, Section } from "../measurement.ts";
import { brief, type Contestant, type Costs, lowOf, takeTurns, terse } from "../stats.ts";
import { WARM } from "../users.ts";

/** Measures pairs of steps. */
export const corePair: Measurement = { name: "pair", measure };

const CONNECTIONS = 10;
const FEW = 10;
const MANY = 10_000;
/** 0: connections are free; 6: as with 16 statements at once; 246: as with 256. */
const WAITERS: readonly number[] = [0, 6, FEW, 246, MANY];

async function measure({ isQuick }: Bench): Promise<Finding> {
  const contestants = WAITERS.map(contestant);
  const plan = { rounds: isQuick ? 15 : 61, sliceMs: 15, warmRounds: 5 };
  const { cpu } = await takeTurns(contestants, plan);
  const ns = (waiters: number): number => brief(lowOf(cpu, keyOf(waiters)) * 1000);
  return {
    sections: [tell(cpu)],
    figures: {
      pairNs: Object.fromEntries(WAITERS.map((waiters) => [waiters, ns(waiters)])),
      pairGrowth: brief(lowOf(cpu, keyOf(MANY)) / lowOf(cpu, keyOf(FEW))),
    },
  };
}

function tell(cpu: Costs): Section {
  return {
    title: "A request and a release in the pure core",
    prose: `With ${CONNECTIONS} connections, and the deadline after each; ns of CPU time that a ` +
      "fifth of the rounds stayed below.",
    head: ["waiters", "ns", `times as much as with ${FEW}`],
    rows: WAITERS.map((waiters) => {
      const us = lowOf(cpu, keyOf(waiters));
      const ratio = terse(us / lowOf(cpu, keyOf(FEW)));
      return [waiters.toLocaleString("en-US"), terse(us * 1000), ratio];
    }),
    plots: [],
  };
}

function contestant(waiters: number): Contestant {
  const cycle = new Cycle({ connections: CONNECTIONS, waiters, isBusy: waiters > 0 });
  cycle.run(WARM);
  return {
    key: keyOf(waiters),
    label: `${waiters} waiters`,
    run: (ms) => {
      const end = performance.now() + ms;
      let count = 0;
      for (; performance.now() < end; count += 50) cycle.run(50);
      return count;
    },
  };
}

function keyOf(waiters: number): string {
  return `${waiters}`;
}
