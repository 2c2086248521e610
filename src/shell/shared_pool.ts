/**
 * What the handles of one pool share, and what each has of its own.
 *
 * A shared pool knows how many handles there are, and ends with the last one. Nothing in it leads
 * to a handle. Whatever works through a handle leads to it: its `Pool`, virtual connections,
 * methods, units and leases. So a handle that nobody can use any more is collected as garbage, and
 * counts as drained then.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { Admission, type Tally } from "./admission.ts";
import { createClock, type PoolClock } from "./clock.ts";
import type { PoolDefinition } from "./backend.ts";
import { Events, Listeners } from "./events.ts";
import { PoolRuntime } from "./pool_runtime.ts";
import type { CompiledMethod } from "./statement.ts";
import type { UnitContexts } from "./unit.ts";

/** Hears of each handle that was collected as garbage; made with the first that may be. */
let collected: FinalizationRegistry<() => void> | undefined;

/** A pool, as its handles share it. */
export class SharedPool {
  /** Tells the time. */
  readonly clock: PoolClock;
  /** Which unit of work, and which transaction in it, code belongs to. */
  readonly contexts: UnitContexts = new AsyncLocalStorage();
  /** Who may begin work, through any handle. */
  readonly admission: Admission = new Admission();
  /** The names of the virtual connections, by their numbers. */
  readonly names: readonly string[];
  /** Finds the parameters of an SQL text. */
  readonly compileMethod: (sql: string) => CompiledMethod;
  /** What runs a pool whose connections live as long as it. */
  readonly runtime: PoolRuntime | undefined;
  /** All that may have connections. */
  readonly live: Set<PoolRuntime> = new Set();
  /** What runtimes are made of, for each unit that is within no other; only where they are. */
  readonly #definition: PoolDefinition | undefined;
  readonly #events: Events;
  /** Whether handles are collected as garbage: not where that happens outside of any request. */
  readonly #isWatched: boolean;
  /** Has `createPool` not find it any more, if it does. */
  readonly #remove: (() => void) | undefined;
  #handles = 0;
  #isEnding = false;
  #ended: Promise<void> | undefined;
  #isEnded = false;

  /** Creates a pool in the async context to which its connections belong. */
  constructor(definition: PoolDefinition, remove?: () => void) {
    const { options, backend } = definition;
    this.clock = backend.clock ?? createClock();
    this.names = options.virtuals.map(({ name }) => name);
    this.compileMethod = backend.compileMethod;
    this.#events = eventsOutside(this.contexts);
    this.#isWatched = backend.lifespan !== "unit";
    this.#remove = remove;
    if (options.lifespan === "unit") this.#definition = definition;
    else {
      this.runtime = new PoolRuntime(definition, this.clock, this.#events, this.live);
      this.runtime.begin();
    }
  }

  /** Whether all has closed for good. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Returns a runtime for a unit to come, where each has one of its own. */
  newRuntime(): PoolRuntime {
    return new PoolRuntime(this.#definition!, this.clock, this.#events, this.live);
  }

  /** Returns a handle of it. */
  join(): Handle {
    const { admission } = this;
    const leave = this.#enter();
    const tally: Tally = { units: 0 };
    const isLast = (): boolean => this.#handles === 1;
    const handle = new Handle(admission, tally, this.#events, leave, isLast, this.#isWatched);
    if (!this.#isWatched) return handle;
    collected ??= new FinalizationRegistry((end) => end());
    collected.register(handle, () => {
      admission.forget(tally);
      if (leave()) void this.end();
    });
    return handle;
  }

  /**
   * Ends it for all its handles: nobody begins any more, and what is under way ends; fulfilled
   * when all has closed. Whoever asks for something from then on is told why.
   */
  end(why?: string): Promise<void> {
    this.admission.why ??= why;
    this.#beginEnd();
    return this.#ended ??= this.#end();
  }

  async #end(): Promise<void> {
    this.admission.close();
    for (const { interpreter } of this.live) interpreter.report({ type: "resumeRequested" });
    if (this.runtime === undefined) {
      await this.admission.empty;
    } else {
      const { interpreter } = this.runtime;
      interpreter.processRef.ref();
      await Promise.race([this.admission.empty, interpreter.finished]);
      await interpreter.finish();
      interpreter.processRef.unref();
    }
    this.#isEnded = true;
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
    this.#remove?.();
  }
}

/** Returns events whose listeners run outside any unit; they must not lead to the definition. */
function eventsOutside(contexts: UnitContexts): Events {
  return new Events((fn) => contexts.run(undefined, fn));
}

/** What belongs to one caller of `createPool`: the work begun through it, and its listeners. */
export class Handle extends Admission {
  /** Those whom it tells of the pool. */
  readonly listeners: Listeners;
  readonly #leave: () => boolean;
  readonly #isLast: () => boolean;
  #endsAll = false;

  /**
   * Creates a handle.
   *
   * @param pool What counts the work of all handles.
   * @param tally What its units are counted in.
   * @param events Emits the events of the pool.
   * @param leave Counts it out, the first time, and tells whether all ends with it.
   * @param isLast Tells whether it is the only one that has not been counted out.
   * @param isWeak Whether it may be collected as garbage.
   */
  constructor(
    pool: Admission,
    tally: Tally,
    events: Events,
    leave: () => boolean,
    isLast: () => boolean,
    isWeak: boolean,
  ) {
    super(pool, tally);
    this.listeners = new Listeners(events, isWeak);
    this.#leave = leave;
    this.#isLast = isLast;
  }

  /** Whether what the handles share ends with it, as it was the last to be drained. */
  get endsAll(): boolean {
    return this.#endsAll;
  }

  /** Whether what the handles share would end with it. */
  get isLast(): boolean {
    return this.#endsAll || this.#isLast();
  }

  /** Is one of the pool's handles no more, as it is drained. */
  leavePool(): void {
    if (this.#leave()) this.#endsAll = true;
  }
}
