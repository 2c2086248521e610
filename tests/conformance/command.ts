/** The commands that run a program in a runtime. */

import { join } from "node:path";
import { denoConfig } from "../support/deno_config.ts";
import { root } from "../support/source.ts";

/** The runtimes that run programs; workerd only serves. */
export type ProgramRuntime = "node" | "deno" | "bun";

/** Returns the path of a runtime's binary, and its arguments before the script. */
export async function commandOf(
  runtime: ProgramRuntime,
): Promise<[program: string, options: string[]]> {
  const program = binary(runtime);
  if (runtime !== "deno") return [program, []];
  const { path } = await denoConfig();
  return [program, ["run", "--allow-all", "--no-check", "--no-lock", "--quiet", "--config", path]];
}

/** Returns the path of a binary of the installed packages. */
export function binary(name: string): string {
  return join(root, "node_modules", ".bin", name);
}
