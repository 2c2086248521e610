/**
 * Which tools, test files and suites `npm test -- WORD…` runs: those whose title or path contains
 * one of the words.
 */

import { closest } from "../../src/shell/did_you_mean.ts";

/** How many names an unknown word is answered with. */
const nearMax = 6;

/** What has a title or a path, or both. */
export interface Named {
  /** Its title; empty if it has none. */
  readonly title: string;
  /** Its path, or the command that holds its paths. */
  readonly path: string;
}

/** Returns those of several that match one of the words; all of them if there is no word. */
export function select<T extends Named>(all: readonly T[], words: readonly string[]): T[] {
  return all.filter((one) => words.length === 0 || words.some((word) => matches(one, word)));
}

/** Throws an error that names the words that match nothing, and what they may have meant. */
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

/** Returns the names that have a part which differs least from a word. */
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
