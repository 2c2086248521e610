/** What a pool knows of its virtual connections: the names they have, and where they lead. */

import type { VirtualId } from "../core/mod.ts";
import type { Target } from "../port/session.ts";
import { unknownName } from "./did_you_mean.ts";
import type { TargetEntry, Targets } from "./targets.ts";

/**
 * How long a lease lasts: for its statement; from a statement that leaves something to ask for
 * (an id, a count of rows, a warning) to the end of the unit; for the unit.
 */
export type Hold = "statement" | "result" | "unit";

/** A virtual connection, as what runs its pool knows it. */
export interface VirtualConfig {
  /** Its number. */
  readonly id: VirtualId;
  /** Its name. */
  readonly name: string;
  /** Where it leads, unless a unit binds it elsewhere. */
  readonly target: TargetEntry;
  /** How long a lease lasts. */
  readonly hold: Hold;
}

/** Returns the virtual connections that have been declared, with a target for each. */
export function configsOf(
  virtuals: readonly { readonly name: string; readonly hold: Hold }[],
  defined: readonly Target[],
  targets: Targets,
): readonly VirtualConfig[] {
  return virtuals.map(({ name, hold }, id): VirtualConfig => {
    return { id, name, target: targets.use(defined[id] as Target), hold };
  });
}

/** Returns the virtual connection of a name; throws if there is none. */
export function configNamed(configs: readonly VirtualConfig[], name: string): VirtualConfig {
  const config = configs.find((config) => config.name === name);
  if (config === undefined) throw unknownName(name, configs.map((config) => config.name));
  return config;
}
