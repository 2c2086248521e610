/** Which runtime this is, and the sockets of it, which are loaded when they are asked for. */

import type { Adapter, Runtime } from "../port.ts";

/** What tells runtimes apart; some of them have what makes others known as well. */
interface Marks {
  readonly Deno?: unknown;
  readonly Bun?: unknown;
  readonly navigator?: { readonly userAgent?: string };
  readonly process?: { readonly versions?: { readonly node?: string } };
}

/** Returns which runtime this is; undefined if it is none that has sockets as far as we know. */
export function findRuntime(marks: Marks = globalThis as Marks): Runtime | undefined {
  if (marks.navigator?.userAgent === "Cloudflare-Workers") return "workerd";
  if (marks.Deno !== undefined) return "deno";
  if (marks.Bun !== undefined) return "bun";
  return marks.process?.versions?.node === undefined ? undefined : "node";
}

/** Loads the sockets of a runtime. */
export async function loadAdapter(runtime: Runtime | undefined): Promise<Adapter> {
  switch (runtime) {
    case "node":
      return (await import("./node.ts")).adapter;
    case "deno":
      return (await import("./deno.ts")).adapter;
    case "bun":
      return (await import("./bun.ts")).adapter;
    case "workerd":
      return (await import("./workerd.ts")).adapter;
    case undefined:
      throw new Error(
        "Cannot open sockets: this runtime is none of Node, Deno, Bun and Cloudflare Workers",
      );
  }
}
