/** Which of the words that are known somebody may have meant. */

import { SubletError } from "./errors.ts";

/** Returns the word that takes the fewest edits to become, if it is similar at all. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestEdits = Math.max(2, Math.ceil(word.length / 2));
  for (const candidate of known) {
    const edits = editsBetween(word.toLowerCase(), candidate.toLowerCase());
    if (edits >= bestEdits) continue;
    best = candidate;
    bestEdits = edits;
  }
  return best;
}

/** Returns what is added to an error about an unknown word, if one that is known is similar. */
export function hintOf(word: string, known: Iterable<string>): string {
  const meant = nearest(word, known);
  return meant === undefined ? "" : `; the nearest is ${JSON.stringify(meant)}`;
}

/** Returns the error that there is no virtual connection of a name. */
export function unknownName(name: string, known: Iterable<string>): SubletError {
  const prose = `There is no virtual connection ${JSON.stringify(name)}${hintOf(name, known)}`;
  return new SubletError("OPTION_INVALID", "options", prose);
}

/** Counts the letters to insert, delete or replace (Wagner and Fischer, 1974). */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
