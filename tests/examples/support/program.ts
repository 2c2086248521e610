/**
 * A process that runs an example in its runtime: its output, its answers and its end. It ends with
 * the process that started it, however that one ends.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { denoConfig } from "../../support/deno_config.ts";
import { Keeper } from "../../support/keeper.ts";
import { root } from "../../support/source.ts";
import { until } from "../../support/wait.ts";

/** How a process ended. */
export type Ending = readonly [status: number | null, signal: NodeJS.Signals | null];

/** Returns the path of a program in the packages of this project. */
export function binary(name: string): string {
  return join(root, "node_modules", ".bin", name);
}

/** Returns the command that runs an example on Deno, with `options` for its permissions. */
export async function onDeno(verb: "run" | "serve", ...options: string[]): Promise<string[]> {
  const { path } = await denoConfig();
  return [binary("deno"), verb, "--no-check", "--no-lock", "--config", path, ...options];
}

/** A process that runs an example. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #keeper: Keeper;
  #output = "";
  #complaints = "";
  #ending: Ending | undefined;
  /** Aborted when the process has ended. */
  readonly #end: AbortController = new AbortController();

  private constructor(child: ChildProcess, keeper: Keeper) {
    this.#child = child;
    this.#keeper = keeper;
    keeper.watch(child.pid);
    child.on("close", (status, signal) => {
      keeper.watch(undefined);
      this.#ending = [status, signal];
      this.#end.abort(new Error(`It has ended with ${signal ?? status}:\n${this.output}`));
    });
    child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#output += text);
    child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#complaints += text);
  }

  /** Starts a command, with these variables added to this process's environment. */
  static async start(
    [program = "", ...args]: readonly string[],
    variables: Readonly<Record<string, string>> = {},
  ): Promise<Program> {
    const keeper = new Keeper(await mkdtemp(join(tmpdir(), "sublet-example-")));
    const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...variables };
    return new Program(spawn(program, args, { cwd: root, env }), keeper);
  }

  /** The complete lines of its stdout. */
  get lines(): readonly string[] {
    return this.#output.split("\n").slice(0, -1);
  }

  /** All its output, on stdout and stderr. */
  get output(): string {
    return this.#output + this.#complaints;
  }

  /** Waits until its output matches a pattern, and returns the first group of the match. */
  async said(pattern: RegExp): Promise<string> {
    return await this.#until(() => pattern.exec(this.output)?.[1], `it says ${pattern}`);
  }

  /** Waits until it prints the URL that it listens at, and returns the URL. */
  async url(): Promise<string> {
    return await this.said(/(http:\/\/[\w.:]+)[/\s]/);
  }

  /** Sends it a message as a line of JSON, and returns the next line that it prints, parsed. */
  async ask(message: unknown): Promise<unknown> {
    const { length } = this.lines;
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
    return JSON.parse(await this.#until(() => this.lines[length], "it answers"));
  }

  /** Ends its stdin. */
  close(): void {
    this.#child.stdin?.end();
  }

  /** Sends it a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until it has ended by itself, and returns how. */
  async ended(): Promise<Ending> {
    return await until(() => this.#ending, "it has ended");
  }

  /** Kills it, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    const isRunning = this.#ending === undefined;
    this.#child.kill("SIGKILL");
    if (isRunning) await once(this.#child, "close");
    await this.#keeper.release();
  }

  async #until(condition: () => string | undefined, what: string): Promise<string> {
    return await until(condition, what, { signal: this.#end.signal });
  }
}
