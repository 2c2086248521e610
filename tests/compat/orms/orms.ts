/**
 * Runs a program for each package that takes the pool, in each runtime and on each server flavor.
 * On one server, programs run one at a time, because each counts the server's connections.
 */

import { execFile, type ExecFileException } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";
import { commandOf, type ProgramRuntime } from "../../conformance/command.ts";
import { type Server, startServer } from "../../support/server.ts";
import { type Flavor, lackOf, serverBinary } from "../../support/server_binary.ts";
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

/** The outcome of a program on all servers: "passed", or "failed: " and the first reason. */
export type Outcome = "passed" | `failed: ${string}`;

/** The outcome of a package in each runtime that ran its program. */
export type Result = { readonly version: string } & Partial<Record<ProgramRuntime, Outcome>>;

/** The outcome of each package. */
export type Results = Record<string, Result>;

/** The runtimes and packages to run. */
export interface Selection {
  /** The runtimes; all if not given. */
  readonly only?: readonly string[];
  /** The packages; all if not given. */
  readonly packages?: readonly string[];
}

/** Runs the programs, and reports each on stderr. */
export async function runOrms({ only, packages }: Selection = {}): Promise<Results> {
  const names = Object.keys(programs).filter((name) => packages?.includes(name) ?? true);
  const chosen = runtimes.filter((runtime) => only?.includes(runtime) ?? true);
  const results: Results = Object.fromEntries(
    names.map((name) => [name, { version: versionOf(name) }]),
  );
  const work = async (flavor: Flavor | undefined): Promise<void> => {
    await using server = await startServer(flavor === undefined ? {} : { flavor });
    for (const [name, result] of Object.entries(results)) {
      for (const runtime of chosen) {
        const title = `${name} ${result.version} on ${flavor ?? "the server of MYSQL_URL"}`;
        const outcome = await run(name, runtime, server, title);
        const before = result[runtime] ?? "passed";
        result[runtime] = before === "passed" ? outcome : before;
      }
    }
  };
  await Promise.all(makes().map(work));
  return results;
}

/** Returns the server flavors that can be started here; undefined is the server of MYSQL_URL. */
function makes(): (Flavor | undefined)[] {
  const all: readonly Flavor[] = serverBinary() === undefined ? [] : ["mariadb", "mysql"];
  const found = all.filter((flavor) => {
    const lack = lackOf(flavor);
    if (lack !== undefined) process.stderr.write(`  not run: ${lack}\n`);
    return lack === undefined;
  });
  return found.length > 0 ? found : [undefined];
}

/** Adds up the outcomes of the programs. */
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

/** Runs one program; prints its output only if it fails. */
async function run(
  name: string,
  runtime: ProgramRuntime,
  server: Server,
  title: string,
): Promise<Outcome> {
  const began = performance.now();
  const file = programs[name] ?? "";
  const [binary, options] = await commandOf(runtime);
  const path = join(root, "tests", "compat", "orms", file);
  const database = `orm_${file.replace(".ts", "")}`;
  const args = [...options, path, server.url(), server.rootUrl, database];
  const { error, output } = await outcomeOf(binary, args);
  const verdict = error === undefined ? "passed" : "FAILED";
  const time = seconds(performance.now() - began);
  process.stderr.write(`  ${runtime.padEnd(5)} ${title.padEnd(58)} ${verdict}  ${time}\n`);
  if (error === undefined) return "passed";
  process.stderr.write(`\n${output}\n`);
  return `failed: ${reasonOf(error, output)}`;
}

/** Runs a program to its end; a program whose last line is not "passed" has failed. */
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

/** Returns the installed version of a package. */
function versionOf(name: string): string {
  const path = join(root, "node_modules", name, "package.json");
  return JSON.parse(readFileSync(path, "utf8")).version;
}
