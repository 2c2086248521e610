/**
 * A lease in the hands of its user, who must release it.
 *
 * Nothing of the pool leads to the object itself, so that one which was forgotten can be
 * collected as garbage. What it held is then closed, not lent again: somebody may still have
 * the driver's connection.
 */

import type { VirtualId } from "../core/mod.ts";
import type { Cancellation } from "../port.ts";
import { named } from "./caller.ts";
import { either } from "./cancellation.ts";
import { noteWrite, transactionOf } from "./context.ts";
import { SubletError, unitEnded } from "./errors.ts";
import type { VirtualConfig } from "./virtual_config.ts";
import type { Tag } from "./leaks.ts";
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
   * Whether it is one of its own, beside the lease that its unit has, for code that expects two
   * leases to be two connections. Whoever has it may use it, and it may outlive the unit, unless
   * the actual connections end with the unit (`lifespan`). With
   * "unlessInTransaction" it is the one in which the unit has a transaction open, if there is one.
   */
  readonly separate?: boolean | "unlessInTransaction" | undefined;
}

/** The exclusive right to one actual connection, until it is released or its unit of work ends. */
export class Lease<Driver extends object = object> implements AsyncDisposable {
  readonly #state: LeaseState;
  /** What it is missed by if it is forgotten; none once it is released. */
  #tag: Tag | undefined;
  #connection: Driver | undefined;

  /** Creates a lease of what is held, for its unit or whoever has it. */
  constructor(state: LeaseState) {
    this.#state = state;
    this.#tag = state.unitLease.runtime.leaks.tag(state);
  }

  /**
   * The driver's genuine connection; after the release it refuses what it is asked for.
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

  /** The server's name for it, as CONNECTION_ID() says it; throws as {@linkcode connection}. */
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
   * Gives the connection back, once the statements that run through the lease have ended; a
   * second time nothing happens. If something else is still under way in it, it is closed.
   */
  release(): void {
    if (this.#tag === undefined) return;
    const state = this.#state;
    state.unitLease.runtime.leaks.untag(this.#tag);
    this.#tag = undefined;
    state.end();
  }

  /** Gives the connection back, at the end of an `await using` block. */
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
      const { endsAt, signal: own } = limitsOf(runOptionsOf(sql, options), engine.clock);
      const limits = { endsAt, signal: either(context?.signal, own) };
      return named(runOnLease(unitLease, { statement, transaction, context, limits }));
    } catch (error) {
      return Promise.reject(restack(error, this.#run));
    }
  }

  /** Why it may not be used any more. */
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

/** Takes a lease that its user must release; outside of any unit, it is a unit of its own. */
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
    return Promise.reject(restack(error, takeLease));
  }
}

/** Returns the lease, now that it is granted, unless it comes too late. */
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
