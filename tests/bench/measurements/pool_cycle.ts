/** The cost of a lease in the whole pool: taken and released, without a statement. */

import { compare, lows, multiples, type Situation } from "../compare.ts";
import type { Bench, Finding, Measurement } from "../measurement.ts";
import { type Taker, takersOf } from "../peers/pools.ts";
import { type Contestant, takeTurns } from "../stats.ts";
import { WARM } from "../users.ts";

/** Measures leases one at a time, and 1,000 at once. */
export const poolCycle: Measurement = { name: "cycle", measure };

const LIMIT = 10;
const CROWD = 1000;

async function measure({ isQuick, server }: Bench): Promise<Finding> {
  const takers = takersOf(LIMIT, server.url());
  // The warm-up opens all connections and compiles the code.
  for (const taker of takers) {
    for (let done = 0; done < WARM; done += CROWD) {
      for (const atOnce of [CROWD, 1]) await taker.cycle(CROWD, atOnce);
    }
  }
  const plan = {
    rounds: isQuick ? 11 : 41,
    sliceMs: isQuick ? 12 : 30,
    warmMs: 60,
  };
  const situations: Situation[] = [];
  for (const atOnce of [1, CROWD]) {
    const contestants = takers.map((taker) => contestant(taker, atOnce));
    const label = atOnce === 1 ? "one at a time" : "1,000 at once on ten";
    const { cpu: costs } = await takeTurns(contestants, plan);
    situations.push({ label, contestants, costs });
  }
  for (const taker of takers) await taker.close();
  const [one, crowd] = situations;
  const section = compare(situations, {
    title: "A lease through the whole pool",
    prose: `Taken and given back, with a limit of ${LIMIT}. Where it says "an object", what is ` +
      "lent is an object within the process; mysql2 and mariadb lend connections, which are open " +
      "before anything counts and over which nothing is sent.",
    unit: ["µs", 1],
    plot: "cycle",
  });
  return {
    sections: [section],
    figures: {
      cycleUs: lows(one!),
      cycle1000Us: lows(crowd!),
      cycleAgainst: multiples(one!.contestants, one!.costs),
      cycle1000Against: multiples(crowd!.contestants, crowd!.costs),
    },
  };
}

function contestant({ key, label, note, cycle }: Taker, atOnce: number): Contestant {
  return {
    key,
    label,
    note,
    run: async (ms) => {
      const end = performance.now() + ms;
      let count = 0;
      for (; performance.now() < end; count += CROWD) await cycle(CROWD, atOnce);
      return count;
    },
  };
}
