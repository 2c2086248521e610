/**
 * A lease that a unit of work has through one virtual connection.
 *
 * Statements use it for their own time; transactions and explicit leases keep it for theirs.
 * When nobody uses it and nothing keeps it, it is released at once, though the unit goes on;
 * session state that cannot move keeps it to the end of the unit.
 */

import type { LeaseRef } from "../core/mod.ts";
import type { Instant, Session } from "../port/session.ts";
import type { Admission } from "./admission.ts";
import { type ContextUnit, enclosingOf, type WorkContext, yieldAround } from "./context.ts";
import { SubletError, unitEnded } from "./errors.ts";
import type { VirtualConfig } from "./virtual_config.ts";
import type { Watch } from "./leaks.ts";
import { grantedAtOf, pooledOf } from "./lease_request.ts";
import { type Asker, UnitRequest } from "./lease_wait.ts";
import type { Limits } from "./wait.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { Beforehand } from "./refusals.ts";
import type { TargetEntry } from "./targets.ts";
import { type AwaitedTransaction, Turns, type TurnWaiting } from "./turns.ts";

/** A unit of work, as its leases know it. */
export interface LeasingUnit extends ContextUnit, Asker {
  /** Counts it, and its requests. */
  readonly admission: Admission;
  /** Whether it has ended. */
  readonly isEnded: boolean;
  /** What of its code waits for a transaction of its own. */
  readonly turnWaitings: Set<TurnWaiting>;
  /** Throws if it has ended. */
  check(): void;
  /** Returns the target of a virtual connection in it. */
  targetOf(virtualConfig: VirtualConfig): TargetEntry;
  /** Notes what of a lease may have become permanent, as the lease is released. */
  noteLasting(unitLease: UnitLease): void;
  /** Forgets a lease that has ended. */
  drop(unitLease: UnitLease): void;
  /** Ends it. */
  end(): void;
}

/** A transaction, as the lease that it runs on knows it. */
export interface LeaseTransaction extends AwaitedTransaction {
  /** Ends it, and the savepoints in it. */
  end(): void;
}

/** A lease of a unit through a virtual connection. */
export class UnitLease {
  /** What runs its actual connection. */
  readonly runtime: PoolRuntime;
  /** The unit. */
  readonly unit: LeasingUnit;
  /** The virtual connection. */
  readonly virtualConfig: VirtualConfig;
  /** The transaction that is open in it. */
  child: LeaseTransaction | undefined = undefined;
  #turns: Turns | undefined;
  #request: UnitRequest | undefined;
  #users = 0;
  #keepers = 0;
  #isBroken = false;
  /** Whether its session has ended with a transaction of the pool's own. */
  #isSpent = false;
  #isEnded = false;
  #watch: Watch | undefined;
  #stack: string | undefined;

  /** Creates what holds nothing yet. */
  constructor(runtime: PoolRuntime, unit: LeasingUnit, virtualConfig: VirtualConfig) {
    this.runtime = runtime;
    this.unit = unit;
    this.virtualConfig = virtualConfig;
  }

  /** The turns of the statements of its transactions: each may be the last of its transaction. */
  get turns(): Turns {
    return this.#turns ??= new Turns();
  }

