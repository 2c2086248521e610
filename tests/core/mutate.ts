/** Makes a mutant of the core and tests whether the exploration kills it. */

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { configurations } from "./configurations.ts";
import { type Core, explore, Failure } from "./explore.ts";
import type { Mutant } from "./mutants.ts";
import { Breach } from "./judge.ts";

/** How a mutant fared: killed by the promise it broke, or not. */
export interface Fate {
  isKilled: boolean;
  /** The promise and the story of its breach; or what happened instead. */
  story: string;
}

const CORE = fileURLToPath(new URL("../../src/core/", import.meta.url));
/** How many states of each pool the exploration visits at first, and then if it found nothing. */
const STATES_MAX = [300, 4_000];
/** Functions that mutants may use although the file they change does not. */
const LENT: Record<string, readonly string[]> = {
  "table.ts": ["find", "first", "last", "sizeOf"],
  "fifo.ts": ["all", "nthOf"],
};
/** Small pools have short queues, which fill their blocks only if the blocks are small too. */
const BLOCK = ["const BLOCK = 16;", "const BLOCK = 2;"] as const;

/** Returns how a mutant of the core fares. */
export async function tryMutant(mutant: Mutant): Promise<Fate> {
  const folder = mkdtempSync(join(tmpdir(), "sublet-mutant-"));
  try {
    return hunt(await makeMutant(mutant, folder), mutant.where);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function makeMutant({ name, file, from, to }: Mutant, folder: string): Promise<Core> {
  const core = join(folder, "core");
  mkdirSync(core);
  cpSync(CORE, core, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const source = readFileSync(join(core, file), "utf8").replace(...BLOCK);
  const count = source.split(from).length - 1;
  if (count !== 1) throw new Error(`No mutant "${name}": ${file} has its text ${count} times`);
  const mutated = source.replace(from, () => to);
  const prelude = Object.entries(LENT).flatMap(([from, names]) =>
    names.filter((used) =>
      file !== from && new RegExp(`\\b${used}\\(`).test(mutated) &&
      !new RegExp(`import [^;]*\\b${used}\\b[^;]*"./${from}"`).test(mutated)
    ).map((used) => `import { ${used} } from "./${from}";\n`)
  ).join("");
  writeFileSync(join(core, file), prelude + mutated);
  return await import(pathToFileURL(join(core, "mod.ts")).href);
}

function hunt(core: Core, where: string | undefined): Fate {
  const pools = configurations.filter(({ name }) => name.startsWith(where ?? ""));
  for (const statesMax of where === undefined ? STATES_MAX : [Infinity]) {
    for (const pool of pools) {
      try {
        explore(core, pool, statesMax);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { isKilled: isBreach(error.cause), story: error.message };
      }
    }
  }
  return { isKilled: false, story: "survived" };
}

/** A write to a frozen state breaks a promise too: a step never changes the state it gets. */
function isBreach(cause: unknown): boolean {
  const isWrite = cause instanceof TypeError &&
    /read only property|not extensible|Cannot delete/.test(cause.message);
  return cause instanceof Breach || isWrite;
}
