/**
 * How often a property is tried, and from which seed: always the same one, so that a test
 * that passes passes again. `SEED=…` tries others, `RUNS=…` more; a failure prints its seed.
 */

import process from "node:process";

/** The default seed. */
const SEED_DEFAULT = 20_260_101;

/** Returns options of `fc.assert` for so many runs, unless the environment says otherwise. */
export function runs(runsDefault: number): { readonly seed: number; readonly numRuns: number } {
  return {
    seed: Number(process.env["SEED"] ?? SEED_DEFAULT),
    numRuns: Number(process.env["RUNS"] ?? runsDefault),
  };
}
