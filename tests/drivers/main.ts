/**
 * `npm run drivers`: conformance on Node, and the tests of mysql2's own faces, on the oldest mysql2
 * that package.json allows and on the newest of the registry; with `--only 3.24.0,latest` on some
 * versions. `--json` ends with the figures.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, relative } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { root } from "../support/source.ts";
import { describe, sum, type Tally } from "../support/tally.ts";
import { testFiles } from "../support/test_files.ts";
import { Driver, oldestVersion } from "./driver.ts";

/** What became of each suite on one version. */
type Result = Readonly<Record<"conformance" | "compat", Tally>>;

/** Tests of other runtimes, which take the installed version. */
const otherRuntimes = /\/(?:runtimes|workers)_test\.ts$/;

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, only: { type: "string" } },
});

const versions = values.only?.split(",") ?? [await oldestVersion(), "latest"];
const results: Record<string, Result> = {};
for (const wanted of versions) {
  await using driver = await Driver.install(wanted);
  process.stderr.write(`mysql2 ${driver.version}\n`);
  const conformance = await run(driver, ["tests/conformance/main.ts", "--only", "node"]);
  const compat = await run(driver, ["tests/run.ts", ...compatFiles()]);
  results[driver.version] = { conformance, compat };
}
const lines = Object.entries(results).map(([version, { conformance, compat }]) => {
  return `mysql2 ${version}: conformance ${describe(conformance)}; compat ${describe(compat)}\n`;
});
process.stdout.write(values.json ? `${JSON.stringify(results)}\n` : lines.join(""));
const total = sum(Object.values(results).flatMap((result) => Object.values(result)));
process.exitCode = total.failed > 0 ? 1 : 0;

function compatFiles(): string[] {
  return testFiles(join(root, "tests", "compat"))
    .map((file) => relative(root, file))
    .filter((path) => !otherRuntimes.test(path) && !path.includes("/orms/"));
}

/** Runs a script on a version; returns what its last line says. */
async function run(driver: Driver, args: readonly string[]): Promise<Tally> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: driver.environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    process.stderr.write(text);
  });
  const [status] = await once(child, "close");
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  const count = (word: string): number => Number(new RegExp(`(\\d+) ${word}`).exec(last)?.[1] ?? 0);
  const tally = { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
  if (tally.passed + tally.failed === 0) {
    throw new Error(`${args[0]} told no figures on mysql2 ${driver.version}, status ${status}`);
  }
  return tally;
}
