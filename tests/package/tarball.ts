/**
 * Packs and installs the package for tests, as npm would: builds it in a separate folder, as
 * several test files may do so at the same time.
 */

import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../support/source.ts";
import { build } from "./build.ts";

const run = promisify(execFile);

/** The files in the package besides the built folder. */
const texts: readonly string[] = ["package.json", "README.md", "LICENSE", "CHANGELOG.md"];

/** A folder with the installed package and mysql2, and nothing else. */
export class Installed implements AsyncDisposable {
  /** The path of the folder. */
  readonly folder: string;
  /** The path of the installed tarball. */
  readonly tarball: string;

  private constructor(folder: string, tarball: string) {
    this.folder = folder;
    this.tarball = tarball;
  }

  /** Packs and installs the package. */
  static async create(): Promise<Installed> {
    const folder = await mkdtemp(join(tmpdir(), "sublet-package-"));
    try {
      const tarball = await pack(folder);
      const app = join(folder, "app");
      await mkdir(app);
      await writeFile(join(app, "package.json"), '{ "private": true, "type": "module" }\n');
      await npm(app, "install", tarball, `mysql2@${await versionOf("mysql2")}`);
      return new Installed(app, tarball);
    } catch (error) {
      await rm(folder, { recursive: true });
      throw error;
    }
  }

  /** Removes the folder and the tarball. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(join(this.folder, ".."), { recursive: true });
  }
}

async function pack(folder: string): Promise<string> {
  const stage = join(folder, "stage");
  await mkdir(stage);
  for (const name of texts) await copyFile(join(root, name), join(stage, name));
  await build(join(stage, "dist"));
  const name = await npm(stage, "pack", "--ignore-scripts", "--pack-destination", folder);
  return join(folder, name.trim());
}

/** Runs npm in a folder and returns its output. */
export async function npm(cwd: string, command: string, ...args: string[]): Promise<string> {
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  const { stdout } = await run("npm", [command, ...quiet, ...args], { cwd });
  return stdout;
}

async function versionOf(name: string): Promise<string> {
  const path = join(root, "node_modules", name, "package.json");
  return JSON.parse(await readFile(path, "utf8")).version;
}
