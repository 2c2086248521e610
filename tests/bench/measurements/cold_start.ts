/** Cold start: a new process imports, defines and gets its first answer. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { commandOf } from "../../conformance/command.ts";
import { bundle } from "../../package/build.ts";
import { root } from "../../support/source.ts";
import { compare, type Situation } from "../compare.ts";
import type { Bench, Finding, Measurement } from "../measurement.ts";
import { brief, costOf } from "../stats.ts";

/** Measures first answers. */
export const coldStart: Measurement = { name: "cold", measure };

const script = fileURLToPath(new URL("../cold_start_program.ts", import.meta.url));
const run = promisify(execFile);

async function measure({ runtime, isQuick, server }: Bench): Promise<Finding> {
  // In a place from which the driver is found.
  const outdir = join(root, "node_modules", ".cache", "sublet", "built");
  await bundle(outdir);
  const sublet = pathToFileURL(join(outdir, "mod.js")).href;
  const [program, options] = await commandOf(runtime);
  const labels: Record<string, string> = {
    sublet: "Sublet",
    mysql2Promise: "mysql2/promise",
    mariadb: "mariadb",
    ...(runtime === "bun" ? { bunSql: "Bun.SQL" } : {}),
  };
  const costs = new Map<string, number[]>(Object.keys(labels).map((key) => [key, []]));
  for (let round = 0; round < (isQuick ? 5 : 25); round++) {
    for (const [key, found] of costs) {
      const args = [...options, script, key, server.url(), sublet];
      const { stdout } = await run(program, args);
      found.push(Number(stdout) * 1000);
    }
  }
  const contestants = Object.entries(labels).map(([key, label]) => ({ key, label, run: () => 0 }));
  const situation: Situation = { label: "first answer", contestants, costs };
  const section = compare([situation], {
    title: "Cold start",
    prose: "From before the import to the answer to `SELECT 1`, in a new process each time; this " +
      "pool bundled as npm gives it.",
    unit: ["ms", 1000],
    plot: "cold",
  });
  return {
    sections: [section],
    figures: {
      coldStartMs: Object.fromEntries(
        Object.keys(labels).map((key) => [key, brief(costOf(costs, key).median / 1000)]),
      ),
    },
  };
}
