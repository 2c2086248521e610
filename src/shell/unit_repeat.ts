/**
 * Whether a unit that has failed may be repeated: only after errors that are known to leave
 * nothing behind, and only if nothing that it did before can have become permanent.
 */

import type { Target } from "../port/session.ts";
import { SubletError } from "./errors.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { UnitContext, UnprovenReads } from "./unit.ts";

/** How far down the causes of an error are looked at, as they may go round in a circle. */
const CAUSES_MAX = 16;

const LASTING =
  " (the unit is not repeated, as something that it did before may have become permanent)";

/** Tells whether an error is known to leave nothing behind, as that of a lost COMMIT is not. */
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
 * Asks a server, through a lease of another unit, whether what a unit has read of a target was of
 * no view that writes.
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

/** Has the error of a unit say that it is not repeated, and why. */
export function tellLasting(error: unknown): void {
  if (!(error instanceof Error) || Object.isFrozen(error)) return;
  const { message, stack } = error;
  if (message.endsWith(LASTING)) return;
  const told = `${message}${LASTING}`;
  error.message = told;
  if (stack !== undefined && message !== "") error.stack = stack.replace(message, () => told);
}
