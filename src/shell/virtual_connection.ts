/**
 * The named, socketless thing that application code holds.
 *
 * Outside any unit of work a statement takes the short way: it asks for a lease, runs, and
 * releases. Within one it joins the lease that its unit has through this virtual connection.
 */

import type { Holding, VirtualId } from "../core/mod.ts";
import type { Statement } from "../port.ts";
import { type Claim, slotOf } from "./claim.ts";
import { type Field, type Lease, type LeaseOptions, type Row, takeLease } from "./lease.ts";
import { granted } from "./lease_wait.ts";
import type { Home, Parts } from "./parts.ts";
import type { Realms } from "./realms.ts";
import {
  limitsOf,
  restack,
  type RunOptions,
  runOptionsOf,
  statementOf,
  type StatementOptions,
} from "./statement.ts";
import { transact, type TransactionOptions } from "./transaction.ts";
import { type Frame, scopeOf } from "./unit.ts";
import { runUnit } from "./unit_run.ts";
import { either, type Limits, runWithin } from "./wait.ts";

/** An SQL text whose parameters have been found. */
export interface CompiledMethod {
  /** The text that is prepared. */
  readonly sql: string;
  /** Returns what its placeholders stand for; throws an error that names what is missing. */
  bind(args: unknown): unknown[];
}

/** A statement as a function: what its parameters stand for in, rows out. */
export type Method<Args, Result> = (args: Args, options?: RunOptions) => Promise<Result[]>;

/** A named connection that is opened when a unit of work needs it, and shared when it does not. */
export class VirtualConnection<Target, Driver> {
  /** Its name. */
  readonly name: string;
  readonly #realms: Realms<Target, Driver>;
  readonly #id: VirtualId;
  readonly #compile: (sql: string) => CompiledMethod;

  /** Creates it; the pool does. */
  constructor(
    realms: Realms<Target, Driver>,
    name: string,
    id: VirtualId,
    compile: (sql: string) => CompiledMethod,
  ) {
    this.name = name;
    this.#realms = realms;
    this.#id = id;
    this.#compile = compile;
  }

  /** Where it leads, unless a unit binds it elsewhere. */
  get target(): Target {
    return this.#homeIn(this.#realms.here()).target.target;
  }

