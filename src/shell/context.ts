/**
 * Whose code is this: the unit of work and the transaction that code belongs to.
 *
 * A frame says that for all code below it; frames follow the code through every `await` by
 * AsyncLocalStorage.
 */

import type { AsyncLocalStorage } from "node:async_hooks";
import type { Holding } from "../core/mod.ts";
import type { Cancellation } from "../port.ts";
import type { Home } from "./parts.ts";
import type { Scope } from "./scope.ts";
import type { Unit } from "./unit.ts";

/** What code belongs to. */
export interface Frame<Target, Driver> {
  /** The unit. */
  readonly unit: Unit<Target, Driver>;
  /** The frame of the code around it. */
  readonly parent: Frame<Target, Driver> | undefined;
  /** The transaction that this frame adds. */
  readonly scope: Scope<Target, Driver> | undefined;
  /** What ends the waits and statements of the code. */
  readonly signal: Cancellation | undefined;
  /** The frame of code elsewhere that asks by a handle. */
  readonly caller?: Frame<Target, Driver> | undefined;
}

/** How code finds its frame. */
export type Frames<Target, Driver> = AsyncLocalStorage<Frame<Target, Driver> | undefined>;

/** Returns the innermost transaction, ended or not, that code is in on a virtual connection. */
export function scopeOf<Target, Driver>(
  frame: Frame<Target, Driver> | undefined,
  home: Home<Target>,
): Scope<Target, Driver> | undefined {
  const unit = frame?.unit;
  for (let at = frame; at !== undefined && at.unit === unit; at = at.parent) {
    if (at.scope?.held.home.id === home.id) return at.scope;
  }
  return undefined;
}

/** Tells whether code of one frame is below another frame, in the same unit. */
export function isBelow<Target, Driver>(
  frame: Frame<Target, Driver> | undefined,
  above: Frame<Target, Driver>,
): boolean {
  for (let at = frame; at !== undefined && at.unit === above.unit; at = at.parent) {
    if (at === above) return true;
  }
  return false;
}

/**
 * Returns the leases that cannot end before a request of this code is answered: those of the
 * transactions that it is in, and those that its unit, and the units around it, hold to their
 * ends.
 */
export function enclosingOf<Target, Driver>(
  frame: Frame<Target, Driver> | undefined,
  unit?: Unit<Target, Driver>,
  home?: Home<Target>,
  counts: (unit: Unit<Target, Driver>) => boolean = () => true,
): readonly Holding[] {
  const found: Holding[] = [];
  for (let at = frame; at !== undefined; at = at.parent) {
    if (!counts(at.unit)) continue;
    const inTransaction = at.scope?.status === "open" ? at.scope.held.holding : undefined;
    if (inTransaction !== undefined) found.push(inTransaction);
    if (at.unit === at.parent?.unit) continue;
    found.push(...at.unit.lastingBut(at.unit === unit ? home : undefined));
  }
  if (found.length < 2) return found;
  return [...new Map(found.map((holding) => [holding.lease, holding])).values()];
}

/** Has the units whose code writes on a lease of another unit, around none of them, note that. */
export function noteWrite<Target, Driver>(
  frame: Frame<Target, Driver> | undefined,
  holder: Unit<Target, Driver>,
): void {
  for (let at = frame; at !== undefined; at = at.parent) {
    if (at.caller !== undefined) noteWrite(at.caller, holder);
    if (!at.unit.encloses(holder)) at.unit.notePermanent();
  }
}

/** Has the units around code let go of what they only keep for what may be asked. */
export function yieldAround<Target, Driver>(frame: Frame<Target, Driver> | undefined): void {
  for (let at = frame; at !== undefined; at = at.parent) at.unit.yield();
}
