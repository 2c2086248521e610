/** The options of a unit of work, and the checks that the pool makes before its code runs. */

import { SubletError } from "./errors.ts";
import { kindOf } from "./option_names.ts";
import { configNamed, type VirtualConfig } from "./virtual_config.ts";
import type { Host } from "./unit.ts";

/** The options of a unit of work; `Overrides` are the options of a target that `bind` takes. */
export interface UnitOptions<Name extends string, Overrides extends object = object> {
  /** Its abort ends the waits and statements of the unit. */
  readonly signal?: AbortSignal | undefined;
  /** Options that replace those of the targets of virtual connections in this unit. */
  readonly bind?: { readonly [N in Name]?: Overrides } | undefined;
  /** The virtual connections on each of which the whole unit is one transaction. */
  readonly transaction?: Name | readonly Name[] | undefined;
  /**
   * How often the pool may repeat the unit after an error that makes this safe; 0 unless given.
   * The first repetition comes after 25 to 50 ms; this delay doubles each time, up to a second.
   * Ten repetitions last for 3 to 6.5 s.
   */
  readonly retries?: number | undefined;
  /** The host's object for the request (`ctx` of Workers): connections close after the response. */
  readonly ctx?: Host | undefined;
}

/** The names of the options of a unit. */
export const UNIT_OPTIONS: ReadonlySet<string> = new Set(
  ["bind", "ctx", "retries", "signal", "transaction"] satisfies (keyof UnitOptions<string>)[],
);

/** Throws if `retries` is not a whole number from 0 on. */
export function checkRetries(retries: number): void {
  if (Number.isSafeInteger(retries) && retries >= 0) return;
  const message = `The option "retries" must be a whole number from 0 on: received ${
    kindOf(retries)
  }`;
  throw new SubletError("OPTION_INVALID", "options", message);
}

/**
 * Returns the virtual connections in the option `transaction`.
 *
 * @throws `SubletError` with the code `OPTION_INVALID` if it is neither a name nor an array of
 * names, or if a name is unknown.
 */
export function transactionsOf(
  virtualConfigs: readonly VirtualConfig[],
  transaction: UnitOptions<string>["transaction"] = [],
): VirtualConfig[] {
  const names = typeof transaction === "string" ? [transaction] : transaction;
  if (!Array.isArray(names)) {
    throw invalid("transaction", "the name of a virtual connection, or an array of names", names);
  }
  return names.map((name: string) => configNamed(virtualConfigs, name));
}

/**
 * Returns the virtual connections in the option `bind`, each with the options that it gets there.
 *
 * @throws `SubletError` with the code `OPTION_INVALID` if a name is unknown, or if `bind` or one of
 * its values is not an object.
 */
export function bindingsOf(
  virtualConfigs: readonly VirtualConfig[],
  bind: unknown,
): (readonly [virtualConfig: VirtualConfig, overrides: object])[] {
  if (!isRecord(bind)) throw invalid("bind", "an object", bind);
  return Object.entries(bind).flatMap(([name, overrides]) => {
    const virtualConfig = configNamed(virtualConfigs, name);
    if (overrides === undefined) return [];
    if (!isRecord(overrides)) throw invalid(`bind.${name}`, "an object", overrides);
    return [[virtualConfig, overrides] as const];
  });
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(option: string, wanted: string, received: unknown): SubletError {
  const message = `The option ${JSON.stringify(option)} must be ${wanted}: received ${
    kindOf(received)
  }`;
  return new SubletError("OPTION_INVALID", "options", message);
}
