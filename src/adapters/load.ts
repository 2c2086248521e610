/** The sockets of a runtime, which are loaded when they are asked for. */

import type { Adapter, Runtime } from "../port.ts";

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
