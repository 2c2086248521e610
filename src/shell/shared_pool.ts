/**
 * What the handles of one pool share, before it runs and when it does.
 *
 * It knows how many handles there are, and ends what they share with the last one. What runs the
 * pool is loaded with the first use of a pool in this process.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { census } from "../core/census.ts";
import { createState, type Phase, type VirtualId } from "../core/state.ts";
import { Admission, type Tally } from "./admission.ts";
import type { Census } from "./census.ts";
import type { Definition } from "./definition.ts";
import type { Control } from "./engine.ts";
import { Handle } from "./handle.ts";
import type { News } from "./news.ts";
import type { Neutral } from "./process_hold.ts";
import type { SharedParts } from "./realms.ts";

/** The module that runs pools. */
export type Loaded = typeof import("./engine.ts");

let loaded: Loaded | undefined;

/** Loads what runs pools; whoever uses one from then on need not wait for it. */
async function loadEngine(): Promise<Loaded> {
  return loaded ??= await import("./engine.ts");
}

/** Hears of each handle that was collected as garbage; made with the first that may be. */
let collected: FinalizationRegistry<() => void> | undefined;

/** A pool, as its handles share it. */
export class SharedPool<Target, Driver> {
  /** Counts the work of all handles. */
  readonly admission: Admission = new Admission();
  /** Kept until the pool runs, as then it is known by what runs it. */
  #definition: Definition<Target, Driver> | undefined;
  readonly #news: News<Driver>;
  /** The async context in which the pool was created, if that is where its connections belong. */
  readonly #neutral: Neutral | undefined;
  /** Whether handles are collected as garbage: not where that happens outside of any request. */
  readonly #isWatched: boolean;
  /** Has `createPool` not find it any more, if it does. */
  readonly #remove: (() => void) | undefined;
  #handles = 0;
  #isEnding = false;
  #parts: SharedParts<Target, Driver> | undefined;
  /** Shared by all who wait, so that they go on in their order. */
  #loading: Promise<Loaded> | undefined;
  #phase: Phase = "open";

  /** Starts nothing yet; `remove` is called when it begins to end. */
  constructor(definition: Definition<Target, Driver>, remove?: () => void) {
    const { plan, news, foundation } = definition;
    this.#definition = definition;
    this.#news = news;
    this.#neutral = plan.lifespan === "pool" ? AsyncLocalStorage.snapshot() : undefined;
    this.#isWatched = foundation.lifespan !== "unit";
    this.#remove = remove;
  }

  /** What runs pools, if nobody has to wait for it. */
  get loaded(): Loaded | undefined {
    return this.#loading === undefined ? loaded : undefined;
  }

  /** Returns a handle of it. */
  join(): Handle<Driver> {
    const leave = this.#enter();
    const tally: Tally = { units: 0 };
    const isLast = (): boolean => this.#handles === 1;
    const handle = new Handle(this.admission, tally, this.#news, leave, isLast, this.#isWatched);
    if (!this.#isWatched) return handle;
    collected ??= new FinalizationRegistry((end) => end());
    collected.register(handle, () => {
      this.admission.forget(tally);
      if (leave() && this.#parts !== undefined) this.end();
    });
    return handle;
  }

  /** Ends it for all its handles, after whoever has asked for something before. */
  async end(why?: string): Promise<void> {
    this.admission.why ??= why;
    this.#beginEnd();
    const ready = this.loaded ?? await this.load();
    await this.start(ready).end();
  }

  /** Where connections belong to units, so does the promise of what is loaded: to a request. */
  load(): Promise<Loaded> {
    if (this.#neutral === undefined) return loadEngine();
    return this.#loading ??= loadEngine().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
  }

  /** Returns what runs it, which is started with its first use. */
  start({ SharedParts }: Loaded): SharedParts<Target, Driver> {
    if (this.#parts !== undefined) return this.#parts;
    const start = (): SharedParts<Target, Driver> =>
      new SharedParts(this.#definition!, this.admission);
    this.#parts = this.#neutral === undefined ? start() : this.#neutral(start);
    this.#definition = undefined;
    this.#loading = undefined;
    return this.#parts;
  }

  /** Notes what a user wants of a pool that does not run yet. */
  control({ type }: Control): void {
    // Where connections belong to units, there is nothing yet that a pause could hold back.
    if (this.#phase === "serving" || type === "retireRequested" || !this.#neutral) return;
    this.#phase = type === "pauseRequested" ? "paused" : "open";
  }

  /** Returns what a pool does that has done nothing yet. */
  census(): Census {
    const { policy } = this.#definition!.plan;
    const counts = census(createState({ ...policy, virtuals: [] }));
    return { ...counts, phase: this.#phase, renewals: {} };
  }

  /** Returns where a virtual connection leads, in a pool that does not run yet. */
  targetOf(id: VirtualId): Target {
    return this.#definition!.targets()[id] as Target;
  }

  /** Counts a handle; returns what counts it out, and tells whether all ends with it. */
  #enter(): () => boolean {
    let isIn = true;
    this.#handles++;
    return () => {
      if (!isIn) return false;
      isIn = false;
      if (--this.#handles === 0) this.#beginEnd();
      return this.#isEnding;
    };
  }

  #beginEnd(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#phase = "serving";
    this.#remove?.();
  }
}
