/**
 * Code for one runtime does not compile against another's globals: each program below knows
 * what its runtime has, and nothing that only others have.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { denoConfig } from "../support/deno_config.ts";
import { root } from "../support/source.ts";

interface Program {
  /** Whose types it is checked by. */
  readonly name: string;
  /** Its configuration; that of Deno is found where it is used. */
  readonly config: string | undefined;
  /** What it loads, as that could bring globals with it. */
  readonly entry: string;
  /** Expressions that it has to know. */
  readonly own: readonly string[];
  /** Expressions that only others know. */
  readonly foreign: readonly string[];
}

const ofNode = "process.exitCode";
const ofDeno = "Deno.exit";
const ofBun = "Bun.version";
const ofWorkers = "caches.default";
/** A timer of Node is an object; that of Workers, whose types let `process` be anything, is not. */
const timerOfNode = "setTimeout(String).unref";

const programs: readonly Program[] = [
  {
    name: "Node",
    config: "tsconfig.json",
    entry: "mod.ts",
    own: [ofNode, timerOfNode],
    foreign: [ofDeno, ofBun, ofWorkers],
  },
  {
    name: "Bun",
    config: "tests/types/bun/tsconfig.json",
    entry: "mod.ts",
    own: [ofBun, ofNode],
    foreign: [ofDeno, ofWorkers],
  },
  {
    name: "Deno",
    config: undefined,
    entry: "mod.ts",
    own: [ofDeno],
    foreign: [ofBun, ofWorkers],
  },
  {
    name: "Workers",
    config: "tests/types/workerd/tsconfig.json",
    entry: "src/core/mod.ts",
    own: [ofWorkers],
    foreign: [timerOfNode, ofDeno, ofBun],
  },
  {
    name: "the core",
    config: "tests/types/core/tsconfig.json",
    entry: "src/core/mod.ts",
    own: ["Math.max"],
    foreign: [ofNode, ofDeno, ofBun, ofWorkers, "setTimeout", "console", "performance", "crypto"],
  },
];

/** Runs a checker, which fails where it finds an error, and returns what it says. */
function check(name: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  return new Promise((resolve) => {
    execFile(join(root, "node_modules", ".bin", name), args, { env }, (_, stdout, stderr) => {
      resolve(stdout + stderr);
    });
  });
}

/** Returns what a program's checker says of a file that uses some expressions, one a line. */
async function errorsOf(program: Program, expressions: readonly string[]): Promise<string> {
  const entry = `import ${JSON.stringify(join(root, program.entry))};\n`;
  const text = entry + expressions.map((each) => `void ${each};\n`).join("");
  // Deno checks nothing that is within node_modules; the others find types from there.
  const place = program.config === undefined
    ? tmpdir()
    : join(root, "node_modules", ".cache", "sublet");
  await mkdir(place, { recursive: true });
  const folder = await mkdtemp(join(place, "types-"));
  try {
    const path = join(folder, "use.ts");
    await writeFile(path, text);
    if (program.config === undefined) {
      const { path: config } = await denoConfig();
      return await check("deno", ["check", "--config", config, "--no-lock", path]);
    }
    const config = { extends: join(root, program.config), include: ["use.ts"] };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    return await check("tsc", ["-p", folder, "--pretty", "false"]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const program of programs) {
  test(`by the types of ${program.name}, what only others have does not compile`, async () => {
    assert.doesNotMatch(await errorsOf(program, program.own), /error/i);
    const errors = await errorsOf(program, program.foreign);
    for (const expression of program.foreign) {
      const names = expression.split(/\W+/).filter((name) => name !== "").join("|");
      assert.match(errors, new RegExp(`'(${names})'`), `${expression} compiles`);
    }
  });
}
