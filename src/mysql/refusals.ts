/** Remembers by address what a server has refused, so that no session asks for it again. */

import { errnoOf } from "./errors.ts";
import type { Target } from "./target.ts";

/**
 * What a server may refuse. "wiping": a reset or a new login; "full tracking": to report
 * transactions, sql_mode and collations; "checks": to tell the role and what outlives a reset;
 * "look-up": to show its views and triggers.
 */
export type Refusable = "wiping" | "full tracking" | "checks" | "look-up";

/** How many addresses to remember for each kind of refusal. */
const addressesMax = 1000;

/** The error numbers that count as a refusal. */
const refusing: Readonly<Record<Refusable, readonly unknown[]>> = {
  // ER_UNKNOWN_COM_ERROR and ER_NOT_SUPPORTED_YET: proxies such as Vitess refuse with these.
  "wiping": [1047, 1235],
  // ER_PARSE_ERROR, ER_UNKNOWN_SYSTEM_VARIABLE, ER_WRONG_VALUE_FOR_VAR, ER_NOT_SUPPORTED_YET.
  "full tracking": [1064, 1193, 1231, 1235],
  // ER_BAD_DB_ERROR, ER_PARSE_ERROR, ER_UNKNOWN_ERROR, ER_UNKNOWN_TABLE, ER_NO_SUCH_TABLE,
  // ER_NOT_SUPPORTED_YET, ER_SP_DOES_NOT_EXIST, ER_FUNC_INEXISTENT_NAME_COLLISION.
  "checks": [1049, 1064, 1105, 1109, 1146, 1235, 1305, 1630],
  // ER_BAD_DB_ERROR, ER_PARSE_ERROR, ER_UNKNOWN_ERROR (Vitess), ER_UNKNOWN_TABLE,
  // ER_NO_SUCH_TABLE, ER_NOT_SUPPORTED_YET.
  "look-up": [1049, 1064, 1105, 1109, 1146, 1235],
};

/** Remembers what servers have refused. */
export class Refusals {
  readonly #known: Readonly<Record<Refusable, Set<string>>> = {
    "wiping": new Set(),
    "full tracking": new Set(),
    "checks": new Set(),
    "look-up": new Set(),
  };

  /** Returns whether the server of a target has refused something. */
  has(what: Refusable, { addressKey }: Target): boolean {
    const known = this.#known[what];
    return known.size > 0 && known.has(addressKey);
  }

  /** Remembers an error if it is a refusal; returns whether it is. */
  learn(what: Refusable, { addressKey }: Target, error: unknown): boolean {
    const errno = errnoOf(error);
    const { message } = Object(error) as { message?: unknown };
    // A Galera node that is not ready answers with the same number, but will be ready again.
    if (!refusing[what].includes(errno) || /wsrep/i.test(String(message))) return false;
    const known = this.#known[what];
    if (known.size >= addressesMax) known.clear();
    known.add(addressKey);
    return true;
  }
}

/** Returns whether an error comes from the server, not from the driver or the system. */
export function isOfServer(error: unknown): boolean {
  return error instanceof Error && "sqlState" in error;
}
