/**
 * Measures the cost of importing the package: `npm run size`, or `npm run size -- --json`; and the
 * time to the first answer of a new process, against mysql2/promise:
 * `npm run size -- --first-answer`.
 *
 * Bytes are those of the source, bundled for one program as its author would: minified, then
 * compressed by gzip, without mysql2 and the modules of runtimes. Times are those of the built
 * package in new processes, after mysql2, which a user imports anyway.
 */

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { bundle, target } from "./build.ts";
import { type FirstAnswers, measureFirstAnswers, medianOf } from "./first_answer.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** How many new processes import the package; the result is the median. */
const processCount = 25;

/** The cost of an import in bytes. */
export interface Sizes {
  /** The core alone. */
  readonly coreGzip: number;
  /** All of `import "@sublet/mysql"`, where no condition selects the sockets. */
  readonly allGzip: number;
  /** The import with the sockets of one runtime, by runtime. */
  readonly runtimeGzip: Readonly<Record<string, number>>;
}

/** The cost of an import in ms. */
export interface ImportTimes {
  /** The import of the package after that of mysql2. */
  readonly importMs: number;
  /** The import of mysql2 before that. */
  readonly mysql2Ms: number;
  /** The import of the package including mysql2. */
  readonly importAloneMs: number;
}

/** The entries with the sockets of one runtime. */
const runtimes: readonly string[] = ["bun", "deno", "node", "workerd"];

/** Measures bytes. */
export async function measureSizes(): Promise<Sizes> {
  const sizes = await Promise.all(
    runtimes.map(async (name) => [name, await sizeOf(`src/entries/${name}.ts`)] as const),
  );
  return {
    coreGzip: await sizeOf("src/core/mod.ts"),
    allGzip: await sizeOf("mod.ts"),
    runtimeGzip: Object.fromEntries(sizes),
  };
}

/** Returns the size of a source and all that it imports, bundled as one file. */
async function sizeOf(entry: string): Promise<number> {
  const { outputFiles: [file] } = await build({
    absWorkingDir: root,
    bundle: true,
    entryPoints: [entry],
    external: ["mysql2", "node:*", "cloudflare:*"],
    format: "esm",
    minify: true,
    platform: "neutral",
    target,
    write: false,
  });
  if (file === undefined) throw new RangeError(`Nothing is bundled from ${entry}`);
  return gzipSync(file.contents, { level: 9 }).length;
}

/** Measures times. */
async function measureImports(): Promise<ImportTimes> {
  const cache = join(root, "node_modules", ".cache", "sublet");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "size-"));
  try {
    await bundle(folder);
    const entry = pathToFileURL(join(folder, "mod.js")).href;
    const pairs: (readonly number[])[] = [];
    const alone: (readonly number[])[] = [];
    for (let i = 0; i < processCount; i++) {
      pairs.push(await timesOf("mysql2", entry));
      alone.push(await timesOf(entry));
    }
    return {
      importMs: medianAt(pairs, 1),
      mysql2Ms: medianAt(pairs, 0),
      importAloneMs: medianAt(alone, 0),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Imports modules one after the other in a new process, and returns how long each took. */
async function timesOf(...modules: readonly string[]): Promise<readonly number[]> {
  const code = `
    const times = [];
    for (const module of ${JSON.stringify(modules)}) {
      const began = performance.now();
      await import(module);
      times.push(performance.now() - began);
    }
    console.log(JSON.stringify(times));`;
  const args = ["--input-type=module", "--eval", code];
  return JSON.parse((await run(process.execPath, args, { cwd: root })).stdout);
}

function medianAt(rows: readonly (readonly number[])[], column: number): number {
  return medianOf(rows.map((row) => row[column] ?? NaN));
}

async function main(): Promise<void> {
  const isFirstAnswer = process.argv.includes("--first-answer");
  const figures = isFirstAnswer
    ? { firstAnswer: await measureFirstAnswers() }
    : { ...await measureSizes(), ...await measureImports() };
  const isJson = process.argv.includes("--json");
  const text = isJson ? JSON.stringify(figures) : linesOf(figures).join("\n");
  process.stdout.write(`${text}\n`);
}

/** Returns figures as lines for people. */
function linesOf(figures: Sizes & ImportTimes | { firstAnswer: FirstAnswers }): string[] {
  if ("firstAnswer" in figures) {
    return Object.entries(figures.firstAnswer).map(([runtime, { sublet, mysql2, ratio }]) =>
      `${
        runtime.padEnd(6)
      }${sublet.all} ms, mysql2/promise ${mysql2.all} ms: ${ratio.all} times; ` +
      `of that the query ${sublet.query} ms, ${mysql2.query} ms: ${ratio.query} times; ` +
      `CPU ${ratio.cpu} times`
    );
  }
  const { coreGzip, allGzip, runtimeGzip, importMs, mysql2Ms, importAloneMs } = figures;
  const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
  const each = Object.entries(runtimeGzip).map(([name, bytes]) => `${name} ${kilobytes(bytes)}`);
  return [
    `what an import brings   ${kilobytes(allGzip)}, the core with ${kilobytes(coreGzip)} among it`,
    `with one runtime's      ${each.join(", ")}`,
    `time of an import       ${importMs} ms after mysql2's ${mysql2Ms} ms, ` +
    `${importAloneMs} ms for both`,
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
