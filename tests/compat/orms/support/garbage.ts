/** Forces garbage collection, in any runtime. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { until } from "../../../support/wait.ts";

/** The part of Bun's API that is used here. */
interface MaybeBun {
  readonly Bun?: { gc(isAwaited: boolean): void };
}

/** Collects garbage until a condition holds. */
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
