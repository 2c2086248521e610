/** Cold start: a new process imports a client, creates a pool and gets its first answer. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { commandOf } from "../../conformance/command.ts";
import { bundle } from "../../package/build.ts";
import { root } from "../../support/source.ts";
import { compare, type Situation } from "../compare.ts";
import type { Bench, Finding, Measurement } from "../measurement.ts";
import { brief, costOf, ratioOf } from "../stats.ts";

/** Measures first answers. */
export const coldStart: Measurement = { name: "cold", measure };

const script = fileURLToPath(new URL("../cold_start_program.ts", import.meta.url));
const run = promisify(execFile);

const LABELS: Readonly<Record<string, string>> = {
  sublet: "Sublet",
  mysql2Promise: "mysql2/promise",
  mariadb: "mariadb",
};

/** The times that a process prints. */
interface Start {
  readonly importMs: number;
  readonly answerMs: number;
}

async function measure({ runtime, isQuick, server }: Bench): Promise<Finding> {
  // In a folder from which the runtime can resolve the driver.
  const outdir = join(root, "node_modules", ".cache", "sublet", "built");
  await bundle(outdir);
  const sublet = pathToFileURL(join(outdir, "mod.js")).href;
  const [program, options] = await commandOf(runtime);
  const contestants = Object.entries({
    ...LABELS,
    ...(runtime === "bun" ? { bunSql: "Bun.SQL" } : {}),
  }).map(([key, label]) => ({ key, label, run: () => 0 }));
  const start = async (key: string): Promise<Start> => {
    const { stdout } = await run(program, [...options, script, key, server.url(), sublet]);
    return JSON.parse(stdout);
  };
  const whole = new Map<string, number[]>(contestants.map(({ key }) => [key, []]));
  const answer = new Map<string, number[]>(contestants.map(({ key }) => [key, []]));
  // The first start of each fills the caches of the runtime and of the system.
  for (const { key } of contestants) await start(key);
  for (let round = 0; round < (isQuick ? 7 : 25); round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const { key } = contestants[(round + turn) % contestants.length]!;
      const { importMs, answerMs } = await start(key);
      whole.get(key)!.push((importMs + answerMs) * 1000);
      answer.get(key)!.push(answerMs * 1000);
    }
  }
  return found([
    { label: "import and first answer", contestants, costs: whole },
    { label: "first answer alone", contestants, costs: answer },
  ]);
}

function found(situations: readonly [whole: Situation, answer: Situation]): Finding {
  const [whole, answer] = situations;
  const ms = ({ costs, contestants }: Situation): Record<string, number> =>
    Object.fromEntries(
      contestants.map(({ key }) => [key, brief(costOf(costs, key).median / 1000)]),
    );
  const against = ({ costs }: Situation): number =>
    brief(ratioOf(costs, "sublet", "mysql2Promise").median);
  const section = compare(situations, {
    title: "Cold start",
    prose: "In a new process each time: to import, to create a pool and to get the answer to " +
      "`SELECT 1`; and the part of it after the import. This pool bundled as npm gives it.",
    unit: ["ms", 1000],
    plot: "cold",
  });
  return {
    sections: [section],
    figures: {
      coldStartMs: ms(whole),
      firstAnswerMs: ms(answer),
      coldStart: { whole: against(whole), answer: against(answer) },
    },
  };
}
