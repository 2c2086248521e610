/**
 * The English of comments, docstrings, messages, test names and documents: turns that make a
 * reader stop are not used, except in the places listed here.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root, sources } from "./support/source.ts";

/** A turn that is not used, and what to write in its place. */
const turns: readonly (readonly [turn: RegExp, instead: string])[] = [
  [/\bbut for\b/gi, "except"],
  [/\bby chance\b/gi, "at random"],
  [/\blikewise\b/gi, "the same, too"],
  [/\bwho(?:m)?ever\b/gi, "the caller, each holder"],
  [/\b(?:is|are|was|were|be|been) (?:said|told)\b/gi, "says or tells, with the actor"],
  [
    /\bwho (?:waits?|asks?|reads?|listens?|comes?|uses?|wants?|needs?|holds?)\b/gi,
    "the noun: waiter, caller, reader",
  ],
  [/\b(?:those|nobody|everybody|somebody|anybody) who\b/gi, "the noun: callers, users"],
  [/\bwhat (?:is|was) (?:asked|told|said|given)\b/gi, "the noun: statement, request, option"],
  [/\bon (?:its|his|their) own account\b/gi, "by itself"],
  [/\bnext to nothing\b/gi, "hardly anything"],
];

/** Places where such a turn is right: the path, and text around it. */
const allowed: readonly (readonly [path: string, around: RegExp])[] = [
  ["tests/words_test.ts", /./],
];

/** A text with the lines of comments and of strings in pieces joined, as it is read. */
function readable(text: string): string {
  return text
    .replace(/\n[ \t]*(?:\*(?!\/)|\/\/) ?/g, " ")
    .replace(/["`'] \+\n\s*["`']/g, "");
}

/** Returns where a text has a turn that is not used. */
function turnsIn(path: string, text: string): string[] {
  const read = readable(text);
  return turns.flatMap(([turn, instead]) =>
    [...read.matchAll(turn)].flatMap(({ 0: found, index }) => {
      const around = read.slice(Math.max(0, index - 40), index + found.length + 40);
      const isAllowed = allowed.some(([where, text]) => where === path && text.test(around));
      const shown = around.replaceAll(/\s+/g, " ");
      return isAllowed ? [] : [`${path}: … ${shown} … (write: ${instead})`];
    })
  );
}

test("no turn of speech is used that words have been found for", () => {
  const documents = readdirSync(root).filter((name) => name.endsWith(".md"));
  const texts = [
    ...["mod.ts", "src", "tests", "examples"].flatMap(sources),
    ...documents.map((path) => ({ path, text: readFileSync(join(root, path), "utf8") })),
  ];
  const found = texts.flatMap(({ path, text }) => turnsIn(path, text));
  assert.equal(found.length, 0, `${found.length} turns:\n  ${found.join("\n  ")}`);
});

test("a turn is found across the lines of a comment and the pieces of a string", () => {
  const comment = "/**\n * Closes all, but\n * for one.\n */";
  const message = 'const message = "Nobody who " +\n    "waits is told";';
  assert.equal(turnsIn("a.ts", comment).length, 1);
  assert.equal(turnsIn("a.ts", message).length, 3);
});
