/**
 * What importing the package costs: `npm run size`, or `npm run size -- --json`.
 *
 * Bytes are those of the source, bundled for one program as its author would: minified, then
 * compressed by gzip, each file for itself, without mysql2 and what runtimes bring. Time is
 * that of the built package in fresh processes, after mysql2, which a user has anyway.
 */

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { bundle, target } from "./build.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** How many fresh processes import the package; the median counts. */
const processCount = 25;

/** What importing costs in bytes. */
export interface Sizes {
  /** The core alone. */
  readonly coreGzip: number;
  /** All that `import "@sublet/mysql"` brings. */
  readonly allGzip: number;
  /** What the first use of a pool loads besides. */
  readonly firstUseGzip: number;
  /** What the first connect loads besides that, by runtime. */
  readonly firstConnectGzip: Readonly<Record<string, number>>;
}

/** What importing costs in ms. */
export interface ImportTimes {
  /** The import of the package, where mysql2 has been imported. */
  readonly importMs: number;
  /** The import of mysql2 before that. */
  readonly mysql2Ms: number;
  /** The import of the package alone; it loads mysql2 later. */
  readonly importAloneMs: number;
}

/** Measures bytes. */
export async function measureSizes(): Promise<Sizes> {
  const [core, all] = [await split("src/core/mod.ts"), await split("mod.ts")];
  const runtimes = all.entries.flatMap((entry) =>
    /^src\/adapters\/(\w+)\.ts$/.exec(entry)?.slice(1) ?? []
  );
  const inUse = ["mod.ts", "src/shell/engine.ts"];
  const connected = (runtime: string): number =>
    all.sizeOf(...inUse, "src/mysql/connect.ts", `src/adapters/${runtime}.ts`);
  const [allGzip, inUseGzip] = [all.sizeOf("mod.ts"), all.sizeOf(...inUse)];
  return {
    coreGzip: core.sizeOf("src/core/mod.ts"),
    allGzip,
    firstUseGzip: inUseGzip - allGzip,
    firstConnectGzip: Object.fromEntries(
      runtimes.sort().map((runtime) => [runtime, connected(runtime) - inUseGzip]),
    ),
  };
}

interface Split {
  /** The sources that files begin with, as somebody imports them, at once or later. */
  readonly entries: readonly string[];
  /** Returns the size of the files that sources need at once, each counted once. */
  sizeOf(...entries: readonly string[]): number;
}

/** Bundles a source as one program, in which what is imported later has files of its own. */
async function split(entry: string): Promise<Split> {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    bundle: true,
    entryPoints: [entry],
    external: ["mysql2", "node:*", "cloudflare:*"],
    format: "esm",
    metafile: true,
    minify: true,
    outdir: root,
    platform: "neutral",
    splitting: true,
    target,
    write: false,
  });
  const sizes = new Map(
    outputFiles.map(({ path, contents }) =>
      [relative(root, path), gzipSync(contents, { level: 9 }).length] as const
    ),
  );
  const files = new Map(
    Object.entries(metafile.outputs).flatMap(([path, { entryPoint }]) =>
      entryPoint === undefined ? [] : [[entryPoint, path] as const]
    ),
  );
  const sizeOf = (...entries: readonly string[]): number => {
    const needed = new Set<string>();
    for (const each of entries) {
      const file = files.get(each);
      if (file === undefined) throw new RangeError(`Nothing is bundled from ${each}`);
      collect(metafile, file, needed);
    }
    return [...needed].reduce((total, path) => total + (sizes.get(path) ?? NaN), 0);
  };
  return { entries: [...files.keys()], sizeOf };
}

/** Adds a file and those that it imports at once. */
function collect(metafile: Metafile, path: string, found: Set<string>): void {
  if (found.has(path)) return;
  found.add(path);
  for (const { kind, path: next, external } of metafile.outputs[path]?.imports ?? []) {
    if (kind === "import-statement" && !external) collect(metafile, next, found);
  }
}

/** Measures times. */
export async function measureImports(): Promise<ImportTimes> {
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

/** Imports modules one after the other in a fresh process, and returns how long each took. */
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
  const sorted = rows.map((row) => row[column] ?? NaN).sort((a, b) => a - b);
  return Number(sorted[Math.floor(sorted.length / 2)]?.toFixed(2));
}

async function main(): Promise<void> {
  const all = { ...await measureSizes(), ...await measureImports() };
  if (process.argv.includes("--json")) {
    process.stdout.write(`${JSON.stringify(all)}\n`);
    return;
  }
  const { coreGzip, allGzip, firstUseGzip, firstConnectGzip } = all;
  const { importMs, mysql2Ms, importAloneMs } = all;
  const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
  const later = Object.entries(firstConnectGzip).map(([runtime, bytes]) =>
    `${runtime} ${kilobytes(bytes)}`
  );
  process.stdout.write(
    `what an import brings   ${kilobytes(allGzip)}\n` +
      `the first use           ${kilobytes(firstUseGzip)} more, the core with ` +
      `${kilobytes(coreGzip)} among it\n` +
      `the first connect       ${later.join(", ")} more\n` +
      `time of an import       ${importMs} ms after mysql2's ${mysql2Ms} ms, ` +
      `${importAloneMs} ms without it\n`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
