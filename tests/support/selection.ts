/**
 * Selects the tools, test files and suites that `npm test -- WORD…` runs: those whose title or path
 * contains one of the words.
 */

import { closest } from "../../src/shell/did_you_mean.ts";

/** How many similar names the error of an unknown word lists. */
const nearMax = 6;

/** An item with a title or a path, or both. */
export interface Named {
  /** Its title; empty if it has none. */
  readonly title: string;
  /** Its path, or the command that holds its paths. */
  readonly path: string;
}

/** Returns the items that match one of the words; all items if there is no word. */
export function select<T extends Named>(all: readonly T[], words: readonly string[]): T[] {
  return all.filter((one) => words.length === 0 || words.some((word) => matches(one, word)));
}

/** Throws an error that names the words without a match, and similar names. */
export function checkWords(all: readonly Named[], words: readonly string[]): void {
  const unknown = words.filter((word) => !all.some((one) => matches(one, word)));
  if (unknown.length === 0) return;
  const reasons = unknown.map((word) => {
    const near = nearOnes(all, word);
    const hint = near.length === 0 ? "" : `; near ones are ${near.join(", ")}`;
    return `No tool, test file or suite has ${JSON.stringify(word)} in its title or path${hint}`;
  });
  throw new RangeError(reasons.join("\n"));
}

/** Returns the names that contain the part most similar to a word. */
function nearOnes(all: readonly Named[], word: string): string[] {
  const partsOf = ({ title, path }: Named): string[] => `${title} ${path}`.split(/[^A-Za-z0-9]+/);
  const part = closest(word, new Set(all.flatMap(partsOf)));
  if (part === undefined) return [];
  const found = all.filter((one) => partsOf(one).includes(part));
  return found.slice(0, nearMax).map(({ title, path }) => title === "" ? path : `"${title}"`);
}

function matches({ title, path }: Named, word: string): boolean {
  return `${title}\n${path}`.toLowerCase().includes(word.toLowerCase());
}
