/**
 * What runs one handle of a pool: everything except its definition, and the face that its user
 * sees.
 */

import type { VirtualId } from "../core/mod.ts";
import type { Target } from "../port.ts";
import { checkFunction, refuseCallback } from "./refusals.ts";
import { named } from "./caller.ts";
import type { PoolStats } from "./stats.ts";
import type { PoolClock } from "./clock.ts";
import { enclosingOf } from "./context.ts";
import { SubletError } from "./errors.ts";
import type { Handle, SharedPool } from "./shared_pool.ts";
import type { VirtualConfig } from "./virtual_config.ts";
import { type Lease, type LeaseOptions, takeLease } from "./lease.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { Asked } from "./statement.ts";
import { runStatement } from "./statement_run.ts";
import { transact } from "./transact.ts";
import type { TransactionOptions } from "./transaction_options.ts";
import type { UnitContext, UnitContexts, UnitEngine } from "./unit.ts";
import { Handles, type UnitHandle } from "./unit_handle.ts";
import type { UnitOptions } from "./unit_options.ts";
import { runUnit } from "./unit_run.ts";
import type { VirtualConnection, VirtualEngine } from "./virtual_connection.ts";

/** How a pool is ended: what all share, or this pool object's own work if others go on. */
export interface DrainOptions {
  /** After how long whatever is left is destroyed, in ms; never unless given. */
  readonly timeout?: number | undefined;
  /** Whether those who wait are refused at once, not served; false unless given. */
  readonly refuse?: boolean | undefined;
}

/** What a user may want of a pool as a whole, except its end. */
export interface Control {
  /** Says what. */
  readonly type: "pauseRequested" | "resumeRequested" | "retireRequested";
}

/** Returns the error of code that would wait for the end of what only it can end. */
function drainDeadlock(): SubletError {
  const message =
    "Cannot wait for the end of the pool, as this code holds an actual connection of " +
    "it, by a lease, in a transaction or by session state: drain it after that, or give a " +
    "`timeout`";
  return new SubletError("LEASE_DEADLOCK", "unit", message);
}

/** Runs what comes through one handle of a pool. */
export class Engine implements UnitEngine, VirtualEngine {
  /** The handle. */
  readonly handle: Handle;
  /** Tells the time. */
  readonly clock: PoolClock;
  /** Which unit of work, and which transaction in it, code belongs to. */
  readonly contexts: UnitContexts;
  /** Whether each unit that is within no other has a runtime of its own. */
  readonly isPerUnit: boolean;
  readonly #shared: SharedPool;
  /** What runs the pool, unless each unit has a runtime of its own. */
  readonly #runtime: PoolRuntime | undefined;
  readonly #handles: Handles;
  /** How many statements and transactions it has under way in units of other handles. */
  #guests = 0;

  /** Joins a pool by a handle that has done nothing. */
  constructor(shared: SharedPool) {
    this.handle = shared.join();
    this.clock = shared.clock;
    this.contexts = shared.contexts;
    this.isPerUnit = shared.runtime === undefined;
    this.#shared = shared;
    this.#runtime = shared.runtime;
    this.#handles = new Handles(this, shared);
  }

