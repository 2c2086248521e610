/** Has what nobody leads to any more collected, in whatever runtime. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { until } from "../../../support/wait.ts";

/** What is used of Bun. */
interface MaybeBun {
  readonly Bun?: { gc(isAwaited: boolean): void };
}

/** Collects garbage until something is so. */
export async function collectUntil(isSo: () => boolean, what: string): Promise<void> {
  const collect = collector();
  await until(() => {
    collect();
    return isSo();
  }, what);
}

function collector(): () => void {
  const { Bun } = globalThis as MaybeBun;
  if (Bun !== undefined) return () => Bun.gc(true);
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
