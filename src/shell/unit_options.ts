/** How a unit of work is run: its options, and what of them can be checked before it begins. */

import { SubletError } from "./errors.ts";
import { configNamed, type VirtualConfig } from "./virtual_config.ts";
import type { Host } from "./unit.ts";

/** How a unit of work is run; `Overlay` is what a target may be given of its own. */
export interface UnitOptions<Name extends string, Overrides extends object = object> {
  /** Ends its waits and statements when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Gives virtual connections another target in this unit: options that are laid over theirs. */
  readonly bind?: { readonly [N in Name]?: Overrides } | undefined;
  /** The virtual connections on which the whole unit is a transaction, each of its own. */
  readonly transaction?: Name | readonly Name[] | undefined;
  /**
   * How often it may be repeated after an error that makes this safe; 0 unless given. The first
   * comes after 25 to 50 ms, each later one after twice as long, up to a second: ten last for
   * 3 to 6.5 s.
   */
  readonly retries?: number | undefined;
  /** What the host gave the request (`ctx` of Workers): connections close after the answer. */
  readonly ctx?: Host | undefined;
}

/** Throws if a unit cannot be repeated so often. */
export function checkRetries(retries: number): void {
  if (Number.isSafeInteger(retries) && retries >= 0) return;
  const message = `The option "retries" must be a whole number from 0 on: received ${retries}`;
  throw new SubletError("OPTION_INVALID", "options", message);
}

/**
 * Returns the options that a unit gives each virtual connection that it names.
 *
 * @throws `SubletError` with the code `OPTION_INVALID` for a name that is unknown, or options that
 * are none.
 */
export function bindingsOf(
  virtualConfigs: readonly VirtualConfig[],
  bind: unknown,
): (readonly [virtualConfig: VirtualConfig, overrides: object])[] {
  if (!isRecord(bind)) throw invalid("bind", bind);
  return Object.entries(bind).flatMap(([name, overrides]) => {
    const virtualConfig = configNamed(virtualConfigs, name);
    if (overrides === undefined) return [];
    if (!isRecord(overrides)) throw invalid(`bind.${name}`, overrides);
    return [[virtualConfig, overrides] as const];
  });
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(option: string, received: unknown): SubletError {
  const shown = received === null ? "null" : Array.isArray(received) ? "an array" : typeof received;
  const message = `The option ${JSON.stringify(option)} must be an object: received ${shown}`;
  return new SubletError("OPTION_INVALID", "options", message);
}
