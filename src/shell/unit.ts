/**
 * A unit of work: a span of code, such as the handler of a request, and the leases that it has.
 *
 * All code of a unit shares one lease per virtual connection. But a transaction has its lease for
 * itself: code of the unit that runs in parallel gets another lease, as code of another unit would.
 * If the unit must stay on one connection, because of session state or `hold: "unit"`, that code
 * waits until the transaction has ended.
 */

import type { LeaseRef, VirtualId } from "../core/mod.ts";
import type { Clock, Target } from "../port/session.ts";
import type { Admission } from "./admission.ts";
import { transactionOf, type WorkContext, type WorkContexts } from "./context.ts";
import { unitEnded } from "./errors.ts";
import { type LeasingUnit, UnitLease } from "./unit_lease.ts";
import type { VirtualConfig } from "./virtual_config.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { Transaction } from "./transaction.ts";
import type { TargetEntry } from "./targets.ts";
import type { TurnWaiting } from "./turns.ts";

/** The object by which a host lets work go on after the response: `ctx` of Workers. */
export interface Host {
  /** Makes the host wait for a promise before it stops the code of the request. */
  waitUntil(promise: Promise<unknown>): void;
}

/** The context of code: its unit, and its transaction in the unit. */
export type UnitContext = WorkContext<Unit, Transaction>;

/** Code that gets its context as an argument. */
export type ContextCode<T> = (context: UnitContext) => T;

/** Gives running code its context. */
export type UnitContexts = WorkContexts<Unit, Transaction>;

/** The part of the engine of a pool's handle that units, transactions and leases use. */
export interface UnitEngine {
  /** The clock of the pool. */
  readonly clock: Clock;
  /** Gives running code its unit of work, and its transaction. */
  readonly contexts: UnitContexts;
  /** Counts the work of the handle. */
  readonly handle: Admission;
  /** Whether each outermost unit has a runtime of its own (`lifespan: "unit"`). */
  readonly isPerUnit: boolean;
  /** Returns the runtime of the caller's unit or, outside any, that for a unit it may begin. */
  runtimeHere(): PoolRuntime;
}

/** Where a unit of work begins: in another unit, with a separate lease, in a host. */
export interface UnitOrigin {
  /** The unit within which it begins; a pool that is ending refuses a unit without one. */
  readonly outer?: Unit | undefined;
  /** Whether it is the unit of a separate lease, which uses the targets of `outer`. */
  readonly isBeside?: boolean | undefined;
  /** The host's object for the request. */
  readonly host?: Host | undefined;
}

/** Reads that may have written, through a view whose function writes. */
export interface UnprovenReads {
  /** The virtual connection that they ran through. */
  readonly virtualConfig: VirtualConfig;
  /** The names in them, as in `Session.unprovenReads`. */
  readonly reads: ReadonlyMap<string, number>;
}

/** A unit of work. */
export class Unit implements LeasingUnit {
  /** Runs its actual connections. */
  readonly runtime: PoolRuntime;
  /** Counts it, and its requests for leases. */
  readonly admission: Admission;
  /** The unit within which it began. */
  readonly outer: Unit | undefined;
  /** Whether its runtime, and so all its actual connections, end with it. */
  readonly #endsRuntime: boolean;
  readonly #host: Host | undefined;
  readonly #isBeside: boolean;
  #unitLeases: readonly UnitLease[] = NONE;
  #turnWaitings: Set<TurnWaiting> | undefined;
  /** The units that have begun within this one and not ended. */
  #inner: Set<Unit> | undefined;
  #targets: Map<VirtualId, TargetEntry> | undefined;
  #mayBePermanent = false;
  #unprovenReads: Map<TargetEntry, UnprovenReads> | undefined;
  #isEnded = false;

