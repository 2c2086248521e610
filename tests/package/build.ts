/**
 * Builds what npm gets: `npm pack` runs it first.
 *
 * The JavaScript of all entries is bundled together, so that they share what they have in
 * common and `instanceof` holds between them. It is not minified, as whoever steps into it wants
 * to read it. `@std/async`, which npm cannot depend on, is bundled in, with the notice that its
 * licence asks for.
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

/** What it is written in: all that the oldest Node that it runs on knows. */
export const target = "es2024";

/** The sockets of all runtimes; what marks the copies of modules that are made for them. */
const allSockets = { path: join(root, "src", "adapters", "runtime.ts"), mark: "?all" };

/** Has `@std/async` found, and types and comments left out. */
const source: Plugin = {
  name: "source",
  resolveId: (name, importer = "") => {
    if (/^(@std|deno-std)\//.test(name)) return fileURLToPath(import.meta.resolve(name));
    // A file costs more than its bytes. So whoever needs the sockets of all runtimes gets copies
    // in one file, beside those that the entries of single runtimes have.
    const isCopied = importer === allSockets.path || importer.endsWith(allSockets.mark);
    if (!isCopied || !name.startsWith(".")) return undefined;
    return join(importer, "..", name) + allSockets.mark;
  },
  load: (id) => id.endsWith(allSockets.mark) ? readFile(pathOf(id), "utf8") : undefined,
  transform: async (code, id) => {
    const options = { loader: "ts", sourcefile: pathOf(id), sourcemap: true, target } as const;
    const { code: plain, map } = await transform(code, options);
    // What holds one character beyond Latin-1, be it in a comment, takes V8 much longer to read.
    return { code: plain.replaceAll(/[^\0-\x7f]/g, escapeOf), map };
  },
};

function pathOf(id: string): string {
  return id.replace(allSockets.mark, "");
}

/** Returns what stands for a UTF-16 unit in strings and regular expressions. */
function escapeOf(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Returns the source of each entry, by the name of the file that it becomes. */
async function entryPoints(): Promise<Record<string, string>> {
  const { exports } = JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
  return Object.fromEntries(
    Object.entries<string>(exports).map(([key, path]) =>
      [key === "." ? "mod" : key.slice(2), join(root, path)] as const
    ),
  );
}

/** Builds the package into a folder, which is emptied before. */
export async function build(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const modules = await bundle(folder);
  await writeFile(join(folder, "THIRD_PARTY_NOTICES.txt"), await noticesOf(modules));
  await declare(join(folder, "types"));
}

/** Builds the JavaScript of the package into a folder; returns the files that it was made of. */
export async function bundle(folder: string): Promise<readonly string[]> {
  const made = await rollup({
    input: await entryPoints(),
    // The driver, which is the user's, and what runtimes bring.
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
    // Wherever it is built, source maps name the files of the source as dist is beside them.
    sourcemapPathTransform: (path, map) => {
      const depth = relative(folder, map).split("/").length;
      return `${"../".repeat(depth)}${relative(root, join(map, "..", pathOf(path)))}`;
    },
  });
  await made.close();
  return made.watchFiles;
}

/** Nothing that the bundler has to say is let pass, but that two classes know each other. */
function refuseUnlessKnown(_level: string, { code, message }: RollupLog): void {
  if (code !== "CIRCULAR_DEPENDENCY") throw new Error(`Cannot bundle: ${message}`);
}

/** Returns the licences of what is bundled that is not ours. */
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

/** Makes the declarations; they name one another as the files that stand beside them. */
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
