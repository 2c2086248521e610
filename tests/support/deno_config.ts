/**
 * Where Deno finds packages in tests: npm packages in node_modules; `@std/async` on JSR, as users
 * of Deno get it, or, if JSR is unreachable, in npm's copy of the same files, which a link puts in
 * its place.
 *
 * A test that runs Deno passes `--config` with the path from {@linkcode denoConfig}.
 */

import { mkdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { root } from "./source.ts";

/** A configuration of Deno. */
export interface DenoConfig {
  /** Its path. */
  readonly path: string;
  /** The source of `@std/async`, for a report. */
  readonly source: string;
  /** The folder of the copy, if the configuration links it. */
  readonly link: string | undefined;
}

const registry = process.env["JSR_URL"] ?? "https://jsr.io/";
/** How long the registry may take to answer. */
const registryMsMax = 5000;

/** The modules of the copy: the imported one and its own imports. */
const modules = ["retry", "delay", "_util"];

let found: Promise<DenoConfig> | undefined;

/** Returns the configuration to use; a process determines it once. */
export function denoConfig(): Promise<DenoConfig> {
  return found ??= find();
}

async function find(): Promise<DenoConfig> {
  const folder = join(root, "node_modules", ".cache", "sublet", "deno");
  const path = join(folder, "deno.json");
  const link = await isRegistryInReach() ? undefined : join(folder, "std_async");
  await mkdir(folder, { recursive: true });
  if (link !== undefined) await linkedCopy(link);
  const { imports, compilerOptions } = await manifest(join(root, "deno.json"));
  const links = link === undefined ? {} : { links: [link] };
  // Tests use the driver that npm has installed; Deno looks for node_modules beside this file.
  const config = { imports, compilerOptions, nodeModulesDir: "manual", ...links };
  await symlink(join(root, "node_modules"), join(folder, "node_modules")).catch(unlessThere);
  await place(path, JSON.stringify(config, null, 2));
  return { path, source: link === undefined ? "JSR" : "npm, as JSR is out of reach", link };
}

async function isRegistryInReach(): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(registryMsMax);
    const response = await fetch(new URL("@std/async/meta.json", registry), { signal });
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return false;
  }
}

/** Makes a package like JSR's: npm's files, plus the types that they lack. */
async function linkedCopy(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const own = join(root, "tests", "support", "std_async");
  const { name, version } = await manifest(join(own, "package.json"));
  const config = { name, version, exports: { "./retry": "./retry.js" } };
  await place(join(folder, "deno.json"), JSON.stringify(config));
  await place(join(folder, "retry.d.ts"), await readFile(join(own, "retry.d.ts"), "utf8"));
  for (const module of modules) {
    const path = join(root, "node_modules", "deno-std", "async", `${module}.js`);
    const types = module === "retry" ? '// @ts-self-types="./retry.d.ts"\n' : "";
    await place(join(folder, `${module}.js`), types + await readFile(path, "utf8"));
  }
}

async function manifest(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path, "utf8"));
}

/** Writes a file atomically, as other processes may read or write it at the same time. */
async function place(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, text);
  await rename(draft, path);
}

function unlessThere(error: unknown): void {
  if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
}
