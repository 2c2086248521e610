/**
 * Character sets, by the names that the option `charset` takes: names of the driver's table, of
 * collations or of character sets.
 */

import { errnoOf } from "./errors.ts";
import mysql2 from "mysql2";

/** The character set of a session: a login sends the number of its collation, a statement names. */
export interface Charset {
  /** The number of its collation. */
  readonly number: number;
  /** The clause that sets it, to follow SET. */
  readonly names: string;
}

/** The driver's table. */
const numbers: ReadonlyMap<string, number> = new Map(Object.entries(mysql2.Charsets));
/** UTF8MB4_UNICODE_CI, the default, which each server since MySQL 5.5 knows. */
const known = 224;
/** Errors of SET NAMES: an unknown character set or collation, or one that does not fit. */
const unknown: readonly unknown[] = [1115, 1231, 1253, 1273];

/** Tells whether the driver's table has a name, and a client can use it. */
export function isCharset(name: string): boolean {
  return numbers.has(name.toUpperCase()) && !/^(?:ucs2|utf16|utf16le|utf32)(?:_|$)/i.test(name);
}

/** Returns the character set of a name; throws if the driver's table does not have the name. */
export function charsetOf(name: string): Charset {
  const number = numbers.get(name.toUpperCase());
  if (number === undefined) throw new RangeError(`mysql2 knows no character set ${name}`);
  const collation = [...numbers].find(([other, its]) => its === number && other.includes("_"))?.[0]
    .toLowerCase();
  if (collation === undefined) return { number, names: `NAMES ${name}` };
  const set = collation.slice(0, collation.indexOf("_"));
  return { number, names: `NAMES ${set} COLLATE ${collation}` };
}

/** Tells whether each server knows a character set by its number. */
export function isKnownByAll({ number }: Charset): boolean {
  return number === known;
}

/** Tells whether a server refused `NAMES` as it does not know them, or takes them of no client. */
export function isUnknownCharset(error: unknown): boolean {
  return unknown.includes(errnoOf(error));
}
