/** The virtual connections of a pool: their names, their targets, and how long leases last. */

import type { VirtualId } from "../core/mod.ts";
import type { Target } from "../port/session.ts";
import { unknownName } from "./did_you_mean.ts";
import type { TargetEntry, Targets } from "./targets.ts";

/**
 * How long a lease lasts. "statement": until its statement ends. "result": the same, but to the end
 * of the unit if a statement leaves something to read (an id, a row count, a warning). "unit": to
 * the end of the unit.
 */
export type Hold = "statement" | "result" | "unit";

/** The definition of a virtual connection. */
export interface VirtualConfig {
  /** Its id. */
  readonly id: VirtualId;
  /** Its name. */
  readonly name: string;
  /** Its target, unless a unit binds another one. */
  readonly target: TargetEntry;
  /** How long a lease through it lasts. */
  readonly hold: Hold;
}

/** Returns the declared virtual connections, each with its target. */
export function configsOf(
  virtuals: readonly { readonly name: string; readonly hold: Hold }[],
  defined: readonly Target[],
  targets: Targets,
): readonly VirtualConfig[] {
  return virtuals.map(({ name, hold }, id): VirtualConfig => {
    return { id, name, target: targets.use(defined[id] as Target), hold };
  });
}

/** Returns the virtual connection with a name; throws if there is none. */
export function configNamed(configs: readonly VirtualConfig[], name: string): VirtualConfig {
  const config = configs.find((config) => config.name === name);
  if (config === undefined) throw unknownName(name, configs.map((config) => config.name));
  return config;
}
