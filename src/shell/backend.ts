/** What a pool is created from: its resolved options, and the backend that opens sessions. */

import type { Connector, Target } from "../port.ts";
import type { PoolClock } from "./clock.ts";
import type { Lifespan, ResolvedOptions } from "./options.ts";
import type { CompiledMethod } from "./statement.ts";

/** A driver on a runtime. */
export interface Backend {
  /** Opens sessions. */
  readonly connector: Connector;
  /** Tells the time; this process's clock unless given. */
  readonly clock?: PoolClock;
  /** How long actual connections live unless the options say otherwise; as their pool. */
  readonly lifespan?: Lifespan;
  /** The names of the options that belong to a target. */
  readonly targetOptions: readonly string[];
  /** Tells whether options can only be read when a unit of work is there. */
  isLate?(options: Readonly<Record<string, unknown>>): boolean;
  /** Returns the target that options describe; throws if they describe none. */
  targetOf(options: Readonly<Record<string, unknown>>): Target;
  /** Returns a copy of a target with other options. */
  retargetOf(base: Target, overrides: object): Target;
  /** Returns a key that is equal for equal definitions only. */
  keyOf(definition: object): string;
  /** Returns a key of all but functions and objects with a class; nothing if there are none. */
  shapeOf(definition: object): string | undefined;
  /** Finds the parameters of an SQL text. */
  compileMethod(sql: string): CompiledMethod;
  /** Tells whether a unit that failed with an error may be repeated. */
  isRepeatable(error: unknown): boolean;
  /** Tells whether an error says that the connection was lost. */
  isLoss(error: unknown): boolean;
}

/** A pool that nobody has used yet. */
export interface PoolDefinition {
  /** Its options. */
  readonly options: ResolvedOptions;
  /** What it knows of a driver and a runtime. */
  readonly backend: Backend;
  /** Returns the target of each virtual connection; throws if one cannot be known yet. */
  readonly targets: () => readonly Target[];
}
