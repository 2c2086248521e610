/**
 * The state that all handles of one pool share, and the state of each handle.
 *
 * A shared pool counts its handles, and ends with the last one. It holds no reference to a handle;
 * only what works through a handle refers to it: its `Pool`, virtual connections, methods, units
 * and leases. So a handle that no code can use any more is garbage-collected, and then counts as
 * drained.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { Admission, type Tally } from "./admission.ts";
import { createClock, type PoolClock } from "./clock.ts";
import type { PoolDefinition } from "./backend.ts";
import { Events, Listeners } from "./events.ts";
import { PoolRuntime } from "./pool_runtime.ts";
import type { CompiledMethod } from "./statement.ts";
import type { UnitContexts } from "./unit.ts";

/** Reports garbage-collected handles; created with the first handle that is watched. */
let collected: FinalizationRegistry<() => void> | undefined;

/** The part of a pool that its handles share. */
export class SharedPool {
  /** The clock of the pool. */
  readonly clock: PoolClock;
  /** Gives running code its unit of work, and its transaction. */
  readonly contexts: UnitContexts = new AsyncLocalStorage();
  /** Counts the work of all handles, and refuses new work once the pool ends. */
  readonly admission: Admission = new Admission();
  /** The names of the virtual connections, by their ids. */
  readonly names: readonly string[];
  /** Finds the parameters in an SQL text. */
  readonly compileMethod: (sql: string) => CompiledMethod;
  /** The runtime of the pool, unless each outermost unit has its own. */
  readonly runtime: PoolRuntime | undefined;
  /** The runtimes that may have connections. */
  readonly live: Set<PoolRuntime> = new Set();
  /** The definition, from which outermost units create runtimes; only with `lifespan: "unit"`. */
  readonly #definition: PoolDefinition | undefined;
  readonly #events: Events;
  /** Whether handles are watched for collection: not where that runs outside any request. */
  readonly #isWatched: boolean;
  /** Removes the pool from the registry of `createPool`, if it is there. */
  readonly #remove: (() => void) | undefined;
  #handles = 0;
  #isEnding = false;
  #ended: Promise<void> | undefined;
  #isEnded = false;

  /** Creates a pool; its runtime, if it has one, belongs to the caller's async context. */
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

  /** Whether the pool has ended, and all its connections have closed. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Returns a new runtime for an outermost unit; only with `lifespan: "unit"`. */
  newRuntime(): PoolRuntime {
    return new PoolRuntime(this.#definition!, this.clock, this.#events, this.live);
  }

  /** Returns a new handle of the pool. */
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
   * Ends the pool for all its handles: it refuses new work, with the reason `why`, and lets work
   * under way end. Fulfilled when all connections have closed.
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

  /** Counts a handle. The returned function uncounts it, and returns whether the pool is ending. */
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

/** Returns events whose listeners run outside any unit. They must not refer to the definition. */
function eventsOutside(contexts: UnitContexts): Events {
  return new Events((fn) => contexts.run(undefined, fn));
}

/** One caller's handle of a pool: counts the work that began through it, and has its listeners. */
export class Handle extends Admission {
  /** The listeners that were added through it. */
  readonly listeners: Listeners;
  readonly #leave: () => boolean;
  readonly #isLast: () => boolean;
  #hasLeft = false;
  #endsAll = false;

  /**
   * Creates a handle.
   *
   * @param pool Counts the work of all handles.
   * @param tally The count of its own units.
   * @param events Emits the events of the pool.
   * @param leave Uncounts it, and returns whether the pool is ending; false after the first call.
   * @param isLast Tells whether only one handle of the pool is still counted.
   * @param isWeak Whether the pool refers to its listeners only weakly.
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

  /** Whether the pool ends with it, as it was the last handle to be drained. */
  get endsAll(): boolean {
    return this.#endsAll;
  }

  /** Whether the pool ends with it, or would if it were drained now. */
  get isLast(): boolean {
    return this.#endsAll || !this.#hasLeft && this.#isLast();
  }

  /** Leaves the pool, as the handle is drained. */
  leavePool(): void {
    this.#hasLeft = true;
    if (this.#leave()) this.#endsAll = true;
  }
}
