/**
 * The processes of a lab: programs that a test runs to their end in its own runtime, and the
 * runtime's own process, which the lab can freeze.
 */

import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Outcome, runToEnd } from "../../support/run_to_end.ts";
import { until } from "../../support/wait.ts";
import { commandOf, type ProgramRuntime } from "../command.ts";
import type { ServerName, Servers } from "./servers.ts";

/** Runs programs, and freezes the process of the runtime under test. */
export class Programs {
  readonly #servers: Servers;
  /** The process id of the runtime under test. */
  runtimePid: number | undefined;

  /** Creates it beside the servers that programs use. */
  constructor(servers: Servers) {
    this.#servers = servers;
  }

  /** Runs a program of the folder `programs` to its end. */
  async run(runtime: ProgramRuntime, name: string, args: readonly string[]): Promise<Outcome> {
    const path = fileURLToPath(new URL(`../programs/${name}`, import.meta.url));
    const [program, options] = await commandOf(runtime);
    return await runToEnd(program, [...options, path, ...args]);
  }

  /**
   * Freezes the runtime under test by SIGSTOP until a server has closed all its connections, as a
   * host does that freezes a process between two requests.
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
