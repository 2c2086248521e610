/** Whether what the driver puts for the placeholders of a statement is data, and nothing else. */

import { NO_BACKSLASH_ESCAPES } from "./lexer.ts";

/**
 * Tells whether a text stays what it is when the driver puts values into it: whether it finds the
 * same strings in the text as the server, and the values become nothing but literals and names.
 *
 * @param mode The sql_mode, by the bits of lexer.ts.
 */
export function areHarmless(sql: string, values: unknown, mode: number): boolean {
  if (values === undefined || !sql.includes("?") && !sql.includes(":")) return true;
  // To the driver a backslash escapes, in the text and in the strings it writes.
  const isForeign = (mode & NO_BACKSLASH_ESCAPES) !== 0;
  if (isForeign && sql.includes("\\")) return false;
  const list = Array.isArray(values) ? values : [values];
  // Of what is empty the driver writes nothing, so that what is beside it comes together.
  return list.every((value) => isData(value, isForeign, 0) && !isEmpty(value));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && !(value instanceof Date) &&
    !(value instanceof Uint8Array) && Object.keys(value).length === 0;
}

/** How deep lists of lists may be. */
const depthMax = 6;

function isData(value: unknown, isQuoteOpen: boolean, depth: number): boolean {
  if (typeof value === "string") return !isQuoteOpen || !value.includes("'");
  if (typeof value !== "object" || value === null) return typeof value !== "function";
  if (Array.isArray(value)) {
    return depth < depthMax && value.every((item) => isData(item, isQuoteOpen, depth + 1));
  }
  if ("toSqlString" in value) return false;
  if (value instanceof Date || value instanceof Uint8Array) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return depth < depthMax &&
    Object.values(value).every((item) => isData(item, isQuoteOpen, depth + 1));
}
