/** Runs programs to their end, and returns how and when they ended. */

import { spawn } from "node:child_process";
import { once } from "node:events";

/** How a program ended. */
export interface Outcome {
  /** Its exit status; null if it had to be killed. */
  readonly status: number | null;
  /** The lines of its stdout. */
  readonly lines: readonly string[];
  /** Its stderr. */
  readonly errors: string;
  /** How long it took to end after its last line, in ms. */
  readonly lingeredMs: number;
}

/** How long a program may take, in ms. */
const programMsMax = 20_000;

/** Runs a program to its end. */
export async function runToEnd(program: string, args: readonly string[]): Promise<Outcome> {
  const child = spawn(program, args, {
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
