/**
 * A lease in the hands of its user, who must release it.
 *
 * Nothing of the pool leads to the object itself, so that one which was forgotten can be
 * collected as garbage. What it held is then closed, not lent again: somebody may still have
 * the driver's connection.
 */

import type { VirtualId } from "../core/mod.ts";
import type { Cancellation } from "../port.ts";
import { named, rejected } from "./caller.ts";
import { either } from "./cancellation.ts";
import { noteWrite, scopeOf } from "./context.ts";
import { SubletError, unitEnded } from "./errors.ts";
import type { Held } from "./held.ts";
import type { Home } from "./home.ts";
import type { Tag } from "./leaks.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { Scope } from "./scope.ts";
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
import { Unit, type UnitEngine, type UnitFrame } from "./unit.ts";
import { runHeld } from "./unit_statement.ts";

/** How a lease is taken. */
export interface LeaseOptions extends RunOptions {
  /**
   * Whether it is one of its own, beside the lease that its unit has, for code that expects two
   * leases to be two connections. Whoever has it may use it, and it may outlive the unit, unless
   * the actual connections end with the unit (`lifespan`). With
   * "unlessInTransaction" it is the one in which the unit has a transaction open, if there is one.
   */
  readonly own?: boolean | "unlessInTransaction" | undefined;
}

/** Where a lease was taken. */
interface Place<Target, Driver> {
  /** What its code belongs to. */
  readonly frame: UnitFrame<Target, Driver> | undefined;
  /** The transaction that its code was in, on this lease. */
  readonly scope: Scope<Target, Driver> | undefined;
}

/** The exclusive right to one actual connection, until it is released or its unit of work ends. */
export class Lease<Target, Driver> implements AsyncDisposable {
  readonly #engine: UnitEngine<Target, Driver>;
  readonly #held: Held<Target, Driver>;
  readonly #isOwn: boolean;
  /** Where it was taken. */
  readonly #place: Place<Target, Driver>;
  readonly #end: () => void;
  /** What it is missed by if it is forgotten; none once it is released. */
  #tag: Tag | undefined;
  #connection: Driver | undefined;

  /** Creates a lease of what is held, for its unit or whoever has it; `end` ends its hold. */
  constructor(
    engine: UnitEngine<Target, Driver>,
    held: Held<Target, Driver>,
    own: LeaseOptions["own"],
    place: Place<Target, Driver>,
    end: () => void,
    tag: Tag,
  ) {
    this.#engine = engine;
    this.#held = held;
    this.#isOwn = Boolean(own);
    this.#place = place;
    this.#end = end;
    this.#tag = tag;
  }

  /**
   * The driver's genuine connection; after the release it refuses what it is asked for.
   *
   * Throws a `SubletError`: `LEASE_ENDED`, `LEASE_FOREIGN`, `CONNECTION_LOST`.
   */
  get connection(): Driver {
    this.#check();
    const { session, unit } = this.#held;
    noteWrite(this.#engine.frames.getStore(), unit);
    return this.#connection ??= session.lend(() =>
      this.#refusal ?? reasonIn(this.#place.frame)?.reason
    );
  }

  /** The server's name for it, as CONNECTION_ID() says it; throws as {@linkcode connection}. */
  get threadId(): number {
    this.#check();
    return this.#held.session.threadId;
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
    this.#held.runtime.leaks.untag(this.#tag);
    this.#tag = undefined;
    this.#end();
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
      const frame = this.#engine.frames.getStore();
      const held = this.#held;
      const here = scopeOf(frame, held.home.id);
      const scope = here?.held === held ? here : this.#place.scope;
      const statement = statementOf(sql, values, isPrepared);
      const { endsAt, signal: own } = limitsOf(runOptionsOf(sql, options), this.#engine.clock);
      const limits = { endsAt, signal: either(frame?.signal, own) };
      return named(runHeld(held, { statement, scope, frame, limits }));
    } catch (error) {
      return Promise.reject(restack(error, this.#run));
    }
  }

  /** Why it may not be used any more. */
  get #refusal(): SubletError | undefined {
    if (this.#tag !== undefined && !this.#held.isEnded && !this.#held.unit.isEnded) {
      return undefined;
    }
    return new SubletError("LEASE_ENDED", "statement", "The lease has ended");
  }

  #check(): void {
    const refusal = this.#refusal;
    if (refusal !== undefined) throw refusal;
    const frame = this.#engine.frames.getStore();
    if (!this.#isOwn && frame !== undefined && frame.unit !== this.#held.unit) {
      const prose = "The lease belongs to another unit of work";
      throw new SubletError("LEASE_FOREIGN", "statement", prose);
    }
  }
}

