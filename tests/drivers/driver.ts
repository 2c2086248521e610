/** Versions of mysql2 besides the installed one, and how programs are run on them. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { npm } from "../package/tarball.ts";
import { root } from "../support/source.ts";

const redirect = pathToFileURL(join(root, "tests", "drivers", "redirect.mjs")).href;

/** A folder in which one version of mysql2 is installed. */
export class Driver implements AsyncDisposable {
  /** Which one it is. */
  readonly version: string;
  readonly #folder: string;

  private constructor(folder: string, version: string) {
    this.#folder = folder;
    this.version = version;
  }

  /** Installs a version, which npm may know by a tag. */
  static async install(wanted: string): Promise<Driver> {
    const folder = await mkdtemp(join(tmpdir(), "sublet-driver-"));
    try {
      await writeFile(join(folder, "package.json"), '{ "private": true }\n');
      await npm(folder, "install", `mysql2@${wanted}`);
      const path = join(folder, "node_modules", "mysql2", "package.json");
      return new Driver(folder, JSON.parse(await readFile(path, "utf8")).version);
    } catch (error) {
      await rm(folder, { recursive: true });
      throw error;
    }
  }

  /** The environment of a Node that takes this version, and of those that it starts. */
  get environment(): NodeJS.ProcessEnv {
    const options = `${process.env["NODE_OPTIONS"] ?? ""} --import=${redirect}`.trim();
    return { ...process.env, NODE_OPTIONS: options, SUBLET_DRIVER: this.#folder };
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}

/** Returns the oldest version that package.json lets its user install. */
export async function oldestVersion(): Promise<string> {
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const range: string = manifest.peerDependencies.mysql2;
  const [, version] = /^\^(\d+\.\d+\.\d+)$/.exec(range) ?? [];
  if (version === undefined) throw new RangeError(`The range ${range} names no oldest version`);
  return version;
}
