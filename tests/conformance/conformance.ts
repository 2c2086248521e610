/**
 * Runs the suite in every runtime, two runtimes at a time, each of the two on its own servers.
 *
 * A test passes if it succeeds and leaves no connection at the servers.
 */

import process from "node:process";
import type { Runtime } from "../../src/port/socket.ts";
import { type Flavor, lackOf } from "../support/server_binary.ts";
import { describe, seconds, sum, type Tally } from "../support/tally.ts";
import { isTcpKnown } from "../support/tcp.ts";
import { cases } from "./cases/mod.ts";
import { type Lab, openLab } from "./lab/lab.ts";
import { RuntimeError, RuntimeProcess } from "./runtime_process.ts";
import type { Case } from "./suite/suite.ts";

/** The runtimes of the suite. */
export const runtimes: readonly Runtime[] = ["node", "deno", "bun", "workerd"];

/** How many runtimes run the suite at once: a server and its clients keep two cores busy. */
const concurrency = 2;

/** After how many tests a runtime's progress is printed. */
const progressSteps = 100;

/** A test that did not run. */
export interface Skipped {
  /** Its name. */
  readonly name: string;
  /** Why it did not run. */
  readonly reason: string;
}

/** The result of the suite in one runtime. */
export interface Result {
  /** How many passed. */
  readonly passed: number;
  /** How many failed. */
  readonly failed: number;
  /** The tests that did not run. */
  readonly skipped: readonly Skipped[];
}

/** The part of the suite to run. */
export interface Selection {
  /** The runtimes; all if not given. */
  readonly only?: readonly Runtime[];
  /** A text that the names of the tests contain; all tests if not given. */
  readonly filter?: string;
}

/** The result of the suite in each runtime in which it ran. */
export type Results = Readonly<Partial<Record<Runtime, Result>>>;

/** Runs the suite; prints its progress to stderr. */
export async function runConformance({ only, filter = "" }: Selection = {}): Promise<Results> {
  const line = runtimes.filter((runtime) => only?.includes(runtime) ?? true);
  const chosen = cases.filter(({ name }) => name.includes(filter));
  const lacks = { mariadb: lackOf("mariadb"), mysql: lackOf("mysql") };
  const results: Partial<Record<Runtime, Result>> = {};
  const work = async (): Promise<void> => {
    await using lab = await openLab();
    for (let runtime = line.shift(); runtime !== undefined; runtime = line.shift()) {
      results[runtime] = await new Run(runtime, lab, lacks).all(chosen);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, line.length) }, work));
  return Object.fromEntries(runtimes.flatMap((runtime) => {
    const result = results[runtime];
    return result === undefined ? [] : [[runtime, result]];
  }));
}

/** Adds up the results of the suite. */
export function tallyOf(results: Results): Tally {
  return sum(
    Object.values(results).map(({ passed, failed, skipped }) => {
      return { passed, failed, skipped: skipped.length };
    }),
  );
}

/** Why a server cannot start. */
type Lacks = Readonly<Record<Flavor, string | undefined>>;

/** The run of the suite in one runtime. */
class Run {
  readonly #runtime: Runtime;
  readonly #lab: Lab;
  readonly #lacks: Lacks;
  #process: RuntimeProcess | undefined;

  constructor(runtime: Runtime, lab: Lab, lacks: Lacks) {
    this.#runtime = runtime;
    this.#lab = lab;
    this.#lacks = lacks;
  }

  /** Runs tests in turn, and returns the result. */
  async all(chosen: readonly Case[]): Promise<Result> {
    const began = performance.now();
    const skipped: Skipped[] = [];
    let [passed, failed] = [0, 0];
    for (const [i, test] of chosen.entries()) {
      if (i > 0 && i % progressSteps === 0) this.#say(`${i} of ${chosen.length}`);
      const reason = this.#reasonToSkip(test);
      if (reason !== undefined) skipped.push({ name: test.name, reason });
      else if (await this.#one(test)) passed++;
      else failed++;
    }
    await this.#process?.end();
    const tally = describe({ passed, failed, skipped: skipped.length });
    this.#say(`${tally}  ${seconds(performance.now() - began)}`);
    return { passed, failed, skipped };
  }

  #reasonToSkip({ flavor, gaps }: Case): string | undefined {
    if (!isTcpKnown) return "what becomes of connections is seen on Linux only";
    return gaps[this.#runtime] ?? (flavor === undefined ? undefined : this.#lacks[flavor]);
  }

  /** Runs a test; tells whether it passed. */
  async #one({ name }: Case): Promise<boolean> {
    const began = performance.now();
    const problems: unknown[] = [];
    const note = (error: unknown): void => void problems.push(error);
    await this.#run(name).catch(note);
    if (problems[0] instanceof RuntimeError) await this.#endProcess();
    await this.#lab.tidy().catch(note);
    if (problems.length === 0) return true;
    // The leftovers of a failed test must not fail the next one.
    await this.#endProcess();
    const time = seconds(performance.now() - began);
    this.#say(`FAILED  ${name}  ${time}\n${problems.map(textOf).join("\n")}`);
    return false;
  }

  async #run(name: string): Promise<void> {
    this.#process ??= await RuntimeProcess.start(this.#runtime, await this.#authorities());
    this.#lab.programs.runtimePid = this.#process.pid;
    await this.#process.run(name, this.#lab.url);
  }

  async #endProcess(): Promise<void> {
    await this.#process?.end();
    this.#process = undefined;
  }

  /** Returns the certificates of the authorities that signed the servers' certificates. */
  async #authorities(): Promise<string[]> {
    const flavors = (["mariadb", "mysql"] as const).filter((flavor) =>
      this.#lacks[flavor] === undefined
    );
    const infos = await Promise.all(flavors.map((flavor) => this.#lab.servers.info(flavor)));
    return infos.map(({ ca }) => ca);
  }

  #say(text: string): void {
    process.stderr.write(`  ${this.#runtime.padEnd(8)} ${text}\n`);
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by ${textOf(error.cause)}`;
  return `${error.message}${cause}`;
}