/** Takes a lease that its user must release; outside of any unit, it is a unit of its own. */
export function takeLease<Target, Driver>(
  engine: UnitEngine<Target, Driver>,
  virtual: VirtualId,
  options: LeaseOptions,
): Promise<Lease<Target, Driver>> {
  let hold: LeaseHold<Target, Driver> | undefined;
  try {
    const runtime = engine.runtimeHere();
    const stack = runtime.leaks.stackAbove(takeLease);
    const limits = limitsOf(options, engine.clock);
    const home = runtime.homes[virtual] as Home<Target>;
    const begun = hold = new LeaseHold(engine, runtime, home, options.own);
    const signal = either(begun.frame?.signal, limits.signal);
    begun.scope?.check();
    signal?.throwIfAborted();
    const opening = begun.held.open(begun.frame, { signal, endsAt: limits.endsAt });
    if (opening === undefined) return Promise.resolve(begun.lease(signal, stack));
    return opening.then(() => begun.lease(signal, stack), (error) => begun.fail(error));
  } catch (error) {
    hold?.end();
    return Promise.reject(restack(error, takeLease));
  }
}

/**
 * What an explicit lease keeps, from the request on until it is released. Nothing in it leads to
 * the object that its user has.
 */
class LeaseHold<Target, Driver> {
  /** What its code belongs to. */
  readonly frame: UnitFrame<Target, Driver> | undefined;
  /** What it is a lease of. */
  readonly held: Held<Target, Driver>;
  /** The transaction that its code is in, on this lease. */
  readonly scope: Scope<Target, Driver> | undefined;
  readonly #engine: UnitEngine<Target, Driver>;
  readonly #own: LeaseOptions["own"];
  readonly #stop: (() => void) | undefined;
  #isEnded = false;

  constructor(
    engine: UnitEngine<Target, Driver>,
    runtime: PoolRuntime<Target, Driver>,
    home: Home<Target>,
    own: LeaseOptions["own"],
  ) {
    const around = engine.frames.getStore();
    // One of its own may be taken when the unit has ended.
    const frame = own && around?.unit.isEnded ? undefined : around;
    const held = heldFor(engine, runtime, home, frame, own);
    const scope = scopeOf(frame, home.id);
    this.frame = frame;
    this.held = held;
    this.scope = scope?.held === held ? scope : undefined;
    this.#engine = engine;
    this.#own = own;
    held.keep();
    const signal = frame?.signal;
    if (signal === undefined) return;
    // What its holder has the driver do ends with the unit's code, as its statements do.
    this.#stop = () => {
      const aborted = reasonIn(frame);
      if (aborted !== undefined) held.stop(aborted.reason);
    };
    signal.addEventListener("abort", this.#stop);
  }

  /** Returns the lease, now that it is granted, unless it comes too late. */
  lease(
    signal: Cancellation | undefined,
    stack: string | undefined,
  ): Lease<Target, Driver> | Promise<never> {
    const held = this.held;
    if (held.unit.isEnded) return this.fail(unitEnded());
    if (signal?.aborted) return this.fail(signal.reason);
    const tag = held.runtime.leaks.tag(held.watch(stack), () => {
      held.breakOff();
      this.end();
    });
    return new Lease(this.#engine, held, this.#own, this, () => this.end(), tag);
  }

  /** Ends it, as it has failed. */
  fail(error: unknown): Promise<never> {
    this.end();
    return rejected(error);
  }

  /** Ends it, once. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { held, frame } = this;
    if (this.#stop !== undefined) frame?.signal?.removeEventListener("abort", this.#stop);
    held.unkeep();
    if (held.unit !== frame?.unit && !held.isKept) held.unit.end();
  }
}

/** Returns the signal that has ended what code of a unit does, unless the unit has ended. */
function reasonIn<Target, Driver>(
  frame: UnitFrame<Target, Driver> | undefined,
): Cancellation | undefined {
  return frame?.signal?.aborted && !frame.unit.isEnded ? frame.signal : undefined;
}

/** Returns what a lease is a lease of. */
function heldFor<Target, Driver>(
  { handle }: UnitEngine<Target, Driver>,
  runtime: PoolRuntime<Target, Driver>,
  home: Home<Target>,
  frame: UnitFrame<Target, Driver> | undefined,
  own: LeaseOptions["own"],
): Held<Target, Driver> {
  if (frame !== undefined && !own) return frame.unit.heldFor(frame, home);
  const joined = own === "unlessInTransaction" && frame !== undefined
    ? frame.unit.heldInTransaction(frame, home)
    : undefined;
  if (joined !== undefined) return joined;
  return new Unit(runtime, handle, { outer: frame?.unit, isBeside: true }).heldBesides(home);
}
