/**
 * `npm run conformance`: runs the suite in every runtime, or with `--only node,deno` in some; with
 * `--filter text` only the tests whose names contain the text. `--json` prints the results as JSON.
 */

import process from "node:process";
import { parseArgs } from "node:util";
import type { Runtime } from "../../src/port/socket.ts";
import { describe } from "../support/tally.ts";
import { runConformance, runtimes, tallyOf } from "./conformance.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string" },
    filter: { type: "string" },
  },
});

const only = values.only?.split(",").map((name) => {
  const runtime = runtimes.find((each) => each === name);
  if (runtime === undefined) throw new RangeError(`--only takes some of ${runtimes.join(", ")}`);
  return runtime satisfies Runtime;
});

const results = await runConformance({
  ...(only === undefined ? {} : { only }),
  ...(values.filter === undefined ? {} : { filter: values.filter }),
});
const tally = tallyOf(results);
for (const [runtime, { skipped }] of Object.entries(results)) {
  for (const { name, reason } of skipped) {
    process.stderr.write(`  ${runtime.padEnd(8)} not run: ${name} (${reason})\n`);
  }
}
process.stdout.write(`${values.json ? JSON.stringify(results) : describe(tally)}\n`);
process.exitCode = tally.failed > 0 ? 1 : 0;
