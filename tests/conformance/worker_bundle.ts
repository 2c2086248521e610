/**
 * The suite as one worker, and its configuration for workerd. Only the configuration can make
 * workerd trust the authorities of the lab's servers.
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { workerBundling, workerConfiguration } from "../support/workerd.ts";

const runner = fileURLToPath(new URL("runners/workerd.ts", import.meta.url));

/**
 * Writes a worker and its configuration into a folder, and returns the configuration's path.
 *
 * @param authorities The certificates of the trusted authorities, in PEM.
 */
export async function bundleWorker(
  folder: string,
  authorities: readonly string[],
): Promise<string> {
  await build({
    ...workerBundling,
    entryPoints: [runner],
    outfile: join(folder, "worker.js"),
    logLevel: "warning",
  });
  const files = authorities.map((_, i) => `authority${i}.pem`);
  for (const [i, file] of files.entries()) {
    await writeFile(join(folder, file), authorities[i] ?? "");
  }
  const path = join(folder, "config.capnp");
  await writeFile(path, workerConfiguration("worker.js", { authorities: files }));
  return path;
}
