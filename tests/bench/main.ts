/**
 * The benchmark: `npm run bench [-- --quick] [--runtime node|deno|bun] [--only cycle,select]
 * [--report folder] [--json]`.
 *
 * Absolute times depend on the machine and its load; ratios compare slices measured in turns, and
 * are what counts. Client and server run on different cores if there are two. With `--json` the
 * last line is one JSON object.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { commandOf } from "../conformance/command.ts";
import { findCores } from "./cores.ts";
import type { BenchRuntime } from "./measurement.ts";

/** The options with which each runtime lets a program collect garbage. */
const COLLECTING: Readonly<Record<BenchRuntime, readonly string[]>> = {
  node: ["--expose-gc"],
  deno: ["--v8-flags=--expose-gc"],
  bun: [],
};

const { values } = parseArgs({
  options: { runtime: { type: "string", default: "node" } },
  strict: false,
});
const runtime = Object.keys(COLLECTING).find((name) => name === values.runtime);
if (runtime === undefined) {
  throw new RangeError(`--runtime takes one of ${Object.keys(COLLECTING).join(", ")}`);
}
process.exitCode = await run(runtime as BenchRuntime);

/** Runs the measurements in a runtime; returns the exit status. */
async function run(runtime: BenchRuntime): Promise<number> {
  const [program, options] = await commandOf(runtime);
  const script = fileURLToPath(new URL("program.ts", import.meta.url));
  const args = [...options, ...COLLECTING[runtime], script, ...process.argv.slice(2)];
  const cores = await findCores();
  const [command, ...rest] = cores === undefined ? [program, ...args] : [
    ...["taskset", "-c", `${cores.client}`, program],
    ...[...args, "--cores", `${cores.client},${cores.server}`],
  ];
  const child = spawn(command!, rest, { stdio: "inherit" });
  const [status] = await once(child, "exit");
  return status ?? 1;
}
