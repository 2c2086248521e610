/**
 * The runtime of a pool or, with `lifespan: "unit"`, of one outermost unit of work.
 *
 * Some hosts, Cloudflare Workers above all, tie sockets, timers and promises to the request that
 * created them. There, units share the definition of the pool, and nothing that runs.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Target } from "../port/session.ts";
import type { PoolClock } from "./clock.ts";
import type { PoolDefinition } from "./backend.ts";
import { configsOf, type VirtualConfig } from "./virtual_config.ts";
import { Interpreter } from "./interpreter.ts";
import { Leaks } from "./leaks.ts";
import type { Events } from "./events.ts";
import type { RunDetached } from "./process_ref.ts";
import { Targets } from "./targets.ts";

/** One set of actual connections, and all that runs it. */
export class PoolRuntime {
  /** Runs the core. */
  readonly interpreter: Interpreter;
  /** The targets in use. */
  readonly targets: Targets;
  /** The virtual connections, by their ids. */
  readonly virtualConfigs: readonly VirtualConfig[];
  /** Emits the events of the pool. */
  readonly events: Events;
  /** Detects forgotten leases. */
  readonly leaks: Leaks;
  /** Whether it ends with an outermost unit of work. */
  readonly isPerUnit: boolean;
  /** Returns a copy of a target, with some of its options replaced. */
  readonly retargetOf: (virtualConfig: Target, overrides: object) => Target;
  /** Tells whether an error means that the connection was lost. */
  readonly isLoss: (error: unknown) => boolean;
  /** Tells whether the pool may repeat a unit that failed with this error. */
  readonly isRepeatable: (error: unknown) => boolean;
  readonly #live: Set<PoolRuntime>;

  /**
   * Creates a runtime, whose connections will belong to the caller's async context. It does not
   * keep the definition.
   *
   * @param definition The definition of the pool.
   * @param clock The clock of the pool.
   * @param events Emits the events of the pool.
   * @param live The runtimes of the pool that may have connections; it is in there while it runs.
   */
  constructor(
    definition: PoolDefinition,
    clock: PoolClock,
    events: Events,
    live: Set<PoolRuntime>,
  ) {
    const { options, backend } = definition;
    const { connector, retargetOf, isLoss, isRepeatable, lifespan } = backend;
    const runDetached: RunDetached = AsyncLocalStorage.snapshot();
    const targets = new Targets(connector);
    const virtualConfigs = configsOf(options.virtuals, definition.targets(), targets);
    const virtuals = options.virtuals.map(({ limit, minimum }, id) => {
      return { target: virtualConfigs[id]!.target.id, limit, minimum };
    });
    this.interpreter = new Interpreter({
      policy: { ...options.policy, virtuals },
      names: virtualConfigs.map(({ name }) => name),
      connector,
      clock,
      runDetached,
      targets,
      events,
      isResetAlways: options.isResetAlways,
      acquireMs: options.acquireMs,
    });
    this.targets = targets;
    this.events = events;
    this.virtualConfigs = virtualConfigs;
    // Where sockets belong to requests, garbage collection runs outside any, and can use no socket.
    this.leaks = new Leaks(clock, runDetached, events, options.leakMs, lifespan !== "unit");
    this.isPerUnit = options.lifespan === "unit";
    this.retargetOf = retargetOf;
    this.isLoss = isLoss;
    this.isRepeatable = isRepeatable;
    this.#live = live;
  }

  /** Adds it to the live runtimes: from now on it may have connections. */
  begin(): void {
    this.#live.add(this);
  }

  /** Drains it: serves the waiters, then closes all connections; fulfilled when done. */
  end(): Promise<void> {
    return this.interpreter.finish().then(() => void this.#live.delete(this));
  }
}
