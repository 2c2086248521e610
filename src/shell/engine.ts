/**
 * Does the work of one handle of a pool: `Pool` and `VirtualConnection`, the public classes, call
 * it.
 */

import type { VirtualId } from "../core/mod.ts";
import type { Target } from "../port/session.ts";
import { checkFunction } from "./refusals.ts";
import { named } from "./caller.ts";
import type { PoolStats } from "./stats.ts";
import type { PoolClock } from "./clock.ts";
import { enclosingOf, transactionOf } from "./context.ts";
import { SubletError } from "./errors.ts";
import type { Handle, SharedPool } from "./shared_pool.ts";
import type { VirtualConfig } from "./virtual_config.ts";
import { type Lease, LEASE_OPTIONS, type LeaseOptions, takeLease } from "./lease.ts";
import { checkOptions } from "./option_names.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { Asked } from "./statement.ts";
import { runStatement } from "./statement_run.ts";
import { transact } from "./transact.ts";
import { TRANSACTION_OPTIONS, type TransactionOptions } from "./transaction_options.ts";
import type { UnitContext, UnitContexts, UnitEngine } from "./unit.ts";
import { Handles, type UnitHandle } from "./unit_handle.ts";
import { UNIT_OPTIONS, type UnitOptions } from "./unit_options.ts";
import { runUnit } from "./unit_run.ts";
import type { VirtualConnection, VirtualEngine } from "./virtual_connection.ts";

/**
 * The options of `Pool.drain`. They apply to all work in the pool if this is its last pool object,
 * else to the work of this pool object.
 */
export interface DrainOptions {
  /**
   * How long the drain waits for the work to end, in ms; then the pool refuses the waiters that
   * are left, and destroys the actual connections still in use. No limit unless given.
   */
  readonly timeout?: number | undefined;
  /** Whether the pool refuses waiters at once instead of serving them; false unless given. */
  readonly refuse?: boolean | undefined;
}

/** The names of the options of a drain. */
export const DRAIN_OPTIONS: ReadonlySet<string> = new Set(
  ["refuse", "timeout"] satisfies (keyof DrainOptions)[],
);

/** An operation on a whole pool, except its end. */
export interface Control {
  /** Which operation. */
  readonly type: "pauseRequested" | "resumeRequested" | "retireRequested";
}

/** Returns the error of code that would wait for the end of a lease that it holds itself. */
function drainDeadlock(): SubletError {
  const message =
    "Cannot wait for the end of the pool, as this code holds an actual connection of " +
    "it, by a lease, in a transaction or by session state: drain it after that, or give a " +
    "`timeout`";
  return new SubletError("LEASE_DEADLOCK", "unit", message);
}

/** Runs statements, units, transactions and leases through one handle of a pool. */
export class Engine implements UnitEngine, VirtualEngine {
  /** The handle. */
  readonly handle: Handle;
  /** The clock of the pool. */
  readonly clock: PoolClock;
  /** Gives running code its unit of work, and its transaction. */
  readonly contexts: UnitContexts;
  /** Whether each outermost unit has a runtime of its own (`lifespan: "unit"`). */
  readonly isPerUnit: boolean;
  readonly #shared: SharedPool;
  /** The runtime of the pool, unless each outermost unit has its own. */
  readonly #runtime: PoolRuntime | undefined;
  readonly #handles: Handles;
  /** How many statements and transactions of this handle run in units of other handles. */
  #guests = 0;

  /** Adds a handle to a pool. */
  constructor(shared: SharedPool) {
    this.handle = shared.join();
    this.clock = shared.clock;
    this.contexts = shared.contexts;
    this.isPerUnit = shared.runtime === undefined;
    this.#shared = shared;
    this.#runtime = shared.runtime;
    this.#handles = new Handles(this, shared);
  }

  /** Returns the runtime of the caller's unit or, outside any, that for a unit it may begin. */
  runtimeHere(): PoolRuntime {
    if (this.#runtime !== undefined) return this.#runtime;
    const unit = this.contexts.getStore()?.unit;
    return unit === undefined || unit.isEnded ? this.#shared.newRuntime() : unit.runtime;
  }

  /** Runs a statement in the caller's unit of work or, outside any, in a unit of its own. */
  statement(id: VirtualId, asked: Asked): Promise<[unknown, unknown]> {
    if (!this.#isGuest()) return named(runStatement(this, id, asked));
    return this.#asGuest(() => runStatement(this, id, asked));
  }

  /** Runs code as a unit of work. */
  unit<T>(fn: (unit: UnitHandle) => T, options: UnitOptions<string>): Promise<Awaited<T>> {
    try {
      checkFunction("unit", fn);
      checkOptions(options, UNIT_OPTIONS);
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
    checkOptions(options, TRANSACTION_OPTIONS);
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
      checkOptions(options, LEASE_OPTIONS);
      this.#check();
    } catch (error) {
      return Promise.reject(error);
    }
    return named(takeLease(this, id, options));
  }

  /** Returns the target that a virtual connection has by definition, without a unit's `bind`. */
  targetOf(id: VirtualId): Target {
    return (this.runtimeHere().virtualConfigs[id] as VirtualConfig).target.target;
  }

  /** Tells whether the calling code is in a transaction on a virtual connection. */
  isInTransaction(id: VirtualId): boolean {
    const context = this.contexts.getStore();
    return context?.unit.isEnded === false && transactionOf(context, id) !== undefined;
  }

  /** Pauses or resumes the pool, or retires its actual connections. */
  control(event: Control): void {
    this.runtimeHere().interpreter.report(event);
  }

  /** Returns the statistics of the pool. */
  stats(): PoolStats {
    const { admission, isEnded } = this.#shared;
    const stats = this.runtimeHere().interpreter.stats();
    if (isEnded) return { ...stats, phase: "closed" };
    const isServing = admission.isClosed && stats.phase === "open";
    return isServing ? { ...stats, phase: "serving" } : stats;
  }

  /**
   * Ends the handle and, if it is the last one, the pool. The drain does not wait for a unit that
   * itself waits for the drain, but it waits for the leases which that unit holds.
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

  /** Throws if the calling code holds a lease that it would wait for, without a timeout. */
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
    const message = `The drain of the pool took longer than its timeout of ${timeoutMs} ms`;
    const reason = new SubletError("POOL_DRAINING", "statement", message);
    const own = this.handle.endsAll ? undefined : this.handle;
    for (const { interpreter } of this.#shared.live) interpreter.destroy(reason, own);
  }

  /** Tells whether the calling code is in a unit that began through another handle. */
  #isGuest(): boolean {
    const context = this.contexts.getStore();
    return context !== undefined && context.unit.admission !== this.handle;
  }

  /** Runs work within a unit of another handle, and counts it as work of this handle too. */
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

  /** Throws if the handle was drained; not for code in its own units, nor while it has guests. */
  #check(): void {
    if (!this.handle.isClosedItself || this.#guests > 0) return;
    for (let at = this.contexts.getStore(); at !== undefined; at = at.parent) {
      if (at.unit.admission === this.handle) return;
    }
    this.handle.check();
  }
}