  /** Returns the runtime of the calling code: its unit's, or that of a unit that it may begin. */
  runtimeHere(): PoolRuntime {
    if (this.#runtime !== undefined) return this.#runtime;
    const unit = this.contexts.getStore()?.unit;
    return unit === undefined || unit.isEnded ? this.#shared.newRuntime() : unit.runtime;
  }

  /** Runs a statement where its code stands: in its unit of work, or as one of its own. */
  statement(id: VirtualId, asked: Asked): Promise<[unknown, unknown]> {
    if (!this.#isGuest()) return named(runStatement(this, id, asked));
    return this.#asGuest(() => runStatement(this, id, asked));
  }

  /** Runs code as a unit of work. */
  unit<T>(fn: (unit: UnitHandle) => T, options: UnitOptions<string>): Promise<Awaited<T>> {
    try {
      checkFunction("unit", fn);
      refuseCallback(options);
      this.#check();
    } catch (error) {
      return Promise.reject(error);
    }
    return runUnit(this, (context) => fn(this.#handles.unit(context)), options);
  }

  /** Runs code in a transaction on a virtual connection. */
  async transaction<T>(
    id: VirtualId,
    fn: (tx: VirtualConnection) => T,
    options: TransactionOptions,
  ): Promise<Awaited<T>> {
    checkFunction("transaction", fn);
    refuseCallback(options);
    const runtime = this.runtimeHere();
    const stack = runtime.leaks.stackAbove(this.transaction);
    const virtualConfig = runtime.virtualConfigs[id] as VirtualConfig;
    const code = (context: UnitContext): T => fn(this.#handles.connection(context, id));
    const run = (): Promise<Awaited<T>> =>
      transact(this, runtime, virtualConfig, code, options, stack);
    return await (this.#isGuest() ? this.#asGuest(run) : run());
  }

  /** Takes a lease through a virtual connection. */
  lease(id: VirtualId, options: LeaseOptions): Promise<Lease> {
    try {
      refuseCallback(options);
      this.#check();
    } catch (error) {
      return Promise.reject(error);
    }
    return named(takeLease(this, id, options));
  }

  /** Returns where a virtual connection leads, unless a unit binds it elsewhere. */
  targetOf(id: VirtualId): Target {
    return (this.runtimeHere().virtualConfigs[id] as VirtualConfig).target.target;
  }

  /** Does what the user wants of the pool as a whole. */
  control(event: Control): void {
    this.runtimeHere().interpreter.report(event);
  }

  /** Returns what the pool is doing. */
  stats(): PoolStats {
    const { admission, isEnded } = this.#shared;
    const stats = this.runtimeHere().interpreter.stats();
    if (isEnded) return { ...stats, phase: "closed" };
    const isServing = admission.isClosed && stats.phase === "open";
    return isServing ? { ...stats, phase: "serving" } : stats;
  }

  /**
   * Ends the handle, and with the last one what all share. A unit that waits for this is not
   * itself waited for, but the leases it holds are.
   */
  async drain({ timeout, refuse = false }: DrainOptions): Promise<void> {
    const { clock, contexts } = this;
    const processRef = this.#runtime?.interpreter.processRef;
    const { endsAll } = this.handle;
    const isEndless = timeout === undefined || timeout === Infinity;
    const waitedFor = endsAll ? this.#shared.admission : this.handle;
    for (let context = contexts.getStore(); context !== undefined; context = context.parent) {
      const { unit } = context;
      if (!endsAll && unit.admission !== this.handle) continue;
      waitedFor.exempt(unit);
      unit.yield();
    }
    this.handle.close();
    const ended = endsAll ? this.#shared.end() : this.handle.empty;
    if (refuse) this.#refuse();
    const destroyed = Promise.withResolvers<void>();
    const cancel = isEndless ? undefined : clock.alarm(clock.now() + timeout, () => {
      this.#destroy(timeout);
      if (!endsAll) destroyed.resolve();
    });
    processRef?.ref();
    await Promise.race([ended, destroyed.promise]);
    processRef?.unref();
    cancel?.();
  }

  /** Throws if code asks for the end of what it holds itself, and would wait for ever. */
  checkDrain({ timeout = Infinity }: DrainOptions): void {
    if (timeout < Infinity) return;
    const counts = ({ admission }: { admission: unknown }): boolean =>
      this.handle.isLast || admission === this.handle;
    const context = this.contexts.getStore();
    if (enclosingOf(context, undefined, undefined, counts).length > 0) throw drainDeadlock();
    for (let at = context; at !== undefined; at = at.parent) {
      if (counts(at.unit) && at.unit.kept.length > 0) throw drainDeadlock();
    }
  }

  #refuse(): void {
    for (const { interpreter } of this.#shared.live) {
      if (!this.handle.endsAll) interpreter.turnAway(this.handle);
      else interpreter.report({ type: "drainRequested", serveQueue: false });
    }
  }

  #destroy(timeoutMs: number): void {
    const message = `The drain of the pool took longer than its time-out of ${timeoutMs} ms`;
    const reason = new SubletError("POOL_DRAINING", "statement", message);
    const own = this.handle.endsAll ? undefined : this.handle;
    for (const { interpreter } of this.#shared.live) interpreter.destroy(reason, own);
  }

  /** Tells whether code is in a unit that was begun through another handle. */
  #isGuest(): boolean {
    const context = this.contexts.getStore();
    return context !== undefined && context.unit.admission !== this.handle;
  }

  /** Runs what joins a unit of another handle: it is work of this one as well. */
  async #asGuest<T>(run: () => Promise<T>): Promise<T> {
    this.#check();
    this.#guests++;
    this.handle.enterRequest();
    try {
      return await run();
    } finally {
      this.#guests--;
      this.handle.leaveRequest();
    }
  }

  /** Throws if the handle has been drained, and code is not in work that it has under way. */
  #check(): void {
    if (!this.handle.isClosedItself || this.#guests > 0) return;
    for (let at = this.contexts.getStore(); at !== undefined; at = at.parent) {
      if (at.unit.admission === this.handle) return;
    }
    this.handle.check();
  }
}
