/**
 * The bank: `npm run chaos`. Tellers move money through one pool while network, server and client
 * fail in every way that the tests can produce. Then an audit checks the books.
 *
 * `--seconds N` is how long the storm lasts, `--seed N` selects another storm, `--runtime` the
 * runtime of the bank (node, bun, deno), `--server` the server (mariadb, mysql). `--json` prints
 * the summary as one line of JSON. The exit status is 0 if nothing was lost, doubled or left.
 */

import process from "node:process";
import { parseArgs } from "node:util";
import type { Flavor } from "../support/server_binary.ts";
import { explain, isGood, runChaos, summaryOf } from "./chaos.ts";
import { runtimes } from "./short.ts";

const flavors: readonly Flavor[] = ["mariadb", "mysql"];

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    runtime: { type: "string", default: "node" },
    server: { type: "string", default: "mariadb" },
  },
});

const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new RangeError(`--seconds takes a number above 0: ${values.seconds}`);
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed)) throw new RangeError(`--seed takes a number: ${values.seed}`);
const runtime = oneOf("runtime", runtimes, values.runtime);
const flavor = oneOf("server", flavors, values.server);

const outcome = await runChaos({ seconds, seed, runtime, flavor });
const summary = summaryOf(outcome, seed);
process.stderr.write(`${explain(outcome)}\n`);
process.stdout.write(`${JSON.stringify(summary, null, values.json ? 0 : 2)}\n`);
process.exitCode = isGood(outcome) ? 0 : 1;

function oneOf<T extends string>(option: string, choices: readonly T[], given: string): T {
  const choice = choices.find((each) => each === given);
  if (choice === undefined) throw new RangeError(`--${option} takes one of ${choices.join(", ")}`);
  return choice;
}
