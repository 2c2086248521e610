/** The cost of finding the unit of work of a statement. */

import { createPool } from "../../../mod.ts";
import { compare, type Situation } from "../compare.ts";
import { ROWS } from "../items.ts";
import type { Bench, Finding, Measurement } from "../measurement.ts";
import { pointSelect } from "../peers/statements.ts";
import { brief, type Contestant, ratioOf, takeTurns } from "../stats.ts";
import { askTimes, WARM } from "../users.ts";

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
  const inUnit = (): Promise<void> => db.unit(statements);
  for (const run of [inUnit, statements]) await askTimes(WARM / STATEMENTS, AT_ONCE[1]!, run);
  const plan = { rounds: isQuick ? 13 : 41, sliceMs: 0 };
  const situations: Situation[] = [];
  for (const atOnce of AT_ONCE) {
    const units = (atOnce === 1 ? 100 : 500) * (isQuick ? 1 : 4);
    const contestants = [
      contestant("inside", "in units", "db.unit", () => askTimes(units, atOnce, inUnit), units),
      contestant("outside", "outside", "", () => askTimes(units, atOnce, statements), units),
    ];
    const { wall: costs, cpu } = await takeTurns(contestants, plan);
    situations.push({ label: `${atOnce} at once`, contestants, costs, cpu });
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
  ask: () => Promise<void>,
  units: number,
): Contestant {
  const run = async (): Promise<number> => {
    await ask();
    return units * STATEMENTS;
  };
  return { key, label, note, run };
}
