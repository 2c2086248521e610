/** The bank in the test suite: a short storm in each runtime, all in parallel. */

import process from "node:process";
import type { ProgramRuntime } from "../conformance/command.ts";
import { serverBinary } from "../support/server_binary.ts";
import { seconds as inSeconds, sum, type Tally } from "../support/tally.ts";
import { explain, isGood, runChaos, summaryOf } from "./chaos.ts";

/** The runtimes that the bank runs in. */
export const runtimes: readonly ProgramRuntime[] = ["node", "bun", "deno"];

/** How long a storm lasts, in s. */
const seconds = 3;

/** Runs the bank in each runtime, each through its own storm; returns how many passed. */
export async function runShortChaos(): Promise<Tally> {
  const flavor = serverBinary()?.flavor;
  if (flavor === undefined) {
    process.stdout.write("  not run: it needs a server that it can kill\n");
    return { passed: 0, failed: 0, skipped: runtimes.length };
  }
  const runs = runtimes.map(async (runtime, i): Promise<Tally> => {
    const beganAt = performance.now();
    const seed = i + 1;
    const say = (line: string): void =>
      void process.stdout.write(`  ${runtime.padEnd(5)} ${line}\n`);
    try {
      const outcome = await runChaos({ seconds, seed, runtime, flavor });
      const summary = summaryOf(outcome, seed);
      const { transfers, acknowledged, unknown, faults } = summary;
      const faultCount = Object.values(faults).reduce((a, b) => a + b, 0);
      const time = inSeconds(performance.now() - beganAt);
      say(
        `${transfers} transfers, ${acknowledged} acknowledged, ${unknown} unknown, ${faultCount} faults  ${time}`,
      );
      if (isGood(outcome)) return { passed: 1, failed: 0, skipped: 0 };
      say(`FAILED  ${JSON.stringify(summary)}\n${explain(outcome)}`);
    } catch (error) {
      say(`FAILED  seed ${seed}: ${error instanceof Error ? error.stack : error}`);
    }
    return { passed: 0, failed: 1, skipped: 0 };
  });
  return sum(await Promise.all(runs));
}
