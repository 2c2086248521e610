/** What servers have refused, by their addresses, so that nobody asks them again. */

import type { Target } from "./target.ts";

/** To wipe a session or to let another user in; to report all that session tracking can. */
export type Refusable = "wiping" | "full tracking";

/** How many addresses are remembered. */
const addressesMax = 1000;

/**
 * ER_UNKNOWN_COM_ERROR and ER_NOT_SUPPORTED_YET, by which proxies such as Vitess refuse a command.
 */
const refusingCommand: readonly unknown[] = [1047, 1235];
/** ER_PARSE_ERROR, ER_UNKNOWN_SYSTEM_VARIABLE, ER_WRONG_VALUE_FOR_VAR, ER_NOT_SUPPORTED_YET. */
const refusingVariable: readonly unknown[] = [1064, 1193, 1231, 1235];

/** Remembers what servers have refused. */
export class Refusals {
  readonly #known: Readonly<Record<Refusable, Set<string>>> = {
    "wiping": new Set(),
    "full tracking": new Set(),
  };

  /** Tells whether the server of a target has refused something. */
  has(what: Refusable, { addressKey }: Target): boolean {
    const known = this.#known[what];
    return known.size > 0 && known.has(addressKey);
  }

  /** Notes an error, if it is a refusal; tells whether it is. */
  learn(what: Refusable, { addressKey }: Target, error: unknown): boolean {
    const { errno, message } = Object(error) as { errno?: unknown; message?: unknown };
    const numbers = what === "wiping" ? refusingCommand : refusingVariable;
    // A node of a Galera cluster that is not ready uses the same number, and will be ready again.
    if (!numbers.includes(errno) || /wsrep/i.test(String(message))) return false;
    const known = this.#known[what];
    if (known.size >= addressesMax) known.clear();
    known.add(addressKey);
    return true;
  }
}
