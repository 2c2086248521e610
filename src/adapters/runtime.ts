/** Detects the runtime, and returns its sockets, for entries that do not name a runtime. */

import type { Adapter, Runtime } from "../port/socket.ts";
import { adapter as bun } from "./bun.ts";
import { adapter as deno } from "./deno.ts";
import { adapter as node } from "./node.ts";
import { adapter as workerd } from "./workerd.ts";

/** The globals that tell runtimes apart; some runtimes also have the globals of others. */
interface Marks {
  readonly Deno?: unknown;
  readonly Bun?: unknown;
  readonly navigator?: { readonly userAgent?: string };
  readonly process?: { readonly versions?: { readonly node?: string } };
}

const adapters: Readonly<Record<Runtime, Adapter>> = { bun, deno, node, workerd };

/** Returns which runtime this is; undefined if there is no adapter for it. */
export function findRuntime(marks: Marks = globalThis as Marks): Runtime | undefined {
  if (marks.navigator?.userAgent === "Cloudflare-Workers") return "workerd";
  if (marks.Deno !== undefined) return "deno";
  if (marks.Bun !== undefined) return "bun";
  return marks.process?.versions?.node === undefined ? undefined : "node";
}

/** Returns the adapter of a runtime; without one, only a connect fails. */
export function adapterOf(runtime: Runtime | undefined): Adapter {
  return runtime === undefined ? { runtime: "node", dial: refuseToDial } : adapters[runtime];
}

function refuseToDial(): never {
  throw new Error(
    "Cannot open sockets: this runtime is none of Node, Deno, Bun and Cloudflare Workers",
  );
}
