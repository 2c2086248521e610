/**
 * Reads TypeScript that `deno fmt` has formatted, without a parser: it first blanks out comments
 * and the insides of strings, line by line; then it finds blocks by indentation, as a block ends
 * at the first brace with the indentation of its head.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's top-level folder. */
export const root: string = fileURLToPath(new URL("../../", import.meta.url));

/** A source file. */
export interface Source {
  /** Its path from the top, with slashes. */
  readonly path: string;
  /** Its text. */
  readonly text: string;
  /** Its text with comments, strings, templates and regular expressions blanked out. */
  readonly code: string;
}

/** The place of a function in a file. */
export interface Span {
  /** The first line of its head. */
  readonly head: string;
  /** The number of that line, from 1. */
  readonly line: number;
  /** How many lines it has, including its head and its last brace. */
  readonly length: number;
}

/** Comments, strings, templates (nested ones count as code), regular expressions. */
const quiet = new RegExp(
  [
    /\/\*[^]*?\*\//,
    /\/\/[^\n]*/,
    /"(?:[^"\\\n]|\\.)*"/,
    /'(?:[^'\\\n]|\\.)*'/,
    /`(?:[^`\\]|\\[^])*`/,
    /(?<=[=(,:!&|?[{;]\s*|\breturn\s+)\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/,
  ].map(({ source }) => source).join("|"),
  "g",
);

/** Returns the source files in a folder or at a path from the top, in order. */
export function sources(path: string): Source[] {
  const paths = path.endsWith(".ts")
    ? [path]
    : readdirSync(join(root, path), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") || name.endsWith(".mjs"))
      .map((name) => join(path, name).replaceAll("\\", "/"))
      .sort();
  return paths.map((each) => {
    const text = readFileSync(join(root, each), "utf8");
    return { path: each, text, code: codeOf(text) };
  });
}

/** Returns a text with comments and the insides of strings blanked out, line by line. */
export function codeOf(text: string): string {
  return text.replace(quiet, (match) => {
    const quote = /^["'`]/.exec(match)?.[0];
    const spared = quote === "`" ? /(\$\{[^}]*\})|[^\n]/g : /()[^\n]/g;
    const blank = match.replace(spared, (_, code: string | undefined) => code || " ");
    return quote === undefined ? blank : quote + blank.slice(1, -1) + quote;
  });
}

/** Returns the modules that a file imports, or re-exports from. */
export function importsOf({ text, code }: Source): string[] {
  return [...code.matchAll(/(?:\bfrom|\bimport\(?)\s*"([^"]*)"/g)].map((match) => {
    const start = match.index + match[0].indexOf('"') + 1;
    return text.slice(start, start + (match[1]?.length ?? 0));
  });
}

/** Returns the functions of a file that have a block: declared, method or arrow. */
export function functionsOf({ code }: Source): Span[] {
  const lines = code.split("\n");
  const indents = lines.map((line) => line.search(/\S/));
  const spans: Span[] = [];
  for (const [end, line] of lines.entries()) {
    if (!/\{\s*$/.test(line)) continue;
    const first = /^\s*[)\]}>]/.test(line) ? headOf(lines, indents, end) : end;
    const head = lines.slice(first, end + 1).join(" ").trim();
    if (!isFunction(head)) continue;
    const last = lines.findIndex((each, i) =>
      i > end && indents[i] === indents[end] && /^\s*\}/.test(each)
    );
    spans.push({ head: lines[first]?.trim() ?? "", line: first + 1, length: last - first + 1 });
  }
  return spans;
}

/** Returns the first line of a head that ends, with closing brackets, on line `end`. */
function headOf(lines: readonly string[], indents: readonly number[], end: number): number {
  for (let i = end - 1; i >= 0; i--) {
    if (indents[i] === indents[end] && !/^\s*[)\]}>]/.test(lines[i] ?? "")) return i;
  }
  return end;
}

function isFunction(head: string): boolean {
  if (/=>\s*\{$/.test(head)) return true;
  if (/^(export )?(async )?function\b/.test(head)) return true;
  if (/^(if|for|while|switch|catch|with|return|else)\b/.test(head)) return false;
  const name = /^((static|async|get|set|override)\s+)*\*?([#\w$]+|\[[^\]]+\])\s*(<.*>)?\(/;
  return name.test(head) && /\)(\s*:.*)?\s*\{$/.test(head);
}
