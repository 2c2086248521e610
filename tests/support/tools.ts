/** The tools that check the project; each counts as one test. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { denoConfig } from "./deno_config.ts";
import { root } from "./source.ts";
import { seconds, type Tally } from "./tally.ts";

/** How much of a tool's command to print. */
const commandLengthMax = 50;

/** A tool, and how to run it. */
export interface Tool {
  /** What it checks. */
  readonly title: string;
  /** Its name among the project's packages. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
}

/** Returns the command of a tool. */
export function commandOf({ program, args }: Tool): string {
  return [program, ...args].join(" ");
}

/** Returns all tools, in the order in which they run. */
export async function allTools(): Promise<readonly Tool[]> {
  const exported: Record<string, string> =
    JSON.parse(readFileSync(join(root, "deno.json"), "utf8")).exports;
  /** The exported modules, whose documentation has to be complete. */
  const entries = Object.values(exported);
  /** The modules without mysql2's documentation; tests/compat checks the others. */
  const documented = entries.filter((path) => !path.includes("/compat"));
  /** The other modules that need Deno's types. */
  const forDeno = readdirSync(join(root, "examples"))
    .filter((name) => /^deno_.*\.ts$/.test(name)).map((name) => `examples/${name}`);
  const deno = ["check", "--config", (await denoConfig()).path, "--no-lock"];
  return [
    { title: "types, of Node", program: "tsc", args: ["-p", "tsconfig.json"] },
    { title: "types, of Bun", program: "tsc", args: ["-p", "tests/types/bun"] },
    { title: "types, of Workers", program: "tsc", args: ["-p", "tests/types/workerd"] },
    { title: "types, of hosts", program: "tsc", args: ["-p", "tests/types/hosts"] },
    { title: "types, of ORMs", program: "tsc", args: ["-p", "tests/compat/orms"] },
    { title: "types, of none", program: "tsc", args: ["-p", "tests/types/core"] },
    { title: "format", program: "deno", args: ["fmt", "--check"] },
    { title: "lint", program: "deno", args: ["lint"] },
    {
      title: "types, of Deno",
      program: "deno",
      args: [...deno, ...entries, "tests/types/deno/fits.ts", ...forDeno],
    },
    { title: "docs", program: "deno", args: ["doc", "--lint", "--quiet", ...documented] },
  ];
}

/** Runs tools, some in parallel; calls `took` with the duration of each. */
export async function runTools(
  tools: readonly Tool[],
  concurrency: number,
  took: (title: string, ms: number) => void,
): Promise<Tally[]> {
  const queue = [...tools];
  const tallies: Tally[] = [];
  const work = async (): Promise<void> => {
    for (let tool = queue.shift(); tool !== undefined; tool = queue.shift()) {
      const began = performance.now();
      tallies.push(await runTool(tool));
      took(tool.title, performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return tallies;
}

/** Runs a tool, and prints its output only if it fails. */
async function runTool(tool: Tool): Promise<Tally> {
  const { title, program, args } = tool;
  const whole = commandOf(tool);
  const command = whole.length > commandLengthMax
    ? `${whole.slice(0, commandLengthMax - 1)}…`
    : whole;
  const began = performance.now();
  const child = spawn(join("node_modules", ".bin", program), args, {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  const [status, signal] = await once(child, "close");
  const isGood = status === 0;
  const verdict = isGood ? "passed" : `FAILED (${signal ?? `exit status ${status}`})`;
  const time = seconds(performance.now() - began);
  process.stdout.write(
    `${title.padEnd(17)} ${command.padEnd(commandLengthMax)} ${verdict}  ${time}\n`,
  );
  if (!isGood) process.stdout.write(`\n${output}\n`);
  return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1, skipped: 0 };
}
