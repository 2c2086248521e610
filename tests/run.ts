/**
 * Everything that a change has to pass: `npm test`.
 *
 * First the tools, each of which counts as one test; then every `*_test.ts` under tests, on
 * Node and on servers that the tests start; then the suites: conformance, the bank in a short
 * storm, random programs, and the programs of ORMs. Ends with a table of the slowest and the line
 * `N passed, N failed`. `npm test -- WORD…` runs only the tools, test files and suites whose title
 * or path contains one of the words.
 */

import { join, relative } from "node:path";
import process from "node:process";
import { runShortChaos } from "./chaos/short.ts";
import * as orms from "./compat/orms/orms.ts";
import { runConformance, runtimes, tallyOf } from "./conformance/conformance.ts";
import { runShortPrograms } from "./programs/short.ts";
import { denoConfig } from "./support/deno_config.ts";
import { checkWords, type Named, select } from "./support/selection.ts";
import { serverBinary } from "./support/server_binary.ts";
import { Durations } from "./support/slowest.ts";
import { root } from "./support/source.ts";
import { describe, seconds, sum, type Tally } from "./support/tally.ts";
import { runTestFiles, testFiles } from "./support/test_files.ts";
import { allTools, commandOf, runTools } from "./support/tools.ts";

/** What runs more than a file: it says how it goes, and what came of it. */
interface Suite extends Named {
  run(): Promise<Tally>;
}

process.chdir(root);
const began = performance.now();
const words = process.argv.slice(2);
const suites: readonly Suite[] = [
  {
    title: `conformance, in ${runtimes.join(", ")}`,
    path: "tests/conformance",
    run: async () => tallyOf(await runConformance()),
  },
  { title: "chaos", path: "tests/chaos", run: runShortChaos },
  { title: "programs", path: "tests/programs", run: runShortPrograms },
  {
    title: `ORMs, in ${orms.runtimes.join(", ")}`,
    path: "tests/compat/orms",
    run: async () => orms.tallyOf(await orms.runOrms()),
  },
];
const tools = (await allTools()).map((tool) => ({ ...tool, path: commandOf(tool) }));
const files = testFiles(join(root, "tests"))
  .map((file) => ({ title: "", path: relative(root, file), file }));
const durations = new Durations();
const tallies: Tally[] = [];

try {
  checkWords([...tools, ...files, ...suites], words);
  await runAll();
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function runAll(): Promise<void> {
  process.stdout.write(`Deno takes @std/async from ${(await denoConfig()).source}\n\n`);
  tallies.push(...await runTools(select(tools, words), 1, durations.add));
  const chosen = select(files, words).map(({ file }) => file);
  if (chosen.length > 0) {
    process.stdout.write(`\ntests, on Node ${process.versions.node}\n`);
    process.stdout.write(`  on ${serverBinary()?.version ?? "the server of MYSQL_URL"}\n`);
    tallies.push(await runTestFiles(chosen, durations.add));
  }
  for (const { title, run } of select(suites, words)) {
    process.stdout.write(`\n${title}\n`);
    const suiteBegan = performance.now();
    tallies.push(await run());
    durations.add(title, performance.now() - suiteBegan);
  }
  const total = sum(tallies);
  process.stdout.write(durations.table());
  process.stdout.write(`\nall in ${seconds(performance.now() - began)}: ${describe(total)}\n`);
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}
