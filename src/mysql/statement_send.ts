/** Hands statements to the driver, as it takes them. */

import type { Statement } from "../port.ts";
import type { DriverInternals } from "./internals.ts";
import { type Answer, executeCached } from "./prepared.ts";

/** Has the driver run a statement; `answer` gets what it brings. */
export function send(
  driver: DriverInternals,
  { sql, values, isPrepared, options }: Statement,
  answer: Answer,
): void {
  const text = options === undefined ? sql : { ...options, sql, values };
  const given = options === undefined ? values : undefined;
  if (isPrepared) executeCached(driver, text, given, answer);
  else driver.query(text, given, answer);
}

/** Tells whether the rows of a statement are read by the driver alone, and no code of a caller. */
export function isReadByDriver({ config }: DriverInternals, { options }: Statement): boolean {
  const { typeCast = config.typeCast } = options as { typeCast?: unknown } ?? {};
  return typeof typeCast !== "function";
}
