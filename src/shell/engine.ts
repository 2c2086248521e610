/**
 * What runs a pool: everything but its definition, and the face that its user sees.
 *
 * It is loaded with the first use of a pool, and made with the first use of each.
 */

import type { VirtualId } from "../core/mod.ts";
import { Admission } from "./admission.ts";
import type { Census } from "./census.ts";
import { createClock } from "./clock.ts";
import type { Definition } from "./definition.ts";
import { SubletError } from "./errors.ts";
import { type Lease, type LeaseOptions, takeLease } from "./lease.ts";
import type { Home } from "./parts.ts";
import { type Common, makerOf } from "./parts_make.ts";
import { Realms } from "./realms.ts";
import type { Asked } from "./statement.ts";
import { runStatement } from "./statement_run.ts";
import { transact, type TransactionOptions } from "./transaction.ts";
import { runUnit, type UnitOptions } from "./unit_run.ts";

/** How a pool is ended. */
export interface DrainOptions {
  /** After how long whatever is left is destroyed, in ms; never unless given. */
  readonly timeout?: number | undefined;
  /** Whether those who wait are refused at once, not served; false unless given. */
  readonly refuse?: boolean | undefined;
}

/** What a user may want of a pool as a whole, but for its end. */
export interface Control {
  /** Says what. */
  readonly type: "pauseRequested" | "resumeRequested" | "retireRequested";
}

/** Runs one pool. */
export class Engine<Target, Driver> {
  readonly #realms: Realms<Target, Driver>;
  #drained: Promise<void> | undefined;

  /** Starts a pool that has done nothing. */
  constructor(definition: Definition<Target, Driver>) {
    const { plan, foundation, frames } = definition;
    const { clock = createClock(), isRepeatable } = foundation;
    const common: Common = { admission: new Admission(), clock };
    const make = makerOf(definition, common);
    this.#realms = new Realms({ ...common, lifespan: plan.lifespan, frames, isRepeatable, make });
  }

  /** Runs a statement where its code stands: in its unit of work, or as one of its own. */
  statement(id: VirtualId, asked: Asked): Promise<[unknown, unknown]> {
    return runStatement(this.#realms, id, asked);
  }

  /** Runs code as a unit of work. */
  unit<T>(fn: () => T, options: UnitOptions<string>): Promise<Awaited<T>> {
    return runUnit(this.#realms, fn, options);
  }

  /** Runs code in a transaction on a virtual connection. */
  async transaction<T>(
    id: VirtualId,
    fn: () => T,
    options: TransactionOptions,
  ): Promise<Awaited<T>> {
    const parts = this.#realms.here();
    const stack = parts.leaks.stackAbove(this.transaction);
    return await transact(parts, parts.homes[id] as Home<Target>, fn, options, stack);
  }

  /** Takes a lease through a virtual connection. */
  lease(id: VirtualId, options: LeaseOptions): Promise<Lease<Target, Driver>> {
    return takeLease(this.#realms, id, options);
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
    const { admission, isEnded } = this.#realms;
    const census = this.#realms.here().interpreter.census();
    if (isEnded) return { ...census, phase: "closed" };
    const isServing = admission.isClosed && census.phase === "open";
    return isServing ? { ...census, phase: "serving" } : census;
  }

  /**
   * Ends the pool. A unit that waits for this is not itself waited for, but the leases it holds
   * are.
   */
  async drain({ timeout, refuse = false }: DrainOptions): Promise<void> {
    const { admission, clock, frames } = this.#realms;
    for (let frame = frames.getStore(); frame !== undefined; frame = frame.parent) {
      admission.exempt(frame.unit);
      frame.unit.yield();
    }
    this.#drained ??= this.#realms.end();
    if (refuse) {
      const event = { type: "drainRequested", serveLine: false } as const;
      for (const { interpreter } of this.#realms.live) interpreter.report(event);
    }
    const cancel = timeout === undefined || timeout === Infinity
      ? undefined
      : clock.alarm(clock.now() + timeout, () => this.#destroy(timeout));
    await this.#drained;
    cancel?.();
  }

  #destroy(timeoutMs: number): void {
    const prose = `The pool has ended: its drain took longer than ${timeoutMs} ms`;
    const reason = new SubletError("POOL_DRAINING", "statement", prose);
    for (const { interpreter } of this.#realms.live) interpreter.destroy(reason);
  }
}
