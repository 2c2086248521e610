/**
 * How often a property is tried, and from which seed: always the same one, so that a test
 * that passes passes again. `SEED=…` tries others, `RUNS=…` more; a failure prints its seed.
 */

import process from "node:process";

/** The first seed that was tried. */
const SEED_DEFAULT = 20_260_101;

/** Returns what `fc.assert` needs to try a property so often, or as the environment says. */
export function runs(runsDefault: number): { readonly seed: number; readonly numRuns: number } {
  return {
    seed: Number(process.env["SEED"] ?? SEED_DEFAULT),
    numRuns: Number(process.env["RUNS"] ?? runsDefault),
  };
}
