/**
 * Random programs: `npm run programs`. Trees of units, transactions, leases and statements run on
 * a real server, and a model that is independent of the pool judges the outcome.
 *
 * `--seconds N` is how long the run starts new programs, `--seed N` selects other programs,
 * `--runtime` the runtime (node, bun, deno), `--server` the server (mariadb, mysql). `--only N`
 * runs one program of the seed repeatedly, `--replay JSON` a given program. Then the programs have
 * to find mutants of the pool, except with `--no-mutants`, `--only` or `--replay`. `--json` prints
 * the summary as one line of JSON. The exit status is 0 if programs ran, none failed and no mutant
 * survived.
 */

import process from "node:process";
import { parseArgs } from "node:util";
import type { ProgramRuntime } from "../conformance/command.ts";
import type { Flavor } from "../support/server_binary.ts";
import { hunt, openGround } from "./hunt.ts";
import { mutants } from "./mutants.ts";
import { tryMutants } from "./mutate.ts";
import { describeFailure } from "./tell.ts";

const runtimes: readonly ProgramRuntime[] = ["node", "bun", "deno"];
const flavors: readonly Flavor[] = ["mariadb", "mysql"];
/** How long to shrink the first program that failed, in s. */
const shrinkSeconds = 30;
/** How many failures to print. */
const toldMax = 12;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    runtime: { type: "string", default: "node" },
    server: { type: "string", default: "mariadb" },
    only: { type: "string" },
    replay: { type: "string" },
    "no-mutants": { type: "boolean", default: false },
  },
});

const began = performance.now();
const seconds = numberOf("seconds", values.seconds);
const seed = numberOf("seed", values.seed);
const runtime = oneOf("runtime", runtimes, values.runtime);
const flavor = oneOf("server", flavors, values.server);
const one = {
  ...values.only === undefined ? {} : { only: numberOf("only", values.only) },
  ...values.replay === undefined ? {} : { replay: JSON.parse(values.replay) },
};
const isOne = Object.keys(one).length > 0;

await using ground = await openGround(flavor);
const limits = isOne ? { failuresMax: 1 } : { shrinkSeconds };
const found = await hunt(ground, { seed, seconds, prefix: "w", runtime, ...one, ...limits });
const programsSeconds = (performance.now() - began) / 1_000;
const failures = found.failures.filter(({ isShrunk }) => !isShrunk);
for (const failure of [...failures.slice(0, toldMax), ...found.failures.filter(isSmallest)]) {
  process.stderr.write(`${describeFailure(failure, { seed, runtime, flavor })}\n`);
}
if (found.crash !== undefined) process.stderr.write(`${found.crash}\n`);
process.stderr.write(
  `${found.programs} programs, ${failures.length} failed, in ${programsSeconds.toFixed(1)} s\n`,
);

const chosen = isOne || values["no-mutants"] ? [] : mutants;
const failing = new Set(failures.map(({ number }) => number));
const killed = await tryMutants(ground, chosen, seed, failing);
const summary = {
  programs: found.programs,
  failed: failures.length + (found.crash === undefined ? 0 : 1),
  mutants: { total: chosen.length, killed },
  seconds: Math.round((performance.now() - began) / 100) / 10,
};
process.stdout.write(`${JSON.stringify(summary, null, values.json ? 0 : 2)}\n`);
// A run without programs shows nothing.
const isGood = summary.programs > 0 && summary.failed === 0 && killed === chosen.length;
process.exitCode = isGood ? 0 : 1;

function isSmallest({ isShrunk }: { readonly isShrunk: boolean }): boolean {
  return isShrunk;
}

function numberOf(option: string, given: string): number {
  const number = Number(given);
  if (Number.isFinite(number)) return number;
  throw new RangeError(`--${option} takes a number: received ${given}`);
}

function oneOf<T extends string>(option: string, choices: readonly T[], given: string): T {
  const choice = choices.find((each) => each === given);
  if (choice === undefined) throw new RangeError(`--${option} takes one of ${choices.join(", ")}`);
  return choice;
}
