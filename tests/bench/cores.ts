/**
 * Pins the client and the server to different cores, so that neither takes time from the other.
 * This needs `taskset` of Linux; elsewhere both share all cores.
 */

import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import type { Server } from "../support/server.ts";

const run = promisify(execFile);

/** The numbers of two cores. */
export interface Cores {
  /** The core of the measured process. */
  readonly client: number;
  /** The core of the server. */
  readonly server: number;
}

/** Returns two cores; undefined if this process has only one, or the system cannot pin. */
export async function findCores(): Promise<Cores | undefined> {
  if (process.platform !== "linux") return undefined;
  const stdout = await allowedCores();
  const [client, server] = numbersOf(stdout.slice(stdout.lastIndexOf(":") + 1).trim());
  return client === undefined || server === undefined ? undefined : { client, server };
}

/** Pins all threads of a server to a core, if we have started the server. */
export async function pin({ pid }: Server, core: number | undefined): Promise<void> {
  if (pid === undefined || core === undefined) return;
  await run("taskset", ["-a", "-c", "-p", `${core}`, `${pid}`]);
}

/** Returns the output of `taskset` for this process; empty where the program is missing. */
async function allowedCores(): Promise<string> {
  try {
    const { stdout } = await run("taskset", ["-c", "-p", `${process.pid}`]);
    return stdout;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

/** Reads a list like `0,2-5`. */
function numbersOf(list: string): number[] {
  return list.split(",").filter((part) => part !== "").flatMap((part) => {
    const [first = NaN, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
