/**
 * What runs one handle of a pool: everything except its definition, and the face that its user
 * sees.
 */

import type { VirtualId } from "../core/mod.ts";
import { checkFunction, refuseCallback } from "./callbacks.ts";
import { named } from "./caller.ts";
import type { Census } from "./census.ts";
import { enclosingOf } from "./context.ts";
import { SubletError } from "./errors.ts";
import type { Handle } from "./handle.ts";
import { Handles } from "./handles.ts";
import { type Lease, type LeaseOptions, takeLease } from "./lease.ts";
import type { Home } from "./home.ts";
import { Realms, type SharedParts } from "./realms.ts";
import type { Asked } from "./statement.ts";
import { runStatement } from "./statement_run.ts";
import { transact } from "./transaction.ts";
import type { TransactionOptions } from "./transaction_options.ts";
import type { UnitOptions } from "./unit_options.ts";
import { runUnit, type UnitCode } from "./unit_run.ts";
import type { TransactionCode, VirtualEngine } from "./virtual_connection.ts";

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
  const prose = "Cannot wait for the end of the pool, as this code holds an actual connection of " +
    "it, by a lease, in a transaction or by session state: drain it after that, or give a " +
    "`timeout`";
  return new SubletError("LEASE_DEADLOCK", "unit", prose);
}

/** Runs what comes through one handle of a pool. */
export class Engine<Target, Driver> implements VirtualEngine<Target, Driver> {
  /** The handle. */
  readonly handle: Handle<Driver>;
  readonly #shared: SharedParts<Target, Driver>;
  readonly #realms: Realms<Target, Driver>;
  /** How many statements and transactions it has under way in units of other handles. */
  #guests = 0;

  /** Starts a handle that has done nothing. */
  constructor(shared: SharedParts<Target, Driver>, handle: Handle<Driver>) {
    this.#shared = shared;
    this.handle = handle;
    this.#realms = new Realms(shared, handle, new Handles(this, shared));
  }

  /** Runs a statement where its code stands: in its unit of work, or as one of its own. */
  statement(id: VirtualId, asked: Asked): Promise<[unknown, unknown]> {
    if (!this.#isGuest()) return named(runStatement(this.#realms, id, asked));
    return this.#asGuest(() => runStatement(this.#realms, id, asked));
  }

  /** Runs code as a unit of work. */
  unit<T>(fn: UnitCode<Target, Driver, T>, options: UnitOptions<string>): Promise<Awaited<T>> {
    try {
      checkFunction("unit", fn);
      refuseCallback(options);
      this.#check();
    } catch (error) {
      return Promise.reject(error);
    }
    return runUnit(this.#realms, fn, options);
  }

  /** Runs code in a transaction on a virtual connection. */
  async transaction<T>(
    id: VirtualId,
    fn: TransactionCode<Target, Driver, T>,
    options: TransactionOptions,
  ): Promise<Awaited<T>> {
    checkFunction("transaction", fn);
    refuseCallback(options);
    const parts = this.#realms.here();
    const stack = parts.leaks.stackAbove(this.transaction);
    const home = parts.homes[id] as Home<Target>;
    const run = (): Promise<Awaited<T>> => transact(parts, home, fn, options, stack);
    return await (this.#isGuest() ? this.#asGuest(run) : run());
  }

  /** Takes a lease through a virtual connection. */
  lease(id: VirtualId, options: LeaseOptions): Promise<Lease<Target, Driver>> {
    try {
      refuseCallback(options);
      this.#check();
    } catch (error) {
      return Promise.reject(error);
    }
    return named(takeLease(this.#realms, id, options));
  }

  /** Returns where a virtual connection leads, unless a unit binds it elsewhere. */
  targetOf(id: VirtualId): Target {
    return (this.#realms.here().homes[id] as Home<Target>).target.target;
  }

  /** Does what the user wants of the pool as a whole. */
  control(event: Control): void {
    this.#realms.here().interpreter.report(event);
  }

  /** Returns what the pool is doing. */
  census(): Census {
    const { admission, isEnded } = this.#shared;
    const census = this.#realms.here().interpreter.census();
    if (isEnded) return { ...census, phase: "closed" };
    const isServing = admission.isClosed && census.phase === "open";
    return isServing ? { ...census, phase: "serving" } : census;
  }

  /**
   * Ends the handle, and with the last one what all share. A unit that waits for this is not
   * itself waited for, but the leases it holds are.
   */
  async drain({ timeout, refuse = false }: DrainOptions): Promise<void> {
    const { clock, frames, admission: pool, only } = this.#shared;
    const { endsAll } = this.handle;
    const isEndless = timeout === undefined || timeout === Infinity;
    const waitedFor = endsAll ? pool : this.handle;
    for (let frame = frames.getStore(); frame !== undefined; frame = frame.parent) {
      const { unit } = frame;
      if (!endsAll && unit.parts.admission !== this.handle) continue;
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
    only?.interpreter.hold.take();
    await Promise.race([ended, destroyed.promise]);
    only?.interpreter.hold.drop();
    cancel?.();
  }

  /** Throws if code asks for the end of what it holds itself, and would wait for ever. */
  checkDrain({ timeout = Infinity }: DrainOptions): void {
    if (timeout < Infinity) return;
    const counts = ({ parts }: { parts: { admission: unknown } }): boolean =>
      this.handle.isLast || parts.admission === this.handle;
    const frame = this.#realms.frames.getStore();
    if (enclosingOf(frame, undefined, undefined, counts).length > 0) throw drainDeadlock();
    for (let at = frame; at !== undefined; at = at.parent) {
      if (counts(at.unit) && at.unit.kept.length > 0) throw drainDeadlock();
    }
  }

  #refuse(): void {
    for (const { interpreter } of this.#shared.live) {
      if (!this.handle.endsAll) interpreter.turnAway(this.handle);
      else interpreter.report({ type: "drainRequested", serveLine: false });
    }
  }

  #destroy(timeoutMs: number): void {
    const prose = `The drain of the pool took longer than its time-out of ${timeoutMs} ms`;
    const reason = new SubletError("POOL_DRAINING", "statement", prose);
    const own = this.handle.endsAll ? undefined : this.handle;
    for (const { interpreter } of this.#shared.live) interpreter.destroy(reason, own);
  }

  /** Tells whether code is in a unit that was begun through another handle. */
  #isGuest(): boolean {
    const frame = this.#realms.frames.getStore();
    return frame !== undefined && frame.unit.parts.admission !== this.handle;
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
    for (let at = this.#realms.frames.getStore(); at !== undefined; at = at.parent) {
      if (at.unit.parts.admission === this.handle) return;
    }
    this.handle.check();
  }
}
