/**
 * What stands in for what runs a pool, until that is there.
 *
 * It is loaded with the first use of a pool in this process. So an import brings what a
 * definition needs and no more. What was asked for before it is there comes first then, in the
 * order in which it was asked for.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { census } from "../core/census.ts";
import { createState, type Phase, type VirtualId } from "../core/state.ts";
import type { Census } from "./census.ts";
import type { Definition } from "./definition.ts";
import type { Control, DrainOptions, Engine } from "./engine.ts";
import type { Lease, LeaseOptions } from "./lease.ts";
import type { Neutral } from "./process_hold.ts";
import type { Asked } from "./statement.ts";
import type { TransactionOptions } from "./transaction.ts";
import type { UnitOptions } from "./unit_run.ts";

/** What a pool can be asked for. */
export type Running<Target, Driver> = Pick<Engine<Target, Driver>, keyof Engine<Target, Driver>>;

type Loaded = typeof import("./engine.ts");

let loaded: Loaded | undefined;

/** Loads what runs pools; whoever uses one from then on need not wait for it. */
async function loadEngine(): Promise<Loaded> {
  return loaded ??= await import("./engine.ts");
}

/** Starts one pool, with its first use. */
export class Starter<Target, Driver> implements Running<Target, Driver> {
  /** Kept until the pool runs, as then it is known by what runs it. */
  #definition: Definition<Target, Driver> | undefined;
  /** The async context in which the pool was created, if that is where its connections belong. */
  readonly #neutral: Neutral | undefined;
  #engine: Engine<Target, Driver> | undefined;
  /** Shared by all who wait, so that they go on in their order. */
  #loading: Promise<Loaded> | undefined;
  #phase: Phase = "open";

  /** Starts nothing yet. */
  constructor(definition: Definition<Target, Driver>) {
    this.#definition = definition;
    const { lifespan } = definition.plan;
    this.#neutral = lifespan === "pool" ? AsyncLocalStorage.snapshot() : undefined;
  }

  /** What runs the pool, or stands in for it. */
  get engine(): Running<Target, Driver> {
    if (this.#engine !== undefined) return this.#engine;
    return loaded === undefined || this.#loading !== undefined ? this : this.#start(loaded);
  }

  /** Runs a statement as soon as it can be run. */
  async statement(id: VirtualId, asked: Asked): Promise<[unknown, unknown]> {
    return await this.#start(await this.#load()).statement(id, asked);
  }

  /** Runs code as a unit of work as soon as that can be. */
  async unit<T>(fn: () => T, options: UnitOptions<string>): Promise<Awaited<T>> {
    return await this.#start(await this.#load()).unit(fn, options);
  }

  /** Runs code in a transaction as soon as that can be. */
  async transaction<T>(
    id: VirtualId,
    fn: () => T,
    options: TransactionOptions,
  ): Promise<Awaited<T>> {
    return await this.#start(await this.#load()).transaction(id, fn, options);
  }

  /** Takes a lease as soon as one can be had. */
  async lease(id: VirtualId, options: LeaseOptions): Promise<Lease<Target, Driver>> {
    return await this.#start(await this.#load()).lease(id, options);
  }

  /** Ends the pool, after who has asked for something before. */
  async drain(options: DrainOptions): Promise<void> {
    this.#phase = "serving";
    await this.#start(await this.#load()).drain(options);
  }

  /** Does what its user wants, after who has asked for something before. */
  async control(event: Control): Promise<void> {
    const isLeft = this.#phase === "serving" || event.type === "retireRequested";
    // Where connections belong to units, there is nothing yet that a pause could hold back.
    if (!isLeft && this.#neutral !== undefined) {
      this.#phase = event.type === "pauseRequested" ? "paused" : "open";
    }
    await this.#start(await this.#load()).control(event);
  }

  /** Returns what a pool does that has done nothing yet. */
  census(): Census {
    const { policy } = this.#definition!.plan;
    const counts = census(createState({ ...policy, virtuals: [] }));
    return { ...counts, phase: this.#phase, renewals: {} };
  }

  /** Returns where a virtual connection leads. */
  targetOf(id: VirtualId): Target {
    return this.#definition!.targets()[id] as Target;
  }

  /** Where connections belong to units, so does the promise of what is loaded: to a request. */
  #load(): Promise<Loaded> {
    if (this.#neutral === undefined) return loadEngine();
    return this.#loading ??= loadEngine().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
  }

  #start({ Engine }: Loaded): Engine<Target, Driver> {
    if (this.#engine !== undefined) return this.#engine;
    const start = (): Engine<Target, Driver> => new Engine(this.#definition!);
    this.#engine = this.#neutral === undefined ? start() : this.#neutral(start);
    this.#definition = undefined;
    this.#loading = undefined;
    return this.#engine;
  }
}
