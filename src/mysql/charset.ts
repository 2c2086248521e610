/**
 * Names and numbers of character sets. A login gives the number of a collation, a statement
 * its name; the driver knows which belong together.
 */

import mysql2 from "mysql2";

/** The character set of a session. */
export interface Charset {
  /** The number of its collation. */
  readonly number: number;
  /** What sets it, behind SET. */
  readonly names: string;
}

/** Returns what the driver takes a name for: that of a collation or of a character set. */
export function charsetOf(name: string): Charset {
  const numbers = Object.entries(mysql2.Charsets);
  const number = numbers.find(([known]) => known === name.toUpperCase())?.[1];
  if (number === undefined) throw new RangeError(`The driver knows no character set ${name}`);
  const collations = numbers.filter(([known, its]) => its === number && known.includes("_"));
  const collation = collations[0]?.[0].toLowerCase();
  if (collation === undefined) return { number, names: `NAMES ${name}` };
  const set = collation.slice(0, collation.indexOf("_"));
  return { number, names: `NAMES ${set} COLLATE ${collation}` };
}
