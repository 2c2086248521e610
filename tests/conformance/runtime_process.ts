/**
 * A process of a runtime that runs tests of the suite on request.
 *
 * It ends with the process that started it, however that one ends. A test that does not end, or
 * that ends the process, fails; a new process runs the next test.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Runtime } from "../../src/port/socket.ts";
import { Keeper } from "../support/keeper.ts";
import { binary, commandOf } from "./command.ts";
import type { RunAnswer } from "./runners/answer.ts";
import { bundleWorker } from "./worker_bundle.ts";

/** How long a test may take. */
const testMsMax = 60_000;
/** How many characters of a process's output an error has. */
const outputLengthMax = 4_000;

/** A process of a runtime. */
export class RuntimeProcess {
  readonly #child: ChildProcess;
  readonly #keeper: Keeper;
  readonly #exited: Promise<unknown>;
  #port = 0;
  #output = "";

  private constructor(child: ChildProcess, keeper: Keeper) {
    this.#child = child;
    this.#keeper = keeper;
    this.#exited = once(child, "exit");
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-outputLengthMax);
      });
    }
  }

  /** Starts a runtime; workerd, which needs that in its configuration, trusts `authorities`. */
  static async start(runtime: Runtime, authorities: readonly string[]): Promise<RuntimeProcess> {
    const folder = await mkdtemp(join(tmpdir(), "sublet-runtime-"));
    const keeper = new Keeper(folder);
    const [program, args] = runtime === "workerd"
      ? [binary("workerd"), ["serve", await bundleWorker(folder, authorities), "--control-fd=3"]]
      : await commandOf(runtime);
    const runner = fileURLToPath(new URL(`runners/${runtime}.ts`, import.meta.url));
    const child = spawn(program, runtime === "workerd" ? args : [...args, runner], {
      stdio: ["ignore", "pipe", "pipe", runtime === "workerd" ? "pipe" : "ignore"],
    });
    keeper.watch(child.pid);
    const started = new RuntimeProcess(child, keeper);
    try {
      await started.#listens();
      return started;
    } catch (error) {
      await started.end();
      throw error;
    }
  }

  /** Its process id. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Runs a test in a lab; throws the error with which it fails, or why it did not end. */
  async run(name: string, lab: string): Promise<void> {
    const signal = AbortSignal.timeout(testMsMax);
    const body = JSON.stringify({ name, lab });
    const answer = await fetch(`http://127.0.0.1:${this.#port}`, { method: "POST", body, signal })
      .then((response) => response.text())
      .catch((cause: unknown) => {
        throw new RuntimeError(`The process did not answer; it said:\n${this.#output}`, { cause });
      });
    const { error } = parse(answer);
    if (error !== undefined) throw new Error(error);
  }

  /** Ends it. */
  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
    this.#keeper.watch(undefined);
    await this.#keeper.release();
  }

  /** Waits until it prints the port at which it listens: a number, or a report of workerd. */
  async #listens(): Promise<void> {
    const said = (this.#child.stdio[3] ?? this.#child.stdout) as Readable;
    for await (const line of createInterface({ input: said })) {
      this.#port = Number(/"port":(\d+)|^(\d+)$/.exec(line)?.slice(1).find(Boolean));
      break;
    }
    if (!(this.#port > 0)) throw new RuntimeError(`It does not listen; it said:\n${this.#output}`);
  }
}

/** The error of a process that can no longer be used. */
export class RuntimeError extends Error {}

function parse(answer: string): RunAnswer {
  try {
    return JSON.parse(answer);
  } catch (cause) {
    throw new RuntimeError(`The process answered: ${answer}`, { cause });
  }
}
