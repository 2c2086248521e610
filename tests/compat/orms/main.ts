/**
 * `npm run compat`: runs the program of every package in every runtime. `--only node,deno` selects
 * runtimes, `--packages knex,kysely` packages. `--json` prints the results as JSON.
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { describe } from "../../support/tally.ts";
import { programs, runOrms, runtimes, tallyOf } from "./orms.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string" },
    packages: { type: "string" },
  },
});

/** Returns the words of an option as a selection; throws if a word is unknown. */
function listOf(option: "only" | "packages", known: readonly string[]): object {
  const words = values[option]?.split(",");
  if (words === undefined) return {};
  if (words.every((word) => known.includes(word))) return { [option]: words };
  throw new RangeError(`--${option} takes some of ${known.join(", ")}`);
}

const results = await runOrms({
  ...listOf("only", runtimes),
  ...listOf("packages", Object.keys(programs)),
});
const tally = tallyOf(results);
process.stdout.write(`${values.json ? JSON.stringify(results) : describe(tally)}\n`);
process.exitCode = tally.failed > 0 ? 1 : 0;
