/** Suggests a known word in place of an unknown one. */

import { SubletError } from "./errors.ts";

/** Returns the known word with the fewest edits to `word`, up to a third of its letters. */
export function closest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestEdits = Math.max(2, Math.floor(word.length / 3) + 1);
  for (const candidate of known) {
    const edits = editsBetween(word.toLowerCase(), candidate.toLowerCase());
    if (edits >= bestEdits) continue;
    best = candidate;
    bestEdits = edits;
  }
  return best;
}

/** Returns the suggestion for the end of an error message, or nothing if no word is similar. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const meant = closest(word, known);
  return meant === undefined ? "" : `; did you mean ${JSON.stringify(meant)}?`;
}

/** The error for an unknown name lists the names of a pool that has no more than so many. */
const NAMES_MAX = 5;

/** Returns the error for a virtual connection that does not exist. */
export function unknownName(name: string, known: Iterable<string>): SubletError {
  // Callers without types may give anything.
  const asked = String(name);
  const names = [...known];
  const list = names.map((name) => JSON.stringify(name)).join(", ");
  const hint = didYouMean(asked, names) || (names.length > NAMES_MAX ? "" : `: it has ${list}`);
  const message = `The pool has no virtual connection ${JSON.stringify(asked)}${hint}`;
  return new SubletError("OPTION_INVALID", "options", message);
}

/** Returns the edit distance of two words; two letters in the wrong order are one edit. */
function editsBetween(from: string, to: string): number {
  let before: readonly number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      const isSwapped = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swapped = isSwapped ? before[j - 2]! + 1 : Infinity;
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1, swapped));
    }
    before = row;
    row = next;
  }
  return row[to.length]!;
}
