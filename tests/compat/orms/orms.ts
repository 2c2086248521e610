/**
 * Runs a program for each package that is handed the pool, in each runtime that runs programs:
 * two side by side, each on a server of its own, as what it leaves there is counted.
 */

import { execFile, type ExecFileException } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";
import { commandOf, type ProgramRuntime } from "../../conformance/command.ts";
import { type Server, startServer } from "../../support/server.ts";
import { serverBinary } from "../../support/server_binary.ts";
import { root } from "../../support/source.ts";
import { seconds, sum, type Tally } from "../../support/tally.ts";

/** The runtimes that the programs are run in. */
export const runtimes: readonly ProgramRuntime[] = ["node", "bun", "deno"];

/** The program of each package, a file of this folder. */
export const programs: Readonly<Record<string, string>> = {
  "drizzle-orm": "drizzle.ts",
  "kysely": "kysely.ts",
  "knex": "knex.ts",
  "typeorm": "typeorm.ts",
  "sequelize": "sequelize.ts",
  "@mikro-orm/mysql": "mikro.ts",
  "better-auth": "better_auth.ts",
  "express-mysql-session": "express_session.ts",
  "@vercel/functions": "vercel.ts",
  "@opentelemetry/instrumentation-mysql2": "opentelemetry.ts",
};

/** How long a program may take. */
const runMsMax = 90_000;
/** How many run at once: a server and its clients keep two cores busy. */
const concurrency = 2;

/** What became of a program: "passed", or "failed: " and the reason. */
export type Outcome = "passed" | `failed: ${string}`;

/** What became of a package in each runtime that its program was run in. */
export type Result = { readonly version: string } & Partial<Record<ProgramRuntime, Outcome>>;

/** What became of each package. */
export type Results = Record<string, Result>;

/** What of it is run. */
export interface Selection {
  /** The runtimes; all if not given. */
  readonly only?: readonly string[];
  /** The packages; all if not given. */
  readonly packages?: readonly string[];
}

/** Runs the programs; how it goes is told on stderr. */
export async function runOrms({ only, packages }: Selection = {}): Promise<Results> {
  const names = Object.keys(programs).filter((name) => packages?.includes(name) ?? true);
  const chosen = runtimes.filter((runtime) => only?.includes(runtime) ?? true);
  const runs = names.flatMap((name) => chosen.map((runtime) => ({ name, runtime })));
  const outcomes = new Map<object, Outcome>();
  const line = [...runs];
  const work = async (): Promise<void> => {
    await using server = await startServer();
    for (let next = line.shift(); next !== undefined; next = line.shift()) {
      outcomes.set(next, await run(next.name, next.runtime, server));
    }
  };
  // A server that was given serves one program at a time.
  const servers = serverBinary() === undefined ? 1 : concurrency;
  await Promise.all(Array.from({ length: servers }, work));
  return Object.fromEntries(names.map((name) => {
    const own = runs.filter((each) => each.name === name);
    const told = Object.fromEntries(own.map((each) => [each.runtime, outcomes.get(each)]));
    return [name, { version: versionOf(name), ...told }];
  }));
}

/** Adds up what became of the programs. */
export function tallyOf(results: Results): Tally {
  return sum(
    Object.values(results).flatMap((result) => runtimes.map((runtime) => result[runtime]))
      .filter((outcome) => outcome !== undefined)
      .map((outcome) => {
        const passed = outcome === "passed" ? 1 : 0;
        return { passed, failed: 1 - passed, skipped: 0 };
      }),
  );
}

/** Runs one program; what it says is shown only if it fails. */
async function run(name: string, runtime: ProgramRuntime, server: Server): Promise<Outcome> {
  const began = performance.now();
  const file = programs[name] ?? "";
  const [binary, options] = await commandOf(runtime);
  const database = `orm_${file.replace(".ts", "")}`;
  const path = join(root, "tests", "compat", "orms", file);
  const args = [...options, path, server.url(), server.rootUrl, database];
  const { error, output } = await outcomeOf(binary, args);
  const outcome = error === undefined ? "passed" : `failed: ${reasonOf(error, output)}` as const;
  const time = seconds(performance.now() - began);
  const title = `${runtime.padEnd(5)} ${name} ${versionOf(name)}`;
  process.stderr.write(
    `  ${title.padEnd(52)} ${error === undefined ? "passed" : "FAILED"}  ${time}\n`,
  );
  if (error !== undefined) process.stderr.write(`\n${output}\n`);
  return outcome;
}

/** Runs a program to its end; it has failed if it did not end by saying so. */
function outcomeOf(
  binary: string,
  args: readonly string[],
): Promise<{ error: ExecFileException | Error | undefined; output: string }> {
  const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  return new Promise((resolve) => {
    const options = { cwd: root, env, killSignal: "SIGKILL", timeout: runMsMax } as const;
    execFile(binary, args, options, (error, stdout, stderr) => {
      const hasPassed = stdout.trimEnd().split("\n").at(-1) === "passed";
      const lack = hasPassed ? undefined : new Error("it ended without a word");
      const output = stripVTControlCharacters(stdout + stderr);
      resolve({ error: error ?? lack, output });
    });
  });
}

/** Returns the line that tells best why a program failed. */
function reasonOf(error: ExecFileException | Error, output: string): string {
  if ("killed" in error && error.killed) return `it did not end within ${seconds(runMsMax)}`;
  const lines = output.split("\n").filter((line) => /\w*(Error|error)\b.*: /.test(line));
  return lines.at(-1)?.trim() ?? error.message.split("\n")[0] ?? "";
}

/** Returns the version of a package that is installed. */
function versionOf(name: string): string {
  const path = join(root, "node_modules", name, "package.json");
  return JSON.parse(readFileSync(path, "utf8")).version;
}
