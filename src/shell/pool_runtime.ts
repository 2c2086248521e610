/**
 * What runs a pool or, where connections live no longer than a unit of work, one unit of it that
 * is within no other.
 *
 * Some hosts, Cloudflare Workers above all, tie sockets, timers and promises to the request
 * that made them. What such units share is the definition, and nothing that runs.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Target } from "../port.ts";
import type { PoolClock } from "./clock.ts";
import type { PoolDefinition } from "./backend.ts";
import { configsOf, type VirtualConfig } from "./virtual_config.ts";
import { Interpreter } from "./interpreter.ts";
import { Leaks } from "./leaks.ts";
import type { Events } from "./events.ts";
import type { RunDetached } from "./process_ref.ts";
import { Targets } from "./targets.ts";

/** One set of actual connections, and what runs them. */
export class PoolRuntime {
  /** Runs the core. */
  readonly interpreter: Interpreter;
  /** The targets in use. */
  readonly targets: Targets;
  /** The virtual connections, by their numbers. */
  readonly virtualConfigs: readonly VirtualConfig[];
  /** Who has held a lease for too long. */
  readonly leaks: Leaks;
  /** Whether it lives no longer than one unit of work. */
  readonly isPerUnit: boolean;
  /** Returns a copy of a target with other options. */
  readonly retargetOf: (virtualConfig: Target, overrides: object) => Target;
  /** Tells whether an error says that the connection was lost. */
  readonly isLoss: (error: unknown) => boolean;
  /** Tells whether work that failed with an error may be done once more. */
  readonly isRepeatable: (error: unknown) => boolean;
  readonly #live: Set<PoolRuntime>;

  /**
   * Creates what has done nothing, in an async context that is whoever's asks for it. It does not
   * keep the definition.
   *
   * @param definition What is to run.
   * @param clock What tells the time.
   * @param events Emits the events of the pool.
   * @param live Holds it from its begin to its end, with the others that may have connections.
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
    this.virtualConfigs = virtualConfigs;
    // Where sockets belong to requests, garbage is collected outside of any: none can be used.
    this.leaks = new Leaks(clock, runDetached, events, options.leakMs, lifespan !== "unit");
    this.isPerUnit = options.lifespan === "unit";
    this.retargetOf = retargetOf;
    this.isLoss = isLoss;
    this.isRepeatable = isRepeatable;
    this.#live = live;
  }

  /** Begins: from now on it may have connections. */
  begin(): void {
    this.#live.add(this);
  }

  /** Serves those who wait, and closes all; fulfilled when that is done. */
  end(): Promise<void> {
    return this.interpreter.finish().then(() => void this.#live.delete(this));
  }
}
