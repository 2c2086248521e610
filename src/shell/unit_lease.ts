/**
 * A lease that a unit of work has through one virtual connection.
 *
 * A statement uses it while it runs; a transaction or an explicit lease keeps it until it ends.
 * When nothing uses or keeps it, the pool releases it at once, even while the unit goes on. Session
 * state that cannot move, or the option `hold`, can keep it to the end of the unit.
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

/** The part of a unit of work that its leases use. */
export interface LeasingUnit extends ContextUnit, Asker {
  /** Counts it, and its requests for leases. */
  readonly admission: Admission;
  /** Whether it has ended. */
  readonly isEnded: boolean;
  /** The waits of its code for transactions of its own. */
  readonly turnWaitings: Set<TurnWaiting>;
  /** Throws if it has ended. */
  check(): void;
  /** Returns the target of a virtual connection in this unit. */
  targetOf(virtualConfig: VirtualConfig): TargetEntry;
  /** Notes, at the release of a lease, whether its writes may have become permanent. */
  noteLasting(unitLease: UnitLease): void;
  /** Removes a lease that has ended. */
  drop(unitLease: UnitLease): void;
  /** Ends it. */
  end(): void;
}

/** The part of a transaction that its lease uses. */
export interface LeaseTransaction extends AwaitedTransaction {
  /** Ends it, and the savepoints in it. */
  end(): void;
}

/** A lease of a unit through a virtual connection. */
export class UnitLease {
  /** Runs its actual connection. */
  readonly runtime: PoolRuntime;
  /** The unit. */
  readonly unit: LeasingUnit;
  /** The virtual connection. */
  readonly virtualConfig: VirtualConfig;
  /** The transaction that is open on it, if any. */
  child: LeaseTransaction | undefined = undefined;
  #turns: Turns | undefined;
  #request: UnitRequest | undefined;
  #users = 0;
  #keepers = 0;
  #isBroken = false;
  /** Whether its session was lost before the end of a transaction that the pool began. */
  #isSpent = false;
  #isEnded = false;
  #watch: Watch | undefined;
  #stack: string | undefined;

  /** Creates a lease that has requested no connection yet. */
  constructor(runtime: PoolRuntime, unit: LeasingUnit, virtualConfig: VirtualConfig) {
    this.runtime = runtime;
    this.unit = unit;
    this.virtualConfig = virtualConfig;
  }

  /** The turns of the statements of its transactions, as each may end its transaction. */
  get turns(): Turns {
    return this.#turns ??= new Turns();
  }

