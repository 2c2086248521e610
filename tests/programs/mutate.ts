/** Makes mutants of the pool, each in a copy of the project, and tests if programs find them. */

import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { root } from "../support/source.ts";
import { type Ground, hunt } from "./hunt.ts";
import type { Mutant } from "./mutants.ts";
import type { Failure } from "./worker.ts";

/** How long programs run against one mutant, in s. */
const huntSeconds = 40;
/** How many programs of one mutant run at once; several mutants run in parallel. */
const sites = 6;
/** The files and folders of a copy. */
const parts: readonly string[] = [
  "package.json",
  "mod.ts",
  "src",
  "tests/programs",
  "examples/demo/chance.ts",
];

/**
 * Tries mutants, and returns how many were killed: by a crash, or by a program of the seed that
 * fails with the mutant and is not in `failing`, the programs that fail without it.
 */
export async function tryMutants(
  ground: Ground,
  mutants: readonly Mutant[],
  seed: number,
  failing: ReadonlySet<number>,
): Promise<number> {
  const queue = [...mutants.entries()];
  let killed = 0;
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [number, mutant] = next;
      const began = performance.now();
      const story = await fateOf(mutant, ground, `m${number}_`, seed, failing);
      if (story !== undefined) killed++;
      const time = ((performance.now() - began) / 1_000).toFixed(1);
      const fate = story === undefined ? "SURVIVED" : "killed  ";
      process.stderr.write(`${fate} ${mutant.name} (${time} s): ${story ?? ""}\n`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return killed;
}

/** Returns how a program found a mutant, if one did. */
async function fateOf(
  mutant: Mutant,
  ground: Ground,
  prefix: string,
  seed: number,
  failing: ReadonlySet<number>,
): Promise<string | undefined> {
  const tree = mkdtempSync(join(tmpdir(), "sublet-programs-"));
  try {
    makeMutant(mutant, tree);
    let story: string | undefined;
    const failed = ({ number, breaches }: Failure): boolean => {
      const [breach] = breaches;
      if (breach !== undefined && !failing.has(number)) {
        story ??= `program ${number}, ${breach.rule}: ${breach.story}`;
      }
      return story !== undefined;
    };
    const found = await hunt(ground, { seed, seconds: huntSeconds, prefix, sites, tree, failed });
    return story ?? found.crash;
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

/** Copies the project, and applies the mutant's fault to the copy. */
export function makeMutant({ name, file, from, to }: Mutant, tree: string): void {
  for (const part of parts) {
    mkdirSync(dirname(join(tree, part)), { recursive: true });
    cpSync(join(root, part), join(tree, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
  const path = join(tree, "src", file);
  const source = readFileSync(path, "utf8");
  const count = source.split(from).length - 1;
  if (count !== 1) throw new Error(`No mutant "${name}": ${file} has its text ${count} times`);
  writeFileSync(path, source.replace(from, () => to));
}
