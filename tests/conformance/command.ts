/** How programs are run in each runtime that runs programs. */

import { join } from "node:path";
import { denoConfig } from "../support/deno_config.ts";
import { root } from "../support/source.ts";

/** The runtimes that run programs, as workerd only serves. */
export type ProgramRuntime = "node" | "deno" | "bun";

/** Returns the path of the program that is a runtime, and what it is told before a script. */
export async function commandOf(
  runtime: ProgramRuntime,
): Promise<[program: string, options: string[]]> {
  const program = binary(runtime);
  if (runtime !== "deno") return [program, []];
  const { path } = await denoConfig();
  return [program, ["run", "--allow-all", "--no-check", "--no-lock", "--quiet", "--config", path]];
}

/** Returns the path of a program that the project's packages bring. */
export function binary(name: string): string {
  return join(root, "node_modules", ".bin", name);
}
