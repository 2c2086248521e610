/**
 * An explicit lease, which the caller must release.
 *
 * The pool holds no reference to the `Lease` object, so a forgotten one can be garbage-collected.
 * Then the pool closes its actual connection instead of lending it again, as code may still have
 * the driver's connection.
 */

import type { VirtualId } from "../core/mod.ts";
import type { Cancellation } from "../port/session.ts";
import { named } from "./caller.ts";
import { either } from "./cancellation.ts";
import { noteWrite, transactionOf } from "./context.ts";
import { SubletError, unitEnded } from "./errors.ts";
import type { VirtualConfig } from "./virtual_config.ts";
import type { Tag } from "./leaks.ts";
import { atCaller } from "./own_frames.ts";
import { LeaseState, reasonIn } from "./lease_state.ts";
import {
  type Field,
  limitsOf,
  restack,
  type Row,
  type RunOptions,
  runOptionsOf,
  statementOf,
  type StatementOptions,
  type Values,
} from "./statement.ts";
import type { UnitEngine } from "./unit.ts";
import { runOnLease } from "./unit_statement.ts";

/** How a lease is taken. */
export interface LeaseOptions extends RunOptions {
  /**
   * Whether the lease is separate from the lease that its unit already has, for code that expects
   * two leases to be two connections; false unless given. Any code may use a separate lease, and
   * it may outlive the unit, unless actual connections end with the unit (`lifespan`).
   * "unlessInTransaction" is like true, but if the unit has a transaction open, the caller gets
   * the lease of that transaction.
   */
  readonly separate?: boolean | "unlessInTransaction" | undefined;
}

/** The names of the options of a lease. */
export const LEASE_OPTIONS: ReadonlySet<string> = new Set(
  ["separate", "signal", "timeout"] satisfies (keyof LeaseOptions)[],
);

/** Exclusive use of one actual connection, until the lease is released or its unit ends. */
export class Lease<Driver extends object = object> implements AsyncDisposable {
  readonly #state: LeaseState;
  /** Shows the pool that the lease was garbage-collected; undefined once it is released. */
  #tag: Tag | undefined;
  #connection: Driver | undefined;

  /** Creates a lease that the pool has granted. */
  constructor(state: LeaseState) {
    this.#state = state;
    this.#tag = state.unitLease.runtime.leaks.tag(state);
  }

  /**
   * The driver's own connection. Once the lease has ended, the connection refuses to be used.
   *
   * Throws a `SubletError`: `LEASE_ENDED`, `LEASE_FOREIGN`, `CONNECTION_LOST`.
   */
  get connection(): Driver {
    this.#check();
    const { engine, unitLease, context } = this.#state;
    const { session, unit } = unitLease;
    noteWrite(engine.contexts.getStore(), unit);
    const refusal = (): unknown => {
      // Code of another unit may use the connection later.
      noteWrite(engine.contexts.getStore(), unit);
      return this.#refusal ?? reasonIn(context)?.reason;
    };
    return this.#connection ??= session.lend(refusal) as Driver;
  }

  /** The number that CONNECTION_ID() returns on it; throws what {@linkcode connection} throws. */
  get threadId(): number {
    this.#check();
    return this.#state.unitLease.session.threadId;
  }

  /** Sends a statement as text, as `VirtualConnection.query` does, on this connection. */
  query<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: Values,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#run(sql, values, false, options) as Promise<[Rows, Field[]]>;
  }

  /** Prepares and executes a statement, as `VirtualConnection.execute` does, on this connection. */
  execute<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: Values,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#run(sql, values, true, options) as Promise<[Rows, Field[]]>;
  }

  /**
   * Releases the actual connection, once the statements that run through the lease have ended. If
   * the driver is still busy with something else, the pool closes the connection. A second call
   * does nothing.
   */
  release(): void {
    if (this.#tag === undefined) return;
    const state = this.#state;
    state.unitLease.runtime.leaks.untag(this.#tag);
    this.#tag = undefined;
    state.end();
  }

  /** Releases the lease at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  #run(
    sql: string | StatementOptions,
    values: unknown,
    isPrepared: boolean,
    options: RunOptions | undefined,
  ): Promise<[unknown, unknown]> {
    try {
      this.#check();
      const { engine, unitLease, transaction: taken } = this.#state;
      const context = engine.contexts.getStore();
      const here = transactionOf(context, unitLease.virtualConfig.id);
      const transaction = here?.unitLease === unitLease ? here : taken;
      const statement = statementOf(sql, values, isPrepared);
      const { signal: own, ...rest } = limitsOf(runOptionsOf(sql, options), engine.clock);
      const limits = { ...rest, signal: either(context?.signal, own) };
      return named(runOnLease(unitLease, { statement, transaction, context, limits }));
    } catch (error) {
      return Promise.reject(atCaller(restack(error, this.#run)));
    }
  }

  /** The error of a lease that has ended; undefined while the lease may be used. */
  get #refusal(): SubletError | undefined {
    const { unitLease } = this.#state;
    if (this.#tag !== undefined && !unitLease.isEnded && !unitLease.unit.isEnded) return undefined;
    return new SubletError("LEASE_ENDED", "statement", "The lease has ended");
  }

  #check(): void {
    const refusal = this.#refusal;
    if (refusal !== undefined) throw refusal;
    const { engine, isSeparate, unitLease } = this.#state;
    const context = engine.contexts.getStore();
    if (!isSeparate && context !== undefined && context.unit !== unitLease.unit) {
      const message = "The lease belongs to another unit of work";
      throw new SubletError("LEASE_FOREIGN", "statement", message);
    }
  }
}

/** Takes a lease that the caller must release; outside any unit, the lease is its own unit. */
export function takeLease(
  engine: UnitEngine,
  virtual: VirtualId,
  options: LeaseOptions,
): Promise<Lease> {
  let state: LeaseState | undefined;
  try {
    const runtime = engine.runtimeHere();
    const stack = runtime.leaks.stackAbove(takeLease);
    const limits = limitsOf(options, engine.clock);
    const virtualConfig = runtime.virtualConfigs[virtual] as VirtualConfig;
    const begun = state = new LeaseState(engine, runtime, virtualConfig, options.separate);
    const signal = either(begun.context?.signal, limits.signal);
    begun.transaction?.check();
    signal?.throwIfAborted();
    const opening = begun.unitLease.open(begun.context, { signal, endsAt: limits.endsAt });
    if (opening === undefined) return Promise.resolve(leaseOf(begun, signal, stack));
    return opening.then(() => leaseOf(begun, signal, stack), (error) => begun.fail(error));
  } catch (error) {
    state?.end();
    return Promise.reject(atCaller(restack(error, takeLease)));
  }
}

/** Returns the granted lease; rejects if its unit has ended or its signal is aborted by then. */
function leaseOf(
  state: LeaseState,
  signal: Cancellation | undefined,
  stack: string | undefined,
): Lease | Promise<never> {
  if (state.unitLease.unit.isEnded) return state.fail(unitEnded());
  if (signal?.aborted) return state.fail(signal.reason);
  state.watch(stack);
  return new Lease(state);
}
