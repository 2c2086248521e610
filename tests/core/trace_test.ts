/**
 * Golden traces: stories of a pool, an event a line, with the answers of the core.
 *
 * `REWRITE=1` writes the answers anew; keep them only if you understand what changed.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { Storyteller } from "./support/notation.ts";

const folder = new URL("traces/", import.meta.url);
const INDENT = "    ";

for (const file of readdirSync(folder).filter((name) => name.endsWith(".txt"))) {
  const url = new URL(file, folder);
  const text = readFileSync(url, "utf8");
  test(`the core answers as recorded: ${text.split("\n", 1)[0]!.slice("# ".length)}`, () => {
    const told = retell(text);
    if (process.env["REWRITE"] === "1") writeFileSync(url, told);
    else assert.equal(told, text);
  });
}

/** Returns a trace with the answers that the core gives now. */
function retell(text: string): string {
  const teller = new Storyteller();
  return text.split("\n").flatMap((line) => {
    if (line.startsWith(INDENT)) return [];
    if (line === "" || line.startsWith("#") && !/^#\d/.test(line)) return [line];
    return [line, ...teller.tell(line).map((answer) => INDENT + answer)];
  }).join("\n");
}
