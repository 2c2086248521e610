/** What it costs that statements find the unit of work that they belong to. */

import { createPool } from "../../../mod.ts";
import { compare, type Situation } from "../compare.ts";
import { ROWS } from "../items.ts";
import type { Bench, Finding, Measurement } from "../measurement.ts";
import { pointSelect } from "../peers/clients.ts";
import { brief, type Contestant, ratioOf, takeTurns } from "../stats.ts";

/** Measures statements inside units of work, and outside. */
export const units: Measurement = { name: "unit", measure };

const LIMIT = 10;
const STATEMENTS = 3;
const AT_ONCE: readonly number[] = [1, 16];

async function measure({ isQuick, server }: Bench): Promise<Finding> {
  await using db = createPool({ uri: server.url(), connectionLimit: LIMIT, shared: false });
  const statements = async (): Promise<void> => {
    for (let turn = 1; turn <= STATEMENTS; turn++) {
      await db.execute(pointSelect, [turn * 31 % ROWS]);
    }
  };
  const plan = {
    rounds: isQuick ? 13 : 41,
    sliceMs: isQuick ? 40 : 150,
    warmMs: 250,
  };
  const situations: Situation[] = [];
  for (const atOnce of AT_ONCE) {
    const contestants = [
      contestant("inside", "in units", "db.unit", atOnce, () => db.unit(statements)),
      contestant("outside", "outside", "", atOnce, statements),
    ];
    const costs = await takeTurns(contestants, plan);
    situations.push({ label: `${atOnce} at once`, contestants, costs });
  }
  const section = compare(situations, {
    title: "Statements in units of work",
    prose: `${STATEMENTS} selects by key in each unit, against as many outside of any; what a ` +
      "statement takes. Inside, AsyncLocalStorage carries the unit through every await.",
    unit: ["µs", 1],
    plot: "units",
  });
  const { costs } = situations.at(-1)!;
  return {
    sections: [section],
    figures: { unitCost: brief(ratioOf(costs, "outside", "inside").median) },
  };
}

function contestant(
  key: string,
  label: string,
  note: string,
  atOnce: number,
  three: () => Promise<void>,
): Contestant {
  return {
    key,
    label,
    note,
    run: async (ms) => {
      const end = performance.now() + ms;
      let count = 0;
      const client = async (): Promise<void> => {
        for (; performance.now() < end; count += STATEMENTS) await three();
      };
      await Promise.all(Array.from({ length: atOnce }, client));
      return count;
    },
  };
}
