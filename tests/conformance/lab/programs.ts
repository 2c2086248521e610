/**
 * The processes of a lab: programs that a test runs to their end in its own runtime, and the
 * runtime's own process, which can be made to stand still.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { until } from "../../support/wait.ts";
import { commandOf, type ProgramRuntime } from "../command.ts";
import type { ServerName, Servers } from "./servers.ts";

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

/** Runs programs, and stops the process that asks. */
export class Programs {
  readonly #servers: Servers;
  /** The process of the runtime that is tested. */
  runtimePid: number | undefined;

  /** Creates it beside the servers that programs use. */
  constructor(servers: Servers) {
    this.#servers = servers;
  }

  /** Runs a program of the folder `programs` to its end. */
  async run(runtime: ProgramRuntime, name: string, args: readonly string[]): Promise<Outcome> {
    const path = fileURLToPath(new URL(`../programs/${name}`, import.meta.url));
    const [program, options] = await commandOf(runtime);
    const child = spawn(program, [...options, path, ...args], {
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

  /**
   * Lets the runtime that is tested stand still by SIGSTOP until a server has closed all its
   * connections, as a host does that freezes between two requests.
   */
  async freezeUntilAlone(name: ServerName): Promise<void> {
    const pid = this.runtimePid;
    if (pid === undefined) throw new Error("No runtime is running");
    const server = await this.#servers.get(name);
    process.kill(pid, "SIGSTOP");
    try {
      await until(
        async () => await server.connectionCount() === 0,
        "the server has closed all connections",
      );
    } finally {
      process.kill(pid, "SIGCONT");
    }
  }
}
