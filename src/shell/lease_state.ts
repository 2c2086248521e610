/**
 * The state of an explicit lease, from the request to the release. It holds no reference to the
 * caller's `Lease`, so that a forgotten one can be garbage-collected.
 */

import type { Cancellation, Instant } from "../port/session.ts";
import { rejected } from "./caller.ts";
import { transactionOf } from "./context.ts";
import type { UnitLease } from "./unit_lease.ts";
import type { VirtualConfig } from "./virtual_config.ts";
import type { Leftover } from "./leaks.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { Transaction } from "./transaction.ts";
import { Unit, type UnitContext, type UnitEngine } from "./unit.ts";

/** Whether a lease is separate from the one that its unit has; see `LeaseOptions.separate`. */
export type SeparateLease = boolean | "unlessInTransaction" | undefined;

/** The state of one explicit lease. */
export class LeaseState implements Leftover {
  /** The context of the code that took it, if any. */
  readonly context: UnitContext | undefined;
  /** The lease of a unit that it keeps: its own unit's or, if separate, that of a new unit. */
  readonly unitLease: UnitLease;
  /** The transaction on this lease that the code was in when it took the lease. */
  readonly transaction: Transaction | undefined;
  /** Whether the caller asked for a separate lease. */
  readonly isSeparate: boolean;
  /** Runs the handle of the pool. */
  readonly engine: UnitEngine;
  /** When it was granted. */
  since: Instant = 0;
  /** The stack of the code that took it, if `leakDetectionTimeout` is set. */
  stack: string | undefined = undefined;
  #stop: (() => void) | undefined = undefined;
  #isEnded = false;

  /** Creates the state, and keeps the unit's lease; the caller must still open that. */
  constructor(
    engine: UnitEngine,
    runtime: PoolRuntime,
    virtualConfig: VirtualConfig,
    separate: SeparateLease,
  ) {
    const around = engine.contexts.getStore();
    // A separate lease may be taken even after the unit has ended.
    const context = separate && around?.unit.isEnded ? undefined : around;
    const unitLease = leaseFor(engine, runtime, virtualConfig, context, separate);
    const transaction = transactionOf(context, virtualConfig.id);
    this.context = context;
    this.unitLease = unitLease;
    this.transaction = transaction?.unitLease === unitLease ? transaction : undefined;
    this.engine = engine;
    this.isSeparate = Boolean(separate);
    unitLease.keep();
    const signal = context?.signal;
    if (signal === undefined) return;
    // An abort of the unit's code also ends what the caller runs on the driver's connection.
    this.#stop = () => {
      const aborted = reasonIn(context);
      if (aborted !== undefined) unitLease.stop(aborted.reason);
    };
    signal.addEventListener("abort", this.#stop);
  }

  /** The name of the virtual connection that it was taken through. */
  get virtual(): string {
    return this.unitLease.virtualConfig.name;
  }

  /** Starts its leak detection timeout, as it was granted. */
  watch(stack: string | undefined): void {
    this.since = this.unitLease.watch(stack);
    this.stack = stack;
  }

  /** Ends it, and makes the pool close its connection, as the `Lease` was garbage-collected. */
  lost(): void {
    this.unitLease.breakOff();
    this.end();
  }

  /** Ends it, and returns a promise that rejects with the error. */
  fail(error: unknown): Promise<never> {
    this.end();
    return rejected(error);
  }

  /** Ends it; a second call does nothing. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { unitLease, context } = this;
    if (this.#stop !== undefined) context?.signal?.removeEventListener("abort", this.#stop);
    unitLease.unkeep();
    if (unitLease.unit !== context?.unit && !unitLease.isKept) unitLease.unit.end();
  }
}

/** Returns the signal of a context, if it was aborted and the unit has not ended. */
export function reasonIn(context: UnitContext | undefined): Cancellation | undefined {
  return context?.signal?.aborted && !context.unit.isEnded ? context.signal : undefined;
}

/** Returns the unit's lease that an explicit lease uses; a separate one begins a new unit. */
function leaseFor(
  { handle }: UnitEngine,
  runtime: PoolRuntime,
  virtualConfig: VirtualConfig,
  context: UnitContext | undefined,
  separate: SeparateLease,
): UnitLease {
  if (context !== undefined && !separate) return context.unit.leaseFor(context, virtualConfig);
  const joined = separate === "unlessInTransaction" && context !== undefined
    ? context.unit.leaseInTransaction(context, virtualConfig)
    : undefined;
  if (joined !== undefined) return joined;
  return new Unit(runtime, handle, { outer: context?.unit, isBeside: true }).leaseBesides(
    virtualConfig,
  );
}