  /** Whether it has been released for good. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The session of the lease; throws if it has ended. */
  get session(): Session {
    if (this.#isEnded) throw unitEnded();
    const { session, loss } = pooledOf(this.#given);
    if (session.isAlive) return session;
    const message = `The actual connection of ${JSON.stringify(this.virtualConfig.name)} has ended`;
    throw new SubletError("CONNECTION_LOST", "statement", message, loss && { cause: loss.cause });
  }

  /** Whether it holds a session that is not known to have ended. */
  get isAlive(): boolean {
    return this.#session?.isAlive ?? false;
  }

  /** Whether a transaction or an explicit lease keeps it. */
  get isKept(): boolean {
    return this.#keepers > 0;
  }

  /** Whether a statement has begun a transaction by hand, which is still open. */
  get isOpenByHand(): boolean {
    return this.child === undefined && this.isAlive && this.#session?.isInTransaction === true;
  }

  /** Whether such a transaction was open when its connection was lost. */
  get isLostByHand(): boolean {
    return this.child === undefined && !this.#isSpent && !this.isAlive &&
      this.#session?.isInTransaction === true;
  }

  /** Whether an explicit lease keeps it, and no transaction. */
  get isExplicit(): boolean {
    return this.isKept && this.child === undefined;
  }

  /** Whether all code of the unit has to work on it: it holds what cannot be on another. */
  get isBound(): boolean {
    if (this.virtualConfig.hold === "unit") return true;
    const session = this.#session;
    if (session === undefined) return false;
    if (session.isPinned) return true;
    return !this.#isSpent && this.child === undefined && session.isInTransaction;
  }

  /** Whether something that ran on it may have become permanent. */
  get mayBePermanent(): boolean {
    return (this.#session?.permanentCount ?? 0) > (this.#request?.permanentBefore ?? 0);
  }

  /** The names in its reads that may be those of views which write. */
  get unprovenReads(): ReadonlyMap<string, number> | undefined {
    return this.#session?.unprovenReads;
  }

  /** What it has found on its connection, and what has run on it since. */
  get before(): Beforehand {
    return this.#given;
  }

  /** What it holds to the end of the unit, whatever comes. */
  get lasting(): LeaseRef | undefined {
    return this.#request?.status === "granted" && this.isBound ? this.leaseRef : undefined;
  }

  /** What it holds, if anything. */
  get leaseRef(): LeaseRef | undefined {
    if (this.#request?.pooled === undefined) return undefined;
    return { lease: this.#request.lease, actual: this.#request.pooled.actual };
  }

  /** Keeps the lease, for a transaction or an explicit lease, until {@linkcode unkeep}. */
  keep(): void {
    this.#keepers++;
  }

  /** Takes one {@linkcode keep} back. */
  unkeep(): void {
    this.#keepers--;
    this.#settle();
  }

  /** Gives up a session that has ended with a transaction, if nothing else was in it. */
  leaveLost(): void {
    if (this.#request?.status !== "granted" || this.isAlive) return;
    this.#isSpent = true;
    this.#settle();
  }

  /** Watches how long the lease is held; returns since when it is. */
  watch(stack: string | undefined): Instant {
    const grantedAt = grantedAtOf(this.#given);
    this.#watch ??= this.runtime.leaks.watch(this.virtualConfig.name, grantedAt, stack);
    return grantedAt;
  }

  /** Lets go of what is only kept for what may be asked, as its unit has to wait elsewhere. */
  yield(): void {
    if (this.#hasResultInfo && this.#users === 0 && this.#keepers === 0 && !this.isBound) {
      this.#release();
    }
  }

  /** Has nothing to ask for any more, as a transaction ends; unless it is kept all the same. */
  forgetResultInfo(): void {
    if (this.#request?.status !== "granted" || !this.#hasResultInfo) return;
    if (this.#keepers > 1 || this.isBound) return;
    this.#request.resultInfoBefore = pooledOf(this.#request).session.resultInfoCount;
  }

  /** Calls off whatever its session does now. */
  stop(reason: unknown): void {
    if (this.isAlive) this.session.cancelAll(reason);
  }

  /** Has the actual connection closed, not lent again, when the lease ends. */
  breakOff(): void {
    this.#isBroken = true;
  }

  /** Has a lease requested, if there is none; returns a promise of it if that takes a while. */
  open(context: WorkContext | undefined, limits: Limits): Promise<void> | undefined {
    const { interpreter } = this.runtime;
    this.unit.check();
    if (this.#isLostButMovable) this.#release();
    let request = this.#request;
    if (request?.status !== "granted" && request?.status !== "waiting") {
      const { id } = this.virtualConfig;
      const enclosing = enclosingOf(context, this.unit, id);
      this.#isSpent = false;
      const target = this.unit.targetOf(this.virtualConfig);
      request = new UnitRequest(interpreter, id, target, enclosing, this.unit.admission);
      request.asker = this.unit;
      this.#request = request;
      interpreter.ask(request);
    }
    if (request.status === "waiting") yieldAround(context);
    // What the units around have let go of may have been what it waits for.
    return request.status === "granted" ? undefined : request.wait(limits);
  }

  /** Notes that a statement begins to use it. */
  enter(stack: string | undefined): void {
    this.#users++;
    this.#stack ??= stack;
  }

  /** Notes that a statement uses it no more. */
  leave(): void {
    this.#users--;
    this.#settle();
  }

  /** Ends with its unit: who waits is turned away, what runs is let run. */
  end(): void {
    this.#request?.failAll(unitEnded);
    this.child?.end();
    this.#settle();
  }

  get #given(): UnitRequest {
    if (this.#request === undefined) throw new TypeError("No lease was requested");
    return this.#request;
  }

  get #session(): Session | undefined {
    return this.#request?.pooled?.session;
  }

  /** Whether its session has ended, but nobody relies on what was in it. */
  get #isLostButMovable(): boolean {
    const request = this.#request;
    if (request?.status !== "granted" || this.#users > 1 || this.#keepers > 0) return false;
    const { session } = pooledOf(request);
    return !session.isAlive && !session.isPinned && (this.#isSpent || !session.isInTransaction);
  }

  /** Whether an answer has left something in its session that only that can tell. */
  get #hasResultInfo(): boolean {
    return (this.#session?.resultInfoCount ?? 0) > (this.#request?.resultInfoBefore ?? 0);
  }

  /** Releases the lease if nobody uses it and nothing keeps it. */
  #settle(): void {
    if (this.#users > 0 || this.#isEnded) return;
    if (!this.unit.isEnded && this.#keepers > 0) return;
    const isAsked = this.virtualConfig.hold === "result" && this.#hasResultInfo && this.isAlive;
    if (!this.unit.isEnded && this.#session !== undefined && (isAsked || this.isBound)) {
      this.watch(this.#stack);
      return;
    }
    this.#isEnded = true;
    this.unit.drop(this);
    this.#release();
  }

  #release(): void {
    this.unit.noteLasting(this);
    const request = this.#request;
    this.#request = undefined;
    if (this.#watch !== undefined) this.runtime.leaks.unwatch(this.#watch);
    this.#watch = undefined;
    if (request?.pooled === undefined) return;
    const condition = this.#isBroken ? "broken" : request.pooled.session.condition;
    this.runtime.interpreter.release(request, condition);
  }
}
