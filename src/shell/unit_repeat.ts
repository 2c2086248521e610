/**
 * Whether a unit that has failed may be repeated: only after errors that are known to leave
 * nothing behind, and only if nothing that it did before can have become permanent.
 */

import type { Cancellation } from "../port.ts";
import { SubletError } from "./errors.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { Unit, UnitFrame } from "./unit.ts";

/** How far down the causes of an error are looked at, as they may go round in a circle. */
const CAUSES_MAX = 16;

/** Tells whether an error is known to leave nothing behind, as that of a lost COMMIT is not. */
export function isSafeToRepeat<Target, Driver>(
  { isRepeatable }: PoolRuntime<Target, Driver>,
  error: unknown,
): boolean {
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
 * Asks the servers, through leases of another unit with the same targets, whether what a unit has
 * read was of no view that writes, where nothing was known of that.
 */
export async function provesReads<Target, Driver>(
  { unprovenReads }: Unit<Target, Driver>,
  frame: UnitFrame<Target, Driver>,
  signal: Cancellation | undefined,
): Promise<boolean> {
  for (const [home, names] of unprovenReads) {
    const held = frame.unit.heldBesides(home);
    held.enter(undefined);
    try {
      await held.open(frame, { signal, endsAt: undefined });
      if (!await held.session.proveReads(names)) return false;
    } finally {
      held.leave();
    }
  }
  return true;
}

/** Has the error of a unit say that it is not repeated, and why. */
export function tellLasting(error: unknown): void {
  if (!(error instanceof Error)) return;
  const { message, stack } = error;
  const told = `${message} (the unit is not repeated, as something that it did before may have ` +
    "become permanent)";
  error.message = told;
  if (stack !== undefined && message !== "") error.stack = stack.replace(message, () => told);
}
