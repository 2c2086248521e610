/**
 * Runs test files, each in its own process, and reports each when it has ended; for failed files it
 * prints the errors and the output.
 */

import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { run } from "node:test";
import { inspect } from "node:util";
import { describe, seconds, sum, type Tally } from "./tally.ts";

/** How many files run at once: a server and its clients keep two cores busy. */
const concurrency = 2;
/** How long a file may take. */
const fileMsMax = 600_000;
/** After how long without output the report prints the running files. */
const silenceMsMax = 15_000;

const passed: Tally = { passed: 1, failed: 0, skipped: 0 };
const failed: Tally = { passed: 0, failed: 1, skipped: 0 };
const skipped: Tally = { passed: 0, failed: 0, skipped: 1 };

/** Returns the paths of the test files in a folder, at any depth, in order. */
export function testFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith("_test.ts"))
    .sort()
    .map((name) => join(folder, name));
}

/** Runs test files and returns the tally of their tests; calls `took` with each duration. */
export async function runTestFiles(
  files: string[],
  took: (path: string, ms: number) => void = () => undefined,
): Promise<Tally> {
  const report = new Report(files, took);
  const watch = setInterval(() => report.breakSilence(), 1000);
  try {
    for await (const event of run({ files, concurrency, timeout: fileMsMax })) {
      switch (event.type) {
        case "test:dequeue":
          report.begin(event.data.name);
          break;
        case "test:complete":
          report.end(event.data.name);
          break;
        case "test:stdout":
        case "test:stderr":
          report.output(event.data.message);
          break;
        case "test:pass":
          if (event.data.details.type !== "suite") {
            report.pass(event.data.name, event.data.skip !== undefined);
          }
          break;
        case "test:fail":
          if (event.data.details.type !== "suite") {
            report.fail(event.data.name, event.data.details.error);
          }
          break;
        case "test:summary":
          if (event.data.file !== undefined) {
            report.close(event.data.file, event.data.duration_ms);
          }
          break;
      }
    }
  } finally {
    clearInterval(watch);
  }
  return report.total;
}

/**
 * Adds up the events of a run. The runner emits all results and output of one file before those of
 * the next, so they belong to the file that closes next.
 */
class Report {
  readonly #files: ReadonlySet<string>;
  readonly #took: (path: string, ms: number) => void;
  readonly #running: Set<string> = new Set();
  #tallies: Tally[] = [];
  #total: Tally = sum([]);
  #output = "";
  #failures = "";
  #spokeAt: number = performance.now();

  constructor(files: readonly string[], took: (path: string, ms: number) => void) {
    this.#files = new Set(files);
    this.#took = took;
  }

  get total(): Tally {
    return this.#total;
  }

  begin(name: string): void {
    if (this.#files.has(name)) this.#running.add(name);
  }

  end(name: string): void {
    this.#running.delete(name);
  }

  output(text: string): void {
    this.#output += text;
  }

  pass(name: string, isSkipped: boolean): void {
    if (this.#files.has(name)) this.fail(name, new Error("The file holds no test"));
    else this.#tallies.push(isSkipped ? skipped : passed);
  }

  fail(name: string, error: Error): void {
    this.#tallies.push(failed);
    const cause = inspect(error.cause ?? error, { depth: 8 });
    const isFile = this.#files.has(name);
    this.#failures += `\nFAILED: ${isFile ? relative(process.cwd(), name) : name}\n${cause}\n`;
    if (isFile) this.close(name, undefined);
  }

  close(file: string, durationMs: number | undefined): void {
    const tally = sum(this.#tallies);
    this.#total = sum([this.#total, tally]);
    const time = durationMs === undefined ? "" : `  ${seconds(durationMs)}`;
    const path = relative(process.cwd(), file);
    if (durationMs !== undefined) this.#took(path, durationMs);
    this.#say(`  ${path.padEnd(44)} ${describe(tally)}${time}\n`);
    if (tally.failed > 0) this.#say(`${this.#failures}\nIts output:\n${this.#output}\n`);
    this.#tallies = [];
    this.#output = "";
    this.#failures = "";
  }

  breakSilence(): void {
    if (performance.now() - this.#spokeAt < silenceMsMax) return;
    const names = [...this.#running].map((file) => relative(process.cwd(), file));
    this.#say(`  … running: ${names.join(", ")}\n`);
  }

  #say(text: string): void {
    this.#spokeAt = performance.now();
    process.stdout.write(text);
  }
}
