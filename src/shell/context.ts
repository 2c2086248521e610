/**
 * Whose code is this: the unit of work and the transaction that code belongs to.
 *
 * A context says that for all code below it; contexts follow the code through every `await` by
 * AsyncLocalStorage.
 */

import type { AsyncLocalStorage } from "node:async_hooks";
import type { LeaseRef, VirtualId } from "../core/mod.ts";
import type { Cancellation } from "../port.ts";

/** A unit of work, as the context of code knows it. */
export interface ContextUnit {
  /** The unit within which it began. */
  readonly outer: ContextUnit | undefined;
  /** Returns the leases that it holds to its end, except through one virtual connection. */
  lastingBut(virtual: VirtualId | undefined): readonly LeaseRef[];
  /** Notes that something of it, and so of the units around it, may have become permanent. */
  notePermanent(): void;
  /** Lets go of what is only kept for what may be asked. */
  yield(): void;
}

/** A transaction, as the context of code knows it. */
export interface ContextTransaction {
  /** How far it is. */
  readonly status: "beginning" | "open" | "ending" | "ended";
  /** What it runs on: the lease, and the virtual connection that this goes through. */
  readonly unitLease: {
    readonly virtualConfig: { readonly id: VirtualId };
    readonly leaseRef: LeaseRef | undefined;
  };
}

/** What code belongs to. */
export interface WorkContext<
  Unit extends ContextUnit = ContextUnit,
  Transaction extends ContextTransaction = ContextTransaction,
> {
  /** The unit. */
  readonly unit: Unit;
  /** The context of the code around it. */
  readonly parent: WorkContext<Unit, Transaction> | undefined;
  /** The transaction that this context adds. */
  readonly transaction: Transaction | undefined;
  /** What ends the waits and statements of the code. */
  readonly signal: Cancellation | undefined;
  /** The context of code elsewhere that asks by a handle. */
  readonly caller?: WorkContext<Unit, Transaction> | undefined;
}

/** How code finds its context. */
export type WorkContexts<Unit extends ContextUnit, Transaction extends ContextTransaction> =
  AsyncLocalStorage<
    WorkContext<Unit, Transaction> | undefined
  >;

/** Returns the innermost transaction, ended or not, that code is in on a virtual connection. */
export function transactionOf<Unit extends ContextUnit, Transaction extends ContextTransaction>(
  context: WorkContext<Unit, Transaction> | undefined,
  virtual: VirtualId,
): Transaction | undefined {
  const unit = context?.unit;
  for (let at = context; at !== undefined && at.unit === unit; at = at.parent) {
    if (at.transaction?.unitLease.virtualConfig.id === virtual) return at.transaction;
  }
  return undefined;
}

/** Tells whether code of one context is below another context, in the same unit. */
export function isBelow(context: WorkContext | undefined, above: WorkContext): boolean {
  for (let at = context; at !== undefined && at.unit === above.unit; at = at.parent) {
    if (at === above) return true;
  }
  return false;
}

/**
 * Returns the leases that cannot end before a request of this code is answered: those of the
 * transactions that it is in, and those that its unit, and the units around it, hold to their
 * ends.
 */
export function enclosingOf<Unit extends ContextUnit, Transaction extends ContextTransaction>(
  context: WorkContext<Unit, Transaction> | undefined,
  unit?: ContextUnit,
  virtual?: VirtualId,
  counts: (unit: Unit) => boolean = () => true,
): readonly LeaseRef[] {
  const found: LeaseRef[] = [];
  for (let at = context; at !== undefined; at = at.parent) {
    if (!counts(at.unit)) continue;
    const inTransaction = at.transaction?.status === "open"
      ? at.transaction.unitLease.leaseRef
      : undefined;
    if (inTransaction !== undefined) found.push(inTransaction);
    if (at.unit === at.parent?.unit) continue;
    found.push(...at.unit.lastingBut(at.unit === unit ? virtual : undefined));
  }
  if (found.length < 2) return found;
  return [...new Map(found.map((leaseRef) => [leaseRef.lease, leaseRef])).values()];
}

/** Has the units whose code writes on a lease of another unit, around none of them, note that. */
export function noteWrite(context: WorkContext | undefined, holder: ContextUnit): void {
  for (let at = context; at !== undefined; at = at.parent) {
    if (at.caller !== undefined) noteWrite(at.caller, holder);
    if (!encloses(at.unit, holder)) at.unit.notePermanent();
  }
}

/** Has the units around code let go of what they only keep for what may be asked. */
export function yieldAround(context: WorkContext | undefined): void {
  for (let at = context; at !== undefined; at = at.parent) at.unit.yield();
}

/** Tells whether a unit is another one, or around it. */
function encloses(unit: ContextUnit, other: ContextUnit): boolean {
  for (let at: ContextUnit | undefined = other; at !== undefined; at = at.outer) {
    if (at === unit) return true;
  }
  return false;
}
