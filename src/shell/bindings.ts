/** What a unit of work gives virtual connections of its own: options that are laid over theirs. */

import { SubletError } from "./errors.ts";
import type { Home } from "./parts.ts";
import { homeNamed } from "./realms.ts";

/**
 * Returns the options that a unit gives each virtual connection that it names.
 *
 * @throws `SubletError` with the code `OPTION_INVALID` for a name that is unknown, or options that
 * are none.
 */
export function bindingsOf<Target>(
  homes: readonly Home<Target>[],
  bind: unknown,
): (readonly [home: Home<Target>, overlay: object])[] {
  if (!isRecord(bind)) throw invalid("bind", bind);
  return Object.entries(bind).flatMap(([name, overlay]) => {
    const home = homeNamed(homes, name);
    if (overlay === undefined) return [];
    if (!isRecord(overlay)) throw invalid(`bind.${name}`, overlay);
    return [[home, overlay] as const];
  });
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(option: string, received: unknown): SubletError {
  const shown = received === null ? "null" : Array.isArray(received) ? "an array" : typeof received;
  const prose = `The option ${JSON.stringify(option)} must be an object: received ${shown}`;
  return new SubletError("OPTION_INVALID", "options", prose);
}