  /**
   * Sends a statement as text.
   *
   * An error of the server comes through as the driver made it, but for its stack, which
   * names the caller's lines too.
   *
   * @param sql The text, or an object with the text, its values, and options of the driver.
   * @param values What its placeholders stand for.
   * @param options What ends it early: `signal`, and `timeout` in ms; nothing unless given.
   * @returns The rows, or what the server says of a statement without rows, and the columns.
   * @throws `SubletError`: `CONNECT_FAILED`, `CONNECTION_LOST`, `LEASE_DEADLOCK`,
   * `LEASE_ENDED`, `LEASE_TIMEOUT`, `LINE_FULL`, `OPTION_INVALID`, `POOL_DRAINING`,
   * `STATEMENT_TIMEOUT`, `TRANSACTION_LOST`, `UNIT_ENDED`.
   *
   * @example
   * ```ts ignore
   * const [orders] = await shop.query<Order[]>("SELECT * FROM orders WHERE id = ?", [7]);
   * ```
   */
  query<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: unknown,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#run(sql, values, false, options) as Promise<[Rows, Field[]]>;
  }

  /**
   * Prepares a statement, once for each actual connection, and executes it.
   *
   * @param sql The text, or an object with the text, its values, and options of the driver.
   * @param values What its placeholders stand for.
   * @param options What ends it early: `signal`, and `timeout` in ms; nothing unless given.
   * @returns The rows, or what the server says of a statement without rows, and the columns.
   * @throws `SubletError`, with the codes of {@linkcode query}.
   *
   * @example
   * ```ts ignore
   * await shop.execute("UPDATE stock SET n = n - 1 WHERE sku = ?", [sku]);
   * ```
   */
  execute<Rows extends object = Row[]>(
    sql: string | StatementOptions,
    values?: unknown,
    options?: RunOptions,
  ): Promise<[rows: Rows, fields: Field[]]> {
    return this.#run(sql, values, true, options) as Promise<[Rows, Field[]]>;
  }

  /**
   * Makes a function of a statement. Nothing is opened, so this is safe at the top of a module.
   *
   * @param sql The text, with parameters as `:name` or as `?`.
   * @returns A function that takes what the parameters stand for, by name or in order, and
   * then the options of {@linkcode execute}; it returns the rows and throws as that does.
   *
   * @example
   * ```ts ignore
   * const orderById = shop.method<{ id: number }, Order>("SELECT * FROM orders WHERE id = :id");
   * const [order] = await orderById({ id: 7 });
   * ```
   */
  method<Args = void, Result = Row>(sql: string): Method<Args, Result> {
    const compiled = this.#compile(sql);
    return async (args, options) => {
      const [rows] = await this.#run(compiled.sql, args, true, options, compiled);
      return rows as Result[];
    };
  }

  /**
   * Runs code in a transaction, which every statement of its unit of work through this virtual
   * connection joins. It commits when the code has ended well, and rolls back when it throws.
   * Inside another one on the same virtual connection, it is a savepoint.
   *
   * @param fn The code.
   * @param options `signal`, `isolation` and `readOnly`.
   * @returns What the code returns.
   * @throws What the code throws, and `SubletError`, with the codes of {@linkcode query} and:
   * `COMMIT_UNKNOWN` if the connection was lost, or it was aborted, before the answer to COMMIT,
   * `TRANSACTION_OPEN` if a statement of the unit has begun one by hand.
   *
   * @example
   * ```ts ignore
   * await shop.transaction(async () => {
   *   await shop.execute("UPDATE stock SET n = n - 1 WHERE sku = ?", [sku]);
   *   await shop.execute("INSERT INTO orders (sku) VALUES (?)", [sku]);
   * });
   * ```
   */
  async transaction<T>(fn: () => T, options: TransactionOptions = {}): Promise<Awaited<T>> {
    const parts = this.#realms.here();
    const stack = parts.leaks.stackAbove(this.transaction);
    return await transact(parts, this.#homeIn(parts), fn, options, stack);
  }

  /**
   * Leases an actual connection until it is released, or the unit of work ends.
   *
   * @param options `signal`, and `timeout` in ms, which shortens the pool's `acquireTimeout`;
   * `own`, for a lease beside the one that the unit has; false unless given.
   * @returns The lease, with the driver's connection.
   * @throws `SubletError`, with the codes of {@linkcode query}.
   *
   * @example
   * ```ts ignore
   * await using lease = await shop.lease();
   * const stream = lease.connection.query("SELECT * FROM orders").stream();
   * ```
   */
  lease(options: LeaseOptions = {}): Promise<Lease<Target, Driver>> {
    return takeLease(this.#realms, this.#id, options);
  }

  /** Runs a statement where its code stands: in its unit of work, or as one of its own. */
  async #run(
    sql: string | StatementOptions,
    values: unknown,
    isPrepared: boolean,
    options: RunOptions | undefined,
    compiled?: CompiledMethod,
  ): Promise<[unknown, unknown]> {
    let claim: Claim<Target, Driver> | undefined;
    try {
      const { clock, frames, arePerUnit } = this.#realms;
      const given = compiled === undefined ? values : compiled.bind(values);
      const statement = statementOf(sql, given, isPrepared);
      const limits = limitsOf(runOptionsOf(sql, options), clock);
      const frame = frames.getStore();
      if (frame !== undefined) return await this.#join(frame, statement, limits);
      if (arePerUnit) return await this.#runInUnit(statement, limits);
      const parts = this.#realms.here();
      const { interpreter, patience } = parts;
      claim = this.#request(parts, limits);
      if (claim.status !== "granted") await granted(interpreter, patience, claim, limits);
      return await runWithin(interpreter, slotOf(claim).session, statement, limits);
    } catch (error) {
      throw restack(error, this.#run);
    } finally {
      if (claim !== undefined) this.#release(claim);
    }
  }

  /** Runs a statement in a unit of work of its own, as connections live no longer. */
  #runInUnit(statement: Statement, limits: Limits): Promise<[unknown, unknown]> {
    const { frames } = this.#realms;
    return runUnit(this.#realms, () => this.#join(frames.getStore()!, statement, limits), {});
  }

  /** Requests the lease of a statement that is a unit of work of its own. */
  #request(parts: Parts<Target, Driver>, limits: Limits): Claim<Target, Driver> {
    parts.admission.check();
    limits.signal?.throwIfAborted();
    return parts.interpreter.request(this.#id, this.#homeIn(parts).target, NONE);
  }

  /** Ends the lease of a statement, if it had one. */
  #release(claim: Claim<Target, Driver>): void {
    if (claim.slot === undefined) return;
    this.#realms.here().interpreter.release(claim, claim.slot.session.condition);
  }

  /** Runs a statement on the lease that its unit has, or asks for. */
  #join(
    frame: Frame<Target, Driver>,
    statement: Statement,
    limits: Limits,
  ): Promise<[unknown, unknown]> {
    const { parts } = frame.unit;
    const home = this.#homeIn(parts);
    const stack = parts.leaks.stackAbove(this.#join);
    const signal = either(frame.signal, limits.signal);
    const held = frame.unit.hold(home);
    const scope = scopeOf(frame, home);
    return held.run(statement, scope, frame, { signal, endsAt: limits.endsAt }, stack);
  }

  #homeIn({ homes }: Parts<Target, Driver>): Home<Target> {
    return homes[this.#id] as Home<Target>;
  }
}

const NONE: readonly Holding[] = [];
