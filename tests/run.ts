/**
 * Everything that a change has to pass: `npm test`.
 *
 * First the tools, each of which counts as one test; then every `*_test.ts` under tests, on
 * Node and on servers that the tests start; then the conformance suite, the bank in a short storm
 * and the programs of ORMs, in every runtime. Ends with `N passed, N failed`.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runShortChaos } from "./chaos/short.ts";
import * as orms from "./compat/orms/orms.ts";
import { runConformance, runtimes, tallyOf } from "./conformance/conformance.ts";
import { denoConfig } from "./support/deno_config.ts";
import { serverBinary } from "./support/server_binary.ts";
import { describe, seconds, sum, type Tally } from "./support/tally.ts";
import { runTestFiles, testFiles } from "./support/test_files.ts";

/** How much is told of a tool's command. */
const commandLengthMax = 50;

interface Tool {
  readonly title: string;
  readonly program: string;
  readonly args: readonly string[];
}

process.chdir(fileURLToPath(new URL("../", import.meta.url)));
const began = performance.now();
const deno = await denoConfig();
/** The modules that are imported from outside, whose documentation has to be whole. */
const entries: readonly string[] = Object.values(
  JSON.parse(readFileSync("deno.json", "utf8")).exports,
);
/** Those whose documentation is all ours; that of the others is looked at in tests/compat. */
const documented = entries.filter((path) => !path.includes("/compat"));
/** The other modules that only Deno's types are right for. */
const forDeno: readonly string[] = [
  "tests/types/deno/fits.ts",
  ...readdirSync("examples").filter((name) => /^deno_.*\.ts$/.test(name)).map((name) =>
    `examples/${name}`
  ),
];

const tools: readonly Tool[] = [
  { title: "types, of Node", program: "tsc", args: ["-p", "tsconfig.json"] },
  { title: "types, of Bun", program: "tsc", args: ["-p", "tests/types/bun"] },
  { title: "types, of Workers", program: "tsc", args: ["-p", "tests/types/workerd"] },
  { title: "types, of hosts", program: "tsc", args: ["-p", "tests/types/hosts"] },
  { title: "types, of ORMs", program: "tsc", args: ["-p", "tests/compat/orms"] },
  { title: "types, of none", program: "tsc", args: ["-p", "tests/types/core"] },
  { title: "format", program: "deno", args: ["fmt", "--check"] },
  { title: "lint", program: "deno", args: ["lint"] },
  {
    title: "types, of Deno",
    program: "deno",
    args: ["check", "--config", deno.path, "--no-lock", ...entries, ...forDeno],
  },
  { title: "docs", program: "deno", args: ["doc", "--lint", "--quiet", ...documented] },
];

process.stdout.write(`Deno takes @std/async from ${deno.source}\n\n`);
const tallies: Tally[] = [];
for (const tool of tools) tallies.push(await runTool(tool));

process.stdout.write(`\ntests, on Node ${process.versions.node}\n`);
const binary = serverBinary();
process.stdout.write(`  on ${binary?.version ?? "the server of MYSQL_URL"}\n`);
tallies.push(await runTestFiles(testFiles(join(process.cwd(), "tests"))));

process.stdout.write(`\nconformance, in ${runtimes.join(", ")}\n`);
tallies.push(tallyOf(await runConformance()));

process.stdout.write("\nchaos\n");
tallies.push(await runShortChaos());

process.stdout.write(`\nORMs, in ${orms.runtimes.join(", ")}\n`);
tallies.push(orms.tallyOf(await orms.runOrms()));

const total = sum(tallies);
process.stdout.write(`\nall in ${seconds(performance.now() - began)}: ${describe(total)}\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed > 0 ? 1 : 0;

/** Runs a tool; what it says is shown only if it fails. */
async function runTool({ title, program, args }: Tool): Promise<Tally> {
  const whole = [program, ...args].join(" ");
  const command = whole.length > commandLengthMax
    ? `${whole.slice(0, commandLengthMax - 1)}…`
    : whole;
  const toolBegan = performance.now();
  const child = spawn(join("node_modules", ".bin", program), args, {
    env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  const [status, signal] = await once(child, "close");
  const isGood = status === 0;
  const verdict = isGood ? "passed" : `FAILED (${signal ?? `exit status ${status}`})`;
  const time = seconds(performance.now() - toolBegan);
  process.stdout.write(
    `${title.padEnd(17)} ${command.padEnd(commandLengthMax)} ${verdict}  ${time}\n`,
  );
  if (!isGood) process.stdout.write(`\n${output}\n`);
  return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1, skipped: 0 };
}
