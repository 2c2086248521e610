/**
 * What stands in for what runs a handle of a pool, until that is there.
 *
 * What runs pools is loaded with the first use of one in this process. So an import brings what a
 * definition needs and no more. What was asked for before it is there comes first then, in the
 * order in which it was asked for.
 */

import type { VirtualId } from "../core/mod.ts";
import type { Census } from "./census.ts";
import type { Control, DrainOptions, Engine } from "./engine.ts";
import type { Handle } from "./handle.ts";
import type { Lease, LeaseOptions } from "./lease.ts";
import type { Loaded, SharedPool } from "./shared_pool.ts";
import type { Asked } from "./statement.ts";
import type { TransactionCode } from "./transaction.ts";
import type { TransactionOptions } from "./transaction_options.ts";
import type { UnitOptions } from "./unit_options.ts";
import type { UnitCode } from "./unit_run.ts";

/** What a pool can be asked for. */
export type Running<Target, Driver> = Pick<Engine<Target, Driver>, keyof Engine<Target, Driver>>;

/** Starts what runs one handle of a pool, with its first use. */
export class Starter<Target, Driver> implements Running<Target, Driver> {
  /** The handle. */
  readonly handle: Handle<Driver>;
  readonly #pool: SharedPool<Target, Driver>;
  #engine: Engine<Target, Driver> | undefined;

  /** Starts nothing yet. */
  constructor(pool: SharedPool<Target, Driver>) {
    this.handle = pool.join();
    this.#pool = pool;
  }

  /** What runs the handle, or stands in for it. */
  get engine(): Running<Target, Driver> {
    if (this.#engine !== undefined) return this.#engine;
    const { loaded } = this.#pool;
    return loaded === undefined ? this : this.#start(loaded);
  }

  /** Runs a statement as soon as it can be run. */
  async statement(id: VirtualId, asked: Asked): Promise<[unknown, unknown]> {
    return await this.#start(await this.#pool.load()).statement(id, asked);
  }

  /** Runs code as a unit of work as soon as that can be. */
  async unit<T>(
    fn: UnitCode<Target, Driver, T>,
    options: UnitOptions<string>,
  ): Promise<Awaited<T>> {
    return await this.#start(await this.#pool.load()).unit(fn, options);
  }

  /** Runs code in a transaction as soon as that can be. */
  async transaction<T>(
    id: VirtualId,
    fn: TransactionCode<Target, Driver, T>,
    options: TransactionOptions,
  ): Promise<Awaited<T>> {
    return await this.#start(await this.#pool.load()).transaction(id, fn, options);
  }

  /** Takes a lease as soon as one can be had. */
  async lease(id: VirtualId, options: LeaseOptions): Promise<Lease<Target, Driver>> {
    return await this.#start(await this.#pool.load()).lease(id, options);
  }

  /** Ends the handle, after who has asked for something before. */
  async drain(options: DrainOptions): Promise<void> {
    await this.#start(await this.#pool.load()).drain(options);
  }

  /** Throws if code would wait for itself; where nothing runs, it holds nothing. */
  checkDrain(_options: DrainOptions): void {}

  /** Does what its user wants, after who has asked for something before. */
  async control(event: Control): Promise<void> {
    this.#pool.control(event);
    await this.#start(await this.#pool.load()).control(event);
  }

  /** Returns what a pool does that has done nothing yet. */
  census(): Census {
    return this.#pool.census();
  }

  /** Returns where a virtual connection leads. */
  targetOf(id: VirtualId): Target {
    return this.#pool.targetOf(id);
  }

  #start(loaded: Loaded): Engine<Target, Driver> {
    return this.#engine ??= new loaded.Engine(this.#pool.start(loaded), this.handle);
  }
}
