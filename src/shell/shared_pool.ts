/**
 * What the handles of one pool share, and what each handle has of its own.
 *
 * A shared pool counts its handles, and ends with the last one. It has no reference to a handle;
 * the `Pool`, virtual connections, methods, units and leases of a handle have one. So a handle that
 * the program cannot reach any more is garbage-collected, and then counts as drained.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { Admission, type Tally } from "./admission.ts";
import { createClock, type PoolClock } from "./clock.ts";
import type { PoolDefinition } from "./backend.ts";
import { Events, Listeners } from "./events.ts";
import { PoolRuntime } from "./pool_runtime.ts";
import type { CompiledMethod } from "./statement.ts";
import type { UnitContexts } from "./unit.ts";

/** Calls back for each garbage-collected handle; created with the first handle. */
let collected: FinalizationRegistry<() => void> | undefined;

/** A pool that several handles share. */
export class SharedPool {
  /** The clock of the pool. */
  readonly clock: PoolClock;
  /** The work context of the running code: its unit of work and transaction. */
  readonly contexts: UnitContexts = new AsyncLocalStorage();
  /** Counts the work of all handles, and refuses new work once the pool ends. */
  readonly admission: Admission = new Admission();
  /** The names of the virtual connections, by their ids. */
  readonly names: readonly string[];
  /** Finds the parameters of an SQL text. */
  readonly compileMethod: (sql: string) => CompiledMethod;
  /** The runtime, if connections live as long as the pool. */
  readonly runtime: PoolRuntime | undefined;
  /** All runtimes that may have connections. */
  readonly live: Set<PoolRuntime> = new Set();
  /** The definition, if each outermost unit creates a runtime of its own. */
  readonly #definition: PoolDefinition | undefined;
  readonly #events: Events;
  /** Whether garbage-collected handles count as drained; not on Workers. */
  readonly #isWatched: boolean;
  /** Removes the pool from the registry, if it is registered. */
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

  /** Whether all connections have closed for good. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Returns a runtime for a new outermost unit. */
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
   * Ends the pool for all its handles: it refuses new work with `why`, and lets the work under way
   * end. Fulfilled when all connections have closed.
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

  /** Counts a handle; returns a function that counts it out, and tells whether the pool ends. */
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

/** What belongs to one call of `createPool`: its work and its listeners. */
export class Handle extends Admission {
  /** Its listeners to events of the pool. */
  readonly listeners: Listeners;
  readonly #leave: () => boolean;
  readonly #isLast: () => boolean;
  #endsAll = false;

  /**
   * Creates a handle.
   *
   * @param pool Counts the work of all handles.
   * @param tally Counts its units.
   * @param events Emits the events of the pool.
   * @param leave Counts the handle out, once, and tells whether the pool ends with it.
   * @param isLast Tells whether all other handles have been counted out.
   * @param isWeak Whether the handle may be garbage-collected.
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

  /** Whether the shared pool ends with this handle, as it was the last to be drained. */
  get endsAll(): boolean {
    return this.#endsAll;
  }

  /** Whether the shared pool would end with this handle. */
  get isLast(): boolean {
    return this.#endsAll || this.#isLast();
  }

  /** Leaves the shared pool, as the handle is drained. */
  leavePool(): void {
    if (this.#leave()) this.#endsAll = true;
  }
}
