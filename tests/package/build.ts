/**
 * Builds what npm gets: `npm pack` runs it first.
 *
 * The JavaScript of all entries is bundled together, so that they share what they have in
 * common and `instanceof` holds between them; what is loaded later stays apart. It is not
 * minified, as whoever steps into it wants to read it. `@std/async`, which npm cannot depend
 * on, is bundled in, with the notice that its licence asks for.
 */

import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build as bundle, type BuildOptions, type Metafile } from "esbuild";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

/** How the source is bundled: without the driver, which is the user's, and what runtimes bring. */
export const bundling = {
  absWorkingDir: root,
  bundle: true,
  external: ["mysql2", "node:*", "cloudflare:*"],
  format: "esm",
  metafile: true,
  platform: "neutral",
  target: "es2024",
} satisfies BuildOptions;

/** Returns the source of each entry, by the name of the file that it becomes. */
async function entryPoints(): Promise<Record<string, string>> {
  const { exports } = JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
  return Object.fromEntries(
    Object.entries<string>(exports).map(([key, path]) =>
      [key === "." ? "mod" : key.slice(2), path.slice(2)] as const
    ),
  );
}

/** Builds the package into a folder, which is emptied before. */
export async function build(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const outdir = join(root, "dist");
  const { metafile, outputFiles } = await bundle({
    ...bundling,
    chunkNames: "chunks/[name]-[hash]",
    entryPoints: await entryPoints(),
    // Wherever it is built, source maps and so the names of files are those of this folder.
    outdir,
    sourcemap: true,
    splitting: true,
    write: false,
  });
  for (const { path, contents } of outputFiles) {
    const place = join(folder, relative(outdir, path));
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, contents);
  }
  await writeFile(join(folder, "THIRD_PARTY_NOTICES.txt"), await noticesOf(metafile));
  await declare(join(folder, "types"));
}

/** Returns the licences of what is bundled that is not ours. */
async function noticesOf(metafile: Metafile): Promise<string> {
  const others = Object.keys(metafile.inputs).filter((path) => path.includes("node_modules/"));
  const holders = new Set<string>();
  for (const path of others) {
    const [head = ""] = (await readFile(join(root, path), "utf8")).split("\n", 1);
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
