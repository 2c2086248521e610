/** Runs programs that use a pool and do not end it: how, and when, their process ends. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** How a program ended. */
export interface Outcome {
  /** Its exit status; null if it had to be killed. */
  readonly status: number | null;
  /** What it printed, line by line. */
  readonly lines: readonly string[];
  /** What it complained of. */
  readonly errors: string;
  /** How long it took to end after its last line, in ms. */
  readonly lingeredMs: number;
}

/** How long a program may take, in ms. */
const programMsMax = 20_000;

/** Runs a program of the folder `programs` to its end, and says how that came. */
export async function runProgram(
  name: string,
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): Promise<Outcome> {
  const path = fileURLToPath(new URL(`programs/${name}`, import.meta.url));
  const child = spawn(process.execPath, [...nodeOptions, path, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: programMsMax,
    killSignal: "SIGKILL",
  });
  let [output, errors] = ["", ""];
  let spokeAt = performance.now();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    spokeAt = performance.now();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text);
  const [status] = await once(child, "close");
  const lingeredMs = performance.now() - spokeAt;
  return { status, lines: output.trim().split("\n"), errors, lingeredMs };
}
