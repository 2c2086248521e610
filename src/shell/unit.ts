/**
 * Units of work: what a request, or any other span of code, holds of the pool.
 *
 * Code of a unit finds one lease through each virtual connection. A transaction keeps its lease
 * for itself: code of the unit that runs beside it finds another one, as code of a second unit
 * would; unless the lease holds session state, which cannot be on two connections: then that
 * code waits until the transaction has ended.
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

/** What a host gives with a request, to have work done after the answer: `ctx` of Workers. */
export interface Host {
  /** Has the host wait for a promise before it ends what runs for the request. */
  waitUntil(promise: Promise<unknown>): void;
}

/** What code belongs to: its unit, and its transaction in it. */
export type UnitContext = WorkContext<Unit, Transaction>;

/** Code that is given its context. */
export type ContextCode<T> = (context: UnitContext) => T;

/** How code finds its context. */
export type UnitContexts = WorkContexts<Unit, Transaction>;

/** What runs one handle of a pool, as the work that is begun through the handle knows it. */
export interface UnitEngine {
  /** Tells the time. */
  readonly clock: Clock;
  /** Which unit of work, and which transaction in it, code belongs to. */
  readonly contexts: UnitContexts;
  /** Counts the work. */
  readonly handle: Admission;
  /** Whether each unit that is within no other has a runtime of its own. */
  readonly isPerUnit: boolean;
  /** Returns the runtime of the calling code: its unit's, or that of a unit that it may begin. */
  runtimeHere(): PoolRuntime;
}

/** Where a unit of work begins. */
export interface UnitOrigin {
  /** The unit within which it begins; one without comes too late when the pool is ending. */
  readonly outer?: Unit | undefined;
  /** Whether it is the unit of a lease beside those of `outer`, whose targets it has. */
  readonly isBeside?: boolean | undefined;
  /** What the host gave with the request. */
  readonly host?: Host | undefined;
}

/** Reads of which nothing is known: the names in them, and through what they ran. */
export interface UnprovenReads {
  /** The virtual connection. */
  readonly virtualConfig: VirtualConfig;
  /** What tells the port of which moment each was. */
  readonly reads: ReadonlyMap<string, number>;
}

/** The span of code that leases are tagged with. */
export class Unit implements LeasingUnit {
  /** What runs its actual connections. */
  readonly runtime: PoolRuntime;
  /** Counts it, and its requests. */
  readonly admission: Admission;
  /** The unit within which it began. */
  readonly outer: Unit | undefined;
  /** Whether its actual connections live no longer than it. */
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

  /** What of its code waits for a transaction of its own. */
  get turnWaitings(): Set<TurnWaiting> {
    return this.#turnWaitings ??= new Set();
  }

