/** What a pool knows of its virtual connections: the names they have, and where they lead. */

import type { VirtualId } from "../core/mod.ts";
import type { Target } from "../port.ts";
import { unknownName } from "./nearest.ts";
import type { TargetEntry, Targets } from "./targets.ts";

/**
 * How long a lease lasts: for its statement; from a statement that leaves something to ask for
 * (an id, a count of rows, a warning) to the end of the unit; for the unit.
 */
export type Hold = "statement" | "result" | "unit";

/** A virtual connection, as what runs its pool knows it. */
export interface Home {
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
export function homesOf(
  virtuals: readonly { readonly name: string; readonly hold: Hold }[],
  defined: readonly Target[],
  targets: Targets,
): readonly Home[] {
  return virtuals.map(({ name, hold }, id): Home => {
    return { id, name, target: targets.use(defined[id] as Target), hold };
  });
}

/** Returns the virtual connection of a name; throws if there is none. */
export function homeNamed(homes: readonly Home[], name: string): Home {
  const home = homes.find((home) => home.name === name);
  if (home === undefined) throw unknownName(name, homes.map((home) => home.name));
  return home;
}
