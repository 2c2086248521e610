/**
 * Decides whether the pool may repeat a unit that has failed: only after an error that certainly
 * leaves nothing behind, and only if nothing that the unit did before can have become permanent.
 */

import type { Target } from "../port/session.ts";
import { SubletError } from "./errors.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { UnitContext, UnprovenReads } from "./unit.ts";

/** How many causes of an error the pool looks at, as the chain of causes may be a circle. */
const CAUSES_MAX = 16;

const LASTING =
  " (the unit is not repeated, as something that it did before may have become permanent)";

/** Tells whether an error certainly leaves nothing behind; that of a lost COMMIT may. */
export function isSafeToRepeat({ isRepeatable }: PoolRuntime, error: unknown): boolean {
  let isSafe = isRepeatable(error);
  let at = error;
  for (let depth = 0; at instanceof Error && depth < CAUSES_MAX; at = at.cause, depth++) {
    if (!(at instanceof SubletError)) continue;
    if (at.code === "COMMIT_UNKNOWN") return false;
    isSafe ||= at.code === "CONNECTION_LOST";
  }
  return isSafe;
}

/**
 * Asks the server, through a lease of another unit, whether none of the names that a unit has read
 * at a target is that of a view which writes.
 */
export async function provesReads(
  target: Target,
  { virtualConfig, reads }: UnprovenReads,
  context: UnitContext,
): Promise<boolean> {
  const { unit, signal } = context;
  unit.bindTo(virtualConfig, target);
  const unitLease = unit.leaseBesides(virtualConfig);
  unitLease.enter(undefined);
  try {
    await unitLease.open(context, { signal, endsAt: undefined });
    return await unitLease.session.proveReads(reads, signal);
  } finally {
    unitLease.leave();
  }
}

/** Adds to the error of a unit that the pool does not repeat the unit, and why. */
export function tellLasting(error: unknown): void {
  if (!(error instanceof Error) || Object.isFrozen(error)) return;
  const { message, stack } = error;
  if (message.endsWith(LASTING)) return;
  const told = `${message}${LASTING}`;
  error.message = told;
  if (stack !== undefined && message !== "") error.stack = stack.replace(message, () => told);
}
