/** Which runtime this is. */

import type { Runtime } from "../port.ts";

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
