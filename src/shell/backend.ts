/** What a pool is created from: its resolved options, and the backend that opens sessions. */

import type { Connector, Target } from "../port/session.ts";
import type { PoolClock } from "./clock.ts";
import type { Lifespan, ResolvedOptions } from "./options.ts";
import type { CompiledMethod } from "./statement.ts";

/** A driver on a runtime. */
export interface Backend {
  /** Opens sessions. */
  readonly connector: Connector;
  /** The clock; by default, that of this process. */
  readonly clock?: PoolClock;
  /** The default of the option `lifespan`; "pool" unless given. */
  readonly lifespan?: Lifespan;
  /** The names of the options that belong to a target. */
  readonly targetOptions: readonly string[];
  /** Tells whether the target can be computed only when a unit of work begins. */
  isLate?(options: Readonly<Record<string, unknown>>): boolean;
  /** Returns the target that options describe; throws if the options are invalid. */
  targetOf(options: Readonly<Record<string, unknown>>): Target;
  /** Returns a copy of a target, with some of its options replaced. */
  retargetOf(base: Target, overrides: object): Target;
  /** Returns a key; two definitions have the same key only if they are equal. */
  keyOf(definition: object): string;
  /**
   * Returns a key that ignores functions and objects with a class; undefined if the definition has
   * neither.
   */
  shapeOf(definition: object): string | undefined;
  /** Finds the parameters in an SQL text. */
  compileMethod(sql: string): CompiledMethod;
  /** Tells whether the pool may repeat a unit that failed with this error. */
  isRepeatable(error: unknown): boolean;
  /** Tells whether an error means that the connection was lost. */
  isLoss(error: unknown): boolean;
}

/** All that is needed to create a pool. */
export interface PoolDefinition {
  /** The options of the pool. */
  readonly options: ResolvedOptions;
  /** The driver, on a runtime. */
  readonly backend: Backend;
  /** Returns the target of each virtual connection; throws if one is invalid, or not known yet. */
  readonly targets: () => readonly Target[];
}
