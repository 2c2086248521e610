/**
 * A core for the client and another one for the server, so that neither takes time from the
 * other. Linux has `taskset` for that; elsewhere both share all cores.
 */

import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import type { Server } from "../support/server.ts";

const run = promisify(execFile);

/** The numbers of two cores. */
export interface Cores {
  /** The one on which the measured process runs. */
  readonly client: number;
  /** The one on which the server runs. */
  readonly server: number;
}

/** Returns two cores; undefined if this process has only one, or the system pins nothing. */
export async function findCores(): Promise<Cores | undefined> {
  if (process.platform !== "linux") return undefined;
  const stdout = await allowedCores();
  const [client, server] = numbersOf(stdout.slice(stdout.lastIndexOf(":") + 1).trim());
  return client === undefined || server === undefined ? undefined : { client, server };
}

/** Pins all threads of a server to a core. A server that somebody else started stays as it is. */
export async function pin({ pid }: Server, core: number | undefined): Promise<void> {
  if (pid === undefined || core === undefined) return;
  await run("taskset", ["-a", "-c", "-p", `${core}`, `${pid}`]);
}

/** Returns what `taskset` says of this process; nothing where there is no such program. */
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