  /** Whether it has been released for good. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The session of the lease; throws if the lease or the session has ended. */
  get session(): Session {
    if (this.#isEnded) throw unitEnded();
    const { session, loss } = pooledOf(this.#given);
    if (session.isAlive) return session;
    const message = `The actual connection of ${JSON.stringify(this.virtualConfig.name)} has ended`;
    throw new SubletError("CONNECTION_LOST", "statement", message, loss && { cause: loss.cause });
  }

  /** Whether it has a session that is alive; see {@linkcode Session.isAlive}. */
  get isAlive(): boolean {
    return this.#session?.isAlive ?? false;
  }

  /** Whether a transaction or an explicit lease keeps it. */
  get isKept(): boolean {
    return this.#keepers > 0;
  }

  /** Whether a transaction is open that a statement has begun, not the pool. */
  get isOpenByHand(): boolean {
    return this.child === undefined && this.isAlive && this.#session?.isInTransaction === true;
  }

  /** Whether such a transaction was open when its connection was lost. */
  get isLostByHand(): boolean {
    return this.child === undefined && !this.#isSpent && !this.isAlive &&
      this.#session?.isInTransaction === true;
  }

  /** Whether an explicit lease keeps it, and no transaction is open on it. */
  get isExplicit(): boolean {
    return this.isKept && this.child === undefined;
  }

  /** Whether all code of the unit must use it: by `hold`, or as its state cannot move. */
  get isBound(): boolean {
    if (this.virtualConfig.hold === "unit") return true;
    const session = this.#session;
    if (session === undefined) return false;
    if (session.isPinned) return true;
    return !this.#isSpent && this.child === undefined && session.isInTransaction;
  }

  /** Whether a statement that ran on it may have become permanent. */
  get mayBePermanent(): boolean {
    return (this.#session?.permanentCount ?? 0) > (this.#request?.permanentBefore ?? 0);
  }

  /** The names in its reads that may be views which write; see `Session.unprovenReads`. */
  get unprovenReads(): ReadonlyMap<string, number> | undefined {
    return this.#session?.unprovenReads;
  }

  /** The counts of its session from before it; see {@linkcode Beforehand}. */
  get before(): Beforehand {
    return this.#given;
  }

  /** Its granted lease and connection, if the unit holds them to its end. */
  get lasting(): LeaseRef | undefined {
    return this.#request?.status === "granted" && this.isBound ? this.leaseRef : undefined;
  }

  /** Its granted lease and connection, if any. */
  get leaseRef(): LeaseRef | undefined {
    if (this.#request?.pooled === undefined) return undefined;
    return { lease: this.#request.lease, actual: this.#request.pooled.actual };
  }

  /** Keeps the lease, for a transaction or an explicit lease, until {@linkcode unkeep}. */
  keep(): void {
    this.#keepers++;
  }

  /** Undoes one call of {@linkcode keep}. */
  unkeep(): void {
    this.#keepers--;
    this.#settle();
  }

  /** After a transaction: releases the lease if its session was lost and had no other state. */
  leaveLost(): void {
    if (this.#request?.status !== "granted" || this.isAlive) return;
    this.#isSpent = true;
    this.#settle();
  }

  /** Starts the leak detection timeout, once; returns when the lease was granted. */
  watch(stack: string | undefined): Instant {
    const grantedAt = grantedAtOf(this.#given);
    this.#given.takenAt ??= stack;
    this.#watch ??= this.runtime.leaks.watch(this.virtualConfig.name, grantedAt, stack);
    return grantedAt;
  }

  /** Releases an idle lease kept only for LAST_INSERT_ID() and such, as its unit has to wait. */
  yield(): void {
    if (this.#hasResultInfo && this.#users === 0 && this.#keepers === 0 && !this.isBound) {
      this.#release();
    }
  }

  /** After a transaction: unless it stays, no longer keeps it for LAST_INSERT_ID() and such. */
  forgetResultInfo(): void {
    if (this.#request?.status !== "granted" || !this.#hasResultInfo) return;
    if (this.#keepers > 1 || this.isBound) return;
    this.#request.resultInfoBefore = pooledOf(this.#request).session.resultInfoCount;
  }

  /** Cancels whatever its session does now. */
  stop(reason: unknown): void {
    if (this.isAlive) this.session.cancelAll(reason);
  }

  /** Makes the pool close the actual connection at the end of the lease, not lend it again. */
  breakOff(): void {
    this.#isBroken = true;
  }

  /** Requests a connection if it has none; returns a promise unless the grant comes at once. */
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
    // `yieldAround` may have released the connection that the request waited for.
    return request.status === "granted" ? undefined : request.wait(limits);
  }

  /** Notes that a statement begins to use it. */
  enter(stack: string | undefined): void {
    this.#users++;
    this.#stack ??= stack;
  }

  /** Notes that a statement no longer uses it. */
  leave(): void {
    this.#users--;
    this.#settle();
  }

  /** Ends it with its unit: rejects its waiters, and lets running statements end. */
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

  /** Whether its session was lost, and nothing relies on the state of that session. */
  get #isLostButMovable(): boolean {
    const request = this.#request;
    if (request?.status !== "granted" || this.#users > 1 || this.#keepers > 0) return false;
    const { session } = pooledOf(request);
    return !session.isAlive && !session.isPinned && (this.#isSpent || !session.isInTransaction);
  }

  /** Whether a statement has left something that only its session can tell, such as an id. */
  get #hasResultInfo(): boolean {
    return (this.#session?.resultInfoCount ?? 0) > (this.#request?.resultInfoBefore ?? 0);
  }

  /** Releases the lease if no statement uses it and nothing keeps it. */
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
