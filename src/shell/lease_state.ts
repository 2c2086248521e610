/**
 * What an explicit lease keeps, from the request on until it is released. Nothing in it leads to
 * the object that its user has.
 */

import type { Cancellation, Instant } from "../port.ts";
import { rejected } from "./caller.ts";
import { transactionOf } from "./context.ts";
import type { UnitLease } from "./unit_lease.ts";
import type { VirtualConfig } from "./virtual_config.ts";
import type { Leftover } from "./leaks.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { Transaction } from "./transaction.ts";
import { Unit, type UnitContext, type UnitEngine } from "./unit.ts";

/** Whether a lease is one of its own, beside the one that its unit has. */
export type SeparateLease = boolean | "unlessInTransaction" | undefined;

/** What one explicit lease keeps. */
export class LeaseState implements Leftover {
  /** What its code belongs to. */
  readonly context: UnitContext | undefined;
  /** What it is a lease of. */
  readonly unitLease: UnitLease;
  /** The transaction that its code is in, on this lease. */
  readonly transaction: Transaction | undefined;
  /** Whether it is one of its own, beside that of its unit. */
  readonly isSeparate: boolean;
  /** What runs the pool. */
  readonly engine: UnitEngine;
  /** Since when it is held. */
  since: Instant = 0;
  /** Who took it, if leases are watched. */
  stack: string | undefined = undefined;
  #stop: (() => void) | undefined = undefined;
  #isEnded = false;

  /** Has it begin with its request; the request is for the caller to make. */
  constructor(
    engine: UnitEngine,
    runtime: PoolRuntime,
    virtualConfig: VirtualConfig,
    separate: SeparateLease,
  ) {
    const around = engine.contexts.getStore();
    // One of its own may be taken when the unit has ended.
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
    // What its holder has the driver do ends with the unit's code, as its statements do.
    this.#stop = () => {
      const aborted = reasonIn(context);
      if (aborted !== undefined) unitLease.stop(aborted.reason);
    };
    signal.addEventListener("abort", this.#stop);
  }

  /** The virtual connection that it was taken through. */
  get virtual(): string {
    return this.unitLease.virtualConfig.name;
  }

  /** Watches how long it is held, now that it is granted. */
  watch(stack: string | undefined): void {
    this.since = this.unitLease.watch(stack);
    this.stack = stack;
  }

  /** Ends it, as the object that its user had was collected as garbage. */
  lost(): void {
    this.unitLease.breakOff();
    this.end();
  }

  /** Ends it, as it has failed. */
  fail(error: unknown): Promise<never> {
    this.end();
    return rejected(error);
  }

  /** Ends it, once. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { unitLease, context } = this;
    if (this.#stop !== undefined) context?.signal?.removeEventListener("abort", this.#stop);
    unitLease.unkeep();
    if (unitLease.unit !== context?.unit && !unitLease.isKept) unitLease.unit.end();
  }
}

/** Returns the signal that has ended what code of a unit does, unless the unit has ended. */
export function reasonIn(context: UnitContext | undefined): Cancellation | undefined {
  return context?.signal?.aborted && !context.unit.isEnded ? context.signal : undefined;
}

/** Returns what a lease is a lease of. */
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
