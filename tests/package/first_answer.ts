/**
 * Measures how long a new process takes to its first answer: the installed package against
 * mysql2/promise, in pairs that alternate which one is first.
 */

import { execFile } from "node:child_process";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { binary } from "../conformance/command.ts";
import { startServer } from "../support/server.ts";
import { Installed } from "./tarball.ts";

const run = promisify(execFile);
const source = fileURLToPath(new URL("first_answer_program.ts", import.meta.url));
/** The name of the copy: it has no types, and `.mjs` keeps Node from loading its type stripper. */
const program = "first_answer.mjs";

/** How many pairs of processes run on each runtime; the result is the median. */
const pairCount = 25;

/** The path of a program, and its arguments. */
type Command = readonly [path: string, ...args: string[]];

/** The command of each runtime, with all permissions. */
const commands: Readonly<Record<string, Command>> = {
  node: [process.execPath],
  bun: [binary("bun"), "run"],
  deno: [binary("deno"), "run", "--allow-all", "--no-check", "--no-lock", "--quiet"],
};

/** The times of a first answer, in ms. */
export interface Times {
  /** The import. */
  readonly import: number;
  /** The call of `createPool`. */
  readonly create: number;
  /** The first query, which connects. */
  readonly query: number;
  /** All three. */
  readonly all: number;
  /** The CPU time of all three. */
  readonly cpu: number;
}

/** The first answers of a runtime, each figure the median of its pairs. */
export interface FirstAnswer {
  /** The times of the package. */
  readonly sublet: Times;
  /** The times of mysql2/promise. */
  readonly mysql2: Times;
  /** The times of the package over those of mysql2/promise. */
  readonly ratio: Times;
}

/** First answers, by runtime. */
export type FirstAnswers = Readonly<Record<string, FirstAnswer>>;

/** Measures first answers. */
export async function measureFirstAnswers(): Promise<FirstAnswers> {
  await using server = await startServer();
  await using installed = await Installed.create();
  await copyFile(source, join(installed.folder, program));
  const found: Record<string, FirstAnswer> = {};
  for (const [runtime, command] of Object.entries(commands)) {
    found[runtime] = await measureIn(command, installed.folder, server.url());
  }
  return found;
}

async function measureIn(
  [path, ...args]: Command,
  cwd: string,
  uri: string,
): Promise<FirstAnswer> {
  const env = { ...process.env, DENO_NO_UPDATE_CHECK: "1" };
  const answer = async (module: string): Promise<Times> =>
    JSON.parse((await run(path, [...args, program, module, uri], { cwd, env })).stdout);
  const pairs: FirstAnswer[] = [];
  // The first pair fills caches, and does not count.
  for (let i = 0; i <= pairCount; i++) {
    const before = i % 2 === 0 ? await answer("mysql2/promise") : undefined;
    const sublet = await answer("@sublet/mysql");
    const mysql2 = before ?? await answer("mysql2/promise");
    const ratio = timesBy((key) => sublet[key] / mysql2[key]);
    if (i > 0) pairs.push({ sublet, mysql2, ratio });
  }
  const median = (of: keyof FirstAnswer): Times =>
    timesBy((key) => medianOf(pairs.map((pair) => pair[of][key])));
  return { sublet: median("sublet"), mysql2: median("mysql2"), ratio: median("ratio") };
}

/** Returns times, each computed from its key. */
function timesBy(make: (key: keyof Times) => number): Times {
  const [all, cpu] = [make("all"), make("cpu")];
  return { import: make("import"), create: make("create"), query: make("query"), all, cpu };
}

/** Returns the median, rounded to hundredths. */
export function medianOf(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return Number(sorted[Math.floor(sorted.length / 2)]?.toFixed(2));
}
