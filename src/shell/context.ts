/**
 * The unit of work and the transaction that code belongs to.
 *
 * A context applies to all code that runs within it: AsyncLocalStorage carries it through every
 * `await`.
 */

import type { AsyncLocalStorage } from "node:async_hooks";
import type { LeaseRef, VirtualId } from "../core/mod.ts";
import type { Cancellation } from "../port/session.ts";

/** The part of a unit of work that contexts use. */
export interface ContextUnit {
  /** The unit within which it began. */
  readonly outer: ContextUnit | undefined;
  /** Returns the leases that it holds to its end, except those through `virtual`. */
  lastingBut(virtual: VirtualId | undefined): readonly LeaseRef[];
  /** Notes that a write of it, and so of the units around it, may have become permanent. */
  notePermanent(): void;
  /** Releases idle leases that it keeps only so that code may read LAST_INSERT_ID() and such. */
  yield(): void;
}

/** The part of a transaction that contexts use. */
export interface ContextTransaction {
  /** Its status. */
  readonly status: "beginning" | "open" | "ending" | "ended";
  /** The lease it runs on, and the virtual connection of the lease. */
  readonly unitLease: {
    readonly virtualConfig: { readonly id: VirtualId };
    readonly leaseRef: LeaseRef | undefined;
  };
}

/** The unit, transaction and signal of running code. */
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
  /** Ends the waits and statements of the code. */
  readonly signal: Cancellation | undefined;
  /** If code from elsewhere works through a handle of the unit: its own context. */
  readonly caller?: WorkContext<Unit, Transaction> | undefined;
}

/** Gives running code its context. */
export type WorkContexts<Unit extends ContextUnit, Transaction extends ContextTransaction> =
  AsyncLocalStorage<
    WorkContext<Unit, Transaction> | undefined
  >;

/** Returns the unit's innermost transaction on `virtual` that code is in, ended or not. */
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

/** Tells whether a context is `above`, or within it in the same unit. */
export function isBelow(context: WorkContext | undefined, above: WorkContext): boolean {
  for (let at = context; at !== undefined && at.unit === above.unit; at = at.parent) {
    if (at === above) return true;
  }
  return false;
}

/**
 * Returns the leases that cannot end before a request of this code is answered: those of the open
 * transactions that the code is in, and those that its unit, and the units around it, hold to
 * their ends.
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

/**
 * Notes that a statement on a lease of the unit `holder` may write something permanent: in each
 * unit that the code is in, except `holder` and the units around it.
 */
export function noteWrite(context: WorkContext | undefined, holder: ContextUnit): void {
  for (let at = context; at !== undefined; at = at.parent) {
    if (at.caller !== undefined) noteWrite(at.caller, holder);
    if (!encloses(at.unit, holder)) at.unit.notePermanent();
  }
}

/** Calls {@linkcode ContextUnit.yield} on the unit of the code, and on the units around it. */
export function yieldAround(context: WorkContext | undefined): void {
  for (let at = context; at !== undefined; at = at.parent) at.unit.yield();
}

/** Tells whether `unit` is `other` or around it. */
function encloses(unit: ContextUnit, other: ContextUnit): boolean {
  for (let at: ContextUnit | undefined = other; at !== undefined; at = at.outer) {
    if (at === unit) return true;
  }
  return false;
}