  /** Whether it has ended. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether something that it, or a unit within it, has written may have become permanent. */
  get mayBePermanent(): boolean {
    return this.#mayBePermanent || this.#unitLeases.some((unitLease) => unitLease.mayBePermanent) ||
      [...this.#inner ?? []].some((unit) => unit.mayBePermanent);
  }

  /** The names in its reads that may be those of views which write, by targets. */
  get unprovenReads(): ReadonlyMap<TargetEntry, UnprovenReads> {
    return this.#unprovenReads ??= new Map();
  }

  /** The leases in which a statement has begun a transaction by hand, and none has ended it. */
  get openByHand(): readonly UnitLease[] {
    return this.#unitLeases.filter((unitLease) => unitLease.isOpenByHand);
  }

  /** The leases in which such a transaction was open when their connections were lost. */
  get lostByHand(): readonly UnitLease[] {
    return this.#unitLeases.filter((unitLease) => unitLease.isLostByHand);
  }

  /** What explicit leases of it keep. */
  get kept(): readonly LeaseRef[] {
    return [this, ...this.#beside].flatMap((unit) => unit.#unitLeases)
      .flatMap((unitLease) => unitLease.isExplicit ? unitLease.leaseRef ?? [] : []);
  }

  /** Throws if it has ended. */
  check(): void {
    if (this.#isEnded) throw unitEnded();
  }

  /** Notes that something of it, and so of the units around it, may have become permanent. */
  notePermanent(): void {
    this.#mayBePermanent = true;
    this.outer?.notePermanent();
  }

  /** Notes what of a lease may have become permanent, as the lease is released. */
  noteLasting({ mayBePermanent, unprovenReads, virtualConfig }: UnitLease): void {
    if (mayBePermanent) this.notePermanent();
    if (unprovenReads?.size) {
      this.#noteUnproven(this.targetOf(virtualConfig), virtualConfig, unprovenReads);
    }
  }

  /** Gives a virtual connection another target in this unit. */
  bind(virtualConfig: VirtualConfig, overrides: object): void {
    this.bindTo(virtualConfig, this.runtime.retargetOf(virtualConfig.target.target, overrides));
  }

  /** Gives it that target. */
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

  /** Returns the lease that code uses through a virtual connection: its transaction's, if any. */
  leaseFor(context: UnitContext | undefined, virtualConfig: VirtualConfig): UnitLease {
    this.check();
    return transactionOf(context, virtualConfig.id)?.unitLease ?? this.leaseBesides(virtualConfig);
  }

  /** Returns the lease for code that is in no transaction; it may have to be requested yet. */
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

  /** Returns the lease in which code has a transaction open, also one that it began by hand. */
  leaseInTransaction(context: UnitContext, virtualConfig: VirtualConfig): UnitLease | undefined {
    const transaction = transactionOf(context, virtualConfig.id);
    if (transaction !== undefined) return transaction.unitLease;
    return [this, ...this.#beside].flatMap((unit) => unit.openByHand)
      .findLast((unitLease) => unitLease.virtualConfig.id === virtualConfig.id);
  }

  /** Forgets a lease that has ended. */
  drop(unitLease: UnitLease): void {
    this.#unitLeases = this.#unitLeases.length === 1 && this.#unitLeases[0] === unitLease
      ? NONE
      : this.#unitLeases.filter((each) => each !== unitLease);
  }

  /** Lets go of what is only kept for what may be asked. */
  yield(): void {
    for (const unitLease of this.#unitLeases) unitLease.yield();
  }

  /** Returns what it holds to its end, but for one virtual connection. */
  lastingBut(virtual: VirtualId | undefined): readonly LeaseRef[] {
    if (this.#isEnded || this.#unitLeases.length === 0) return NONE;
    const found: LeaseRef[] = [];
    for (const unitLease of this.#unitLeases) {
      const { lasting } = unitLease;
      if (lasting !== undefined && unitLease.virtualConfig.id !== virtual) found.push(lasting);
    }
    return found;
  }

  /** Says which transactions and leases of it are open, for an error of code beside them. */
  describeOpen(): string | undefined {
    const unitLeases = [this, ...this.#beside].flatMap((unit) => unit.#unitLeases);
    const open = unitLeases.filter(({ child, isExplicit }) => child !== undefined || isExplicit);
    if (open.length === 0) return undefined;
    const names = new Set(open.map(({ virtualConfig }) => JSON.stringify(virtualConfig.name)));
    const what = open.some(({ child }) => child !== undefined) ? "transaction" : "lease";
    return `a ${what} of its own unit, on ${[...names].join(" and ")}, ` +
      "holds an actual connection meanwhile";
  }

  /**
   * Ends it: its leases are released, and what comes later is turned away. If its connections end
   * with it and no host waits for that, returns what is fulfilled when they have closed.
   */
  end(): Promise<void> | undefined {
    if (this.#isEnded) return undefined;
    this.#isEnded = true;
    // What has begun within it and goes on may write, but is not waited for.
    if (this.mayBePermanent || this.#inner?.size) this.notePermanent();
    // Their connections end now, whoever has the leases.
    if (this.#endsRuntime) this.#beside.forEach((unit) => unit.end());
    if (this.outer !== undefined) this.outer.#inner?.delete(this);
    for (const unitLease of this.#unitLeases) unitLease.end();
    // What still runs is not waited for either.
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

  /** Notes names that may be those of views which write, for the units around it as well. */
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

  /** The units of leases beside its own. */
  get #beside(): readonly Unit[] {
    return [...this.#inner ?? []].filter((unit) => unit.#isBeside);
  }
}

/** Ends a unit, and waits until its connections have closed if nobody else sees to that. */
export async function endFully(unit: Unit): Promise<void> {
  const closed = unit.end();
  if (closed !== undefined) await closed;
}

const NONE: readonly never[] = [];
