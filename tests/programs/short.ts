/** Random programs in the test suite: some seconds on each server, both in parallel. */

import process from "node:process";
import { type Flavor, lackOf, serverBinary } from "../support/server_binary.ts";
import { seconds as inSeconds, sum, type Tally } from "../support/tally.ts";
import { hunt, openGround } from "./hunt.ts";
import { describeFailure } from "./tell.ts";

/** How long the run starts new programs, in s. */
const seconds = 10;
/** How long to shrink the first program that failed, in s. */
const shrinkSeconds = 10;
/** The seed is fixed, so that a failure can be reproduced. */
const seed = 1;
/** How many programs run at once on one server; both servers run in parallel. */
const sites = 8;

const skipped: Tally = { passed: 0, failed: 0, skipped: 1 };

/** Runs programs on each server, and returns how many servers passed. */
export async function runShortPrograms(): Promise<Tally> {
  if (serverBinary() === undefined) {
    process.stdout.write("  not run: they need a server whose log they can read\n");
    return { ...skipped, skipped: 2 };
  }
  return sum(await Promise.all((["mariadb", "mysql"] as const).map(runOn)));
}

async function runOn(flavor: Flavor): Promise<Tally> {
  const say = (text: string): void => void process.stdout.write(`  ${flavor.padEnd(7)} ${text}\n`);
  const lack = lackOf(flavor);
  if (lack !== undefined) {
    say(`not run: ${lack}`);
    return skipped;
  }
  const began = performance.now();
  await using ground = await openGround(flavor);
  const found = await hunt(ground, { seed, seconds, shrinkSeconds, sites, prefix: "w" });
  const failures = found.failures.filter(({ isShrunk }) => !isShrunk);
  const time = inSeconds(performance.now() - began);
  say(`${found.programs} programs, ${failures.length} failed  ${time}`);
  for (const failure of [...failures.slice(0, 3), ...found.failures.slice(failures.length)]) {
    say(describeFailure(failure, { seed, runtime: "node", flavor }));
  }
  if (found.crash !== undefined) say(found.crash);
  const isGood = found.crash === undefined && failures.length === 0 && found.programs > 0;
  return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1, skipped: 0 };
}
