/**
 * What takes seconds to know after each edit: `npm run check`. All tools, and the test files that
 * need no server: those of the core, of the pool, and every other one that is pure.
 */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pureTestFiles } from "./support/pure.ts";
import { Durations } from "./support/slowest.ts";
import { root } from "./support/source.ts";
import { describe, seconds, sum } from "./support/tally.ts";
import { runTestFiles, testFiles } from "./support/test_files.ts";
import { allTools, runTools } from "./support/tools.ts";

process.chdir(root);
const began = performance.now();
const durations = new Durations();
const tools = await runTools(await allTools(), availableParallelism(), durations.add);
const pure = pureTestFiles().map((path) => join(root, path));
const files = new Set([...pure, ...testFiles(join(root, "tests", "shell"))]);
process.stdout.write(`\ntests without a server, on Node ${process.versions.node}\n`);
const tests = await runTestFiles([...files].sort(), durations.add);
const total = sum([...tools, tests]);
process.stdout.write(`\nall in ${seconds(performance.now() - began)}: ${describe(total)}\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