  /** Begins a unit. */
  constructor(runtime: PoolRuntime, admission: Admission, origin: UnitOrigin = {}) {
    const { outer, isBeside = false, host } = origin;
    if (outer === undefined) admission.check();
    admission.enter();
    this.runtime = runtime;
    this.admission = admission;
    this.#endsRuntime = outer === undefined && runtime.isPerUnit;
    if (this.#endsRuntime) runtime.begin();
    this.#host = host;
    this.outer = outer;
    this.#isBeside = isBeside;
    if (outer !== undefined) (outer.#inner ??= new Set()).add(this);
  }

  /** The waits of its code for transactions of its own. */
  get turnWaitings(): Set<TurnWaiting> {
    return this.#turnWaitings ??= new Set();
  }

  /** Whether it has ended. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether a write of it, or of a unit within it, may have become permanent. */
  get mayBePermanent(): boolean {
    return this.#mayBePermanent || this.#unitLeases.some((unitLease) => unitLease.mayBePermanent) ||
      [...this.#inner ?? []].some((unit) => unit.mayBePermanent);
  }

  /** Its reads that may have written through a view, by target. */
  get unprovenReads(): ReadonlyMap<TargetEntry, UnprovenReads> {
    return this.#unprovenReads ??= new Map();
  }

  /** Its leases with an open transaction that a statement has begun, not the pool. */
  get openByHand(): readonly UnitLease[] {
    return this.#unitLeases.filter((unitLease) => unitLease.isOpenByHand);
  }

  /** Its leases in which such a transaction was open when the connection was lost. */
  get lostByHand(): readonly UnitLease[] {
    return this.#unitLeases.filter((unitLease) => unitLease.isLostByHand);
  }

  /** The granted explicit leases of its code, if no transaction is open on them. */
  get kept(): readonly LeaseRef[] {
    return [this, ...this.#beside].flatMap((unit) => unit.#unitLeases)
      .flatMap((unitLease) => unitLease.isExplicit ? unitLease.leaseRef ?? [] : []);
  }

  /** Throws if it has ended. */
  check(): void {
    if (this.#isEnded) throw unitEnded();
  }

  /** Notes that a write of it, and so of the units around it, may have become permanent. */
  notePermanent(): void {
    this.#mayBePermanent = true;
    this.outer?.notePermanent();
  }

  /** Notes, at the release of a lease, whether its writes may have become permanent. */
  noteLasting({ mayBePermanent, unprovenReads, virtualConfig }: UnitLease): void {
    if (mayBePermanent) this.notePermanent();
    if (unprovenReads?.size) {
      this.#noteUnproven(this.targetOf(virtualConfig), virtualConfig, unprovenReads);
    }
  }

  /** Replaces options of a virtual connection's target in this unit. */
  bind(virtualConfig: VirtualConfig, overrides: object): void {
    this.bindTo(virtualConfig, this.runtime.retargetOf(virtualConfig.target.target, overrides));
  }

  /** Gives a virtual connection another target in this unit. */
  bindTo({ id }: VirtualConfig, target: Target): void {
    (this.#targets ??= new Map()).set(id, this.runtime.targets.use(target));
  }

  /** Returns the target of a virtual connection in this unit. */
  targetOf(virtualConfig: VirtualConfig): TargetEntry {
    const bound = this.#targets?.get(virtualConfig.id);
    if (bound !== undefined) return bound;
    return this.#isBeside && this.outer !== undefined
      ? this.outer.targetOf(virtualConfig)
      : virtualConfig.target;
  }

  /** Returns the lease for code through a virtual connection: its transaction's, if any. */
  leaseFor(context: UnitContext | undefined, virtualConfig: VirtualConfig): UnitLease {
    this.check();
    return transactionOf(context, virtualConfig.id)?.unitLease ?? this.leaseBesides(virtualConfig);
  }

  /** Returns the lease for code that is in no transaction; the caller must still open it. */
  leaseBesides(virtualConfig: VirtualConfig): UnitLease {
    let free: UnitLease | undefined;
    for (const unitLease of this.#unitLeases) {
      if (unitLease.virtualConfig.id !== virtualConfig.id) continue;
      if (unitLease.isBound) return unitLease;
      if (unitLease.child === undefined) free ??= unitLease;
    }
    if (free !== undefined) return free;
    const created = new UnitLease(this.runtime, this, virtualConfig);
    this.#unitLeases = this.#unitLeases.length === 0 ? [created] : [...this.#unitLeases, created];
    return created;
  }

  /** Returns the lease in which code has a transaction, even if a statement has begun that. */
  leaseInTransaction(context: UnitContext, virtualConfig: VirtualConfig): UnitLease | undefined {
    const transaction = transactionOf(context, virtualConfig.id);
    if (transaction !== undefined) return transaction.unitLease;
    return [this, ...this.#beside].flatMap((unit) => unit.openByHand)
      .findLast((unitLease) => unitLease.virtualConfig.id === virtualConfig.id);
  }

  /** Removes a lease that has ended. */
  drop(unitLease: UnitLease): void {
    this.#unitLeases = this.#unitLeases.length === 1 && this.#unitLeases[0] === unitLease
      ? NONE
      : this.#unitLeases.filter((each) => each !== unitLease);
  }

  /** Releases idle leases that it keeps only so that code may read LAST_INSERT_ID() and such. */
  yield(): void {
    for (const unitLease of this.#unitLeases) unitLease.yield();
  }

  /** Returns the leases that it holds to its end, except those through `virtual`. */
  lastingBut(virtual: VirtualId | undefined): readonly LeaseRef[] {
    if (this.#isEnded || this.#unitLeases.length === 0) return NONE;
    const found: LeaseRef[] = [];
    for (const unitLease of this.#unitLeases) {
      const { lasting } = unitLease;
      if (lasting !== undefined && unitLease.virtualConfig.id !== virtual) found.push(lasting);
    }
    return found;
  }

  /** Describes its open transactions and explicit leases, if any, for an error message. */
  describeOpen(): string | undefined {
    const unitLeases = [this, ...this.#beside].flatMap((unit) => unit.#unitLeases);
    const open = unitLeases.filter(({ child, isExplicit }) => child !== undefined || isExplicit);
    if (open.length === 0) return undefined;
    const names = new Set(open.map(({ virtualConfig }) => JSON.stringify(virtualConfig.name)));
    const what = open.some(({ child }) => child !== undefined) ? "transaction" : "lease";
    return `a ${what} of its own unit, on ${[...names].join(" and ")}, ` +
      "holds an actual connection while this request waits";
  }

  /**
   * Ends it: releases its leases, and refuses later work. If its connections end with it and no
   * host waits for that, returns a promise that is fulfilled when they have closed.
   */
  end(): Promise<void> | undefined {
    if (this.#isEnded) return undefined;
    this.#isEnded = true;
    // A unit within it that has not ended may still write, and nothing waits for that unit.
    if (this.mayBePermanent || this.#inner?.size) this.notePermanent();
    // Separate leases must end too, as the runtime closes their connections now.
    if (this.#endsRuntime) this.#beside.forEach((unit) => unit.end());
    if (this.outer !== undefined) this.outer.#inner?.delete(this);
    for (const unitLease of this.#unitLeases) unitLease.end();
    // Nothing waits for running statements either: their unproven reads count as writes.
    if (this.#unitLeases.some((unitLease) => unitLease.unprovenReads?.size)) this.notePermanent();
    const { runtime, admission } = this;
    for (const target of this.#targets?.values() ?? []) runtime.targets.leave(target);
    if (!this.#endsRuntime) {
      admission.leave(this);
      return undefined;
    }
    const closed = runtime.end();
    this.#host?.waitUntil(closed);
    closed.then(() => admission.leave(this));
    return this.#host === undefined ? closed : undefined;
  }

  /** Notes reads that may have written through a view, for the units around it as well. */
  #noteUnproven(
    target: TargetEntry,
    virtualConfig: VirtualConfig,
    reads: ReadonlyMap<string, number>,
  ): void {
    const noted = this.#unprovenReads ??= new Map();
    noted.set(target, {
      virtualConfig,
      reads: new Map([...reads, ...noted.get(target)?.reads ?? []]),
    });
    if (this.outer !== undefined) this.outer.#noteUnproven(target, virtualConfig, reads);
  }

  /** The units of its separate leases. */
  get #beside(): readonly Unit[] {
    return [...this.#inner ?? []].filter((unit) => unit.#isBeside);
  }
}

/** Ends a unit; if `end` returns a promise, waits until the connections have closed. */
export async function endFully(unit: Unit): Promise<void> {
  const closed = unit.end();
  if (closed !== undefined) await closed;
}

const NONE: readonly never[] = [];
