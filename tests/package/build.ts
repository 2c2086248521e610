/**
 * Builds the npm package: `npm pack` runs this first.
 *
 * The build bundles the JavaScript of all entries together, so that they share common modules and
 * `instanceof` holds between them. It does not minify, so that the code is readable in a debugger.
 * It bundles `@std/async`, which an npm package cannot depend on, with the notice that the licence
 * requires.
 */

import { execFile } from "node:child_process";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Plugin, rollup, type RollupLog } from "@rollup/wasm-node";
import { transform } from "esbuild";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** The language level of the output, which the oldest supported Node runs. */
export const target = "es2024";

/** The module with the sockets of all runtimes, and the mark of the copies of its imports. */
const allSockets = { path: join(root, "src", "adapters", "runtime.ts"), mark: "?all" };

/** Resolves `@std/async`, and removes types and comments. */
const source: Plugin = {
  name: "source",
  resolveId: (name, importer = "") => {
    if (/^(@std|deno-std)\//.test(name)) return fileURLToPath(import.meta.resolve(name));
    // A file costs more than its bytes. So the entry with the sockets of all runtimes gets copies
    // in one file, beside the files that the entries of single runtimes use.
    const isCopied = importer === allSockets.path || importer.endsWith(allSockets.mark);
    if (!isCopied || !name.startsWith(".")) return undefined;
    return join(importer, "..", name) + allSockets.mark;
  },
  load: (id) => id.endsWith(allSockets.mark) ? readFile(pathOf(id), "utf8") : undefined,
  transform: async (code, id) => {
    const options = { loader: "ts", sourcefile: pathOf(id), sourcemap: true, target } as const;
    const { code: plain, map } = await transform(code, options);
    // A single character beyond Latin-1, even in a comment, makes V8 read a file much slower.
    return { code: plain.replaceAll(/[^\0-\x7f]/g, escapeOf), map };
  },
};

function pathOf(id: string): string {
  return id.replace(allSockets.mark, "");
}

/** Returns the escape sequence of a UTF-16 unit in strings and regular expressions. */
function escapeOf(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Returns the source of each entry, by the name of its output file. */
async function entryPoints(): Promise<Record<string, string>> {
  const { exports } = JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
  return Object.fromEntries(
    Object.entries<string>(exports).map(([key, path]) =>
      [key === "." ? "mod" : key.slice(2), join(root, path)] as const
    ),
  );
}

/** Empties a folder, and builds the package into it. */
export async function build(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const modules = await bundle(folder);
  await writeFile(join(folder, "THIRD_PARTY_NOTICES.txt"), await noticesOf(modules));
  await declare(join(folder, "types"));
}

/** Builds the JavaScript of the package into a folder; returns the source files. */
export async function bundle(folder: string): Promise<readonly string[]> {
  const made = await rollup({
    input: await entryPoints(),
    // The driver, which the user installs, and the modules of runtimes.
    external: /^(mysql2(\/|$)|node:|cloudflare:)/,
    onLog: refuseUnlessKnown,
    plugins: [source],
  });
  await made.write({
    chunkFileNames: "chunks/[name]-[hash].js",
    dir: folder,
    hoistTransitiveImports: false,
    minifyInternalExports: false,
    sourcemap: true,
    // Source maps name the source files relative to `dist`, whatever the output folder is.
    sourcemapPathTransform: (path, map) => {
      const depth = relative(folder, map).split("/").length;
      return `${"../".repeat(depth)}${relative(root, join(map, "..", pathOf(path)))}`;
    },
  });
  await made.close();
  return made.watchFiles;
}

/** Turns every message of the bundler into an error, except that of circular imports. */
function refuseUnlessKnown(_level: string, { code, message }: RollupLog): void {
  if (code !== "CIRCULAR_DEPENDENCY") throw new Error(`Cannot bundle: ${message}`);
}

/** Returns the licences of the bundled modules of other authors. */
async function noticesOf(modules: readonly string[]): Promise<string> {
  const others = modules.filter((path) => path.includes("/node_modules/"));
  const holders = new Set<string>();
  for (const path of others) {
    const [head = ""] = (await readFile(path, "utf8")).split("\n", 1);
    const holder = /^\/\/ (Copyright .* the Deno authors)\. MIT license\.$/.exec(head)?.[1];
    if (holder === undefined) throw new Error(`Cannot bundle ${path}: its licence is not known`);
    holders.add(holder);
  }
  const own = await readFile(join(root, "LICENSE"), "utf8");
  const terms = (holder: string): string => own.replace(/^Copyright .*$/m, holder);
  const names = others.map((path) => path.replace(/^.*node_modules\//, "")).join(", ");
  return `This package contains code of @std/async (${names}):\n\n` +
    [...holders].map(terms).join("\n");
}

/** Generates the type declarations; they import each other with the extension `.js`. */
async function declare(folder: string): Promise<void> {
  const tsc = join(root, "node_modules", ".bin", "tsc");
  const config = join(root, "tests", "package", "tsconfig.json");
  await run(tsc, ["-p", config, "--outDir", folder]);
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith(".d.ts")) continue;
    const path = join(folder, name);
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replaceAll(/((?:from|import\() ?"\.[^"]*)\.ts"/g, '$1.js"'));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build(join(root, "dist"));
