/** What the source itself has to be like: who may know whom, and how long anything may grow. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { codeOf, functionsOf, importsOf, root, type Source, sources } from "./support/source.ts";

const everything: readonly Source[] = ["mod.ts", "src", "tests", "examples"].flatMap(sources);
const inFolder = (folder: string): Source[] =>
  everything.filter(({ path }) => path.startsWith(`${folder}/`));

/** Modules of Node that only some runtimes have, or that reach out of the process. */
const reaching = "net|tls|fs|http|https|http2|dns|os|child_process|worker_threads|cluster";

/** What a file in a folder may import, besides its neighbours. */
const directions: Readonly<Record<string, RegExp>> = {
  "src/core": /^$/,
  "src/port": /^node:events$/,
  "src/shell":
    /^\.\.\/(core|port)\/\w+\.ts$|^node:(async_hooks|diagnostics_channel|events|timers)$|^@std\/async\/\w+$/,
  "src/mysql": new RegExp(`^\\.\\./port/\\w+\\.ts$|^mysql2(/|$)|^node:(?!(${reaching})\\b)`),
  "src/adapters": /^\.\.\/port\/\w+\.ts$|^node:|^cloudflare:/,
  "src/entries": /^\.\.\/(\w+\/)?\w+\.ts$|^\.\.\/\.\.\/mod\.ts$|^mysql2(\/promise)?$/,
  "src/compat": /^\.\.\/(shell|mysql)\/\w+\.ts$|^mysql2(\/|$)|^node:/,
};

const globals = new RegExp(
  `\\b(${
    [
      "Date|performance|Math\\.random|crypto|(set|clear)(Timeout|Interval|Immediate)",
      "queueMicrotask|Promise|async|await|globalThis|process|Deno|Bun|console",
    ].join("|")
  })\\b`,
);

/** What Workers, and runtimes for Hono, serve as its default export. */
const servedByDefault = /^examples\/(workers\/.*|hono)\.ts$/;

const agreed: readonly string[] = [
  ".ci",
  ".editorconfig",
  ".git",
  ".gitignore",
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "deno.json",
  "dist",
  "examples",
  "mod.ts",
  "node_modules",
  "package-lock.json",
  "package.json",
  "src",
  "tests",
  "tsconfig.json",
];

/** Fails with every place that breaks a rule, not only the first. */
function assertNone(broken: readonly string[], rule: string): void {
  assert.equal(broken.length, 0, `${rule}:\n  ${broken.join("\n  ")}`);
}

function manifest(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(root, name), "utf8"));
}

/** Returns the lines of code that match, each with where it is. */
function linesWith(files: readonly Source[], pattern: RegExp): string[] {
  return files.flatMap(({ path, code, text }) => {
    const lines = text.split("\n");
    return code.split("\n").flatMap((line, i) =>
      pattern.test(line) ? [`${path}:${i + 1}: ${lines[i]?.trim()}`] : []
    );
  });
}

test("each folder of src imports only its neighbours and what the house allows", () => {
  for (const [folder, allowed] of Object.entries(directions)) {
    assertNone(
      inFolder(folder).flatMap((file) =>
        importsOf(file)
          .filter((name) => !/^\.\/\w+\.ts$/.test(name) && !allowed.test(name))
          .map((name) => `${file.path} imports ${name}`)
      ),
      `Imports of ${folder}`,
    );
  }
});

test("src/port imports only types", () => {
  const imports = inFolder("src/port").flatMap(({ code }) =>
    code.match(/^(import|export) .*\bfrom .*$/gm) ?? []
  );
  assertNone(imports.filter((line) => !line.startsWith("import type ")), "Imports of src/port");
});

test("src holds the folders that have an import direction, and no others", () => {
  const known = Object.keys(directions).map((folder) => folder.slice(4));
  const entries = readdirSync(join(root, "src"));
  assertNone(entries.filter((entry) => !known.includes(entry)), "Entries of src");
});

test("the core knows no clock, no chance, no timer, no promise and no global", () => {
  assertNone(linesWith(inFolder("src/core"), globals), "Globals in src/core");
});

test("the shell names no runtime", () => {
  const runtimes = /\b(process|Deno|Bun|Buffer|WorkerGlobalScope|navigator)\b/;
  assertNone(linesWith(inFolder("src/shell"), runtimes), "Runtimes in src/shell");
});

test("no file has more than 300 lines, no function more than 50, no line of src more than 100", () => {
  assertNone(
    everything.flatMap((file) => {
      const lines = file.text.trimEnd().split("\n");
      const long = lines.length > 300 ? [`${file.path} has ${lines.length} lines`] : [];
      const wide = lines.flatMap((line, i) =>
        line.length > 100 && file.path.startsWith("src/")
          ? [`${file.path}:${i + 1} has ${line.length} columns`]
          : []
      );
      const functions = functionsOf(file).filter(({ length }) => length > 50);
      return [
        ...long,
        ...wide,
        ...functions.map(({ head, line, length }) =>
          `${file.path}:${line} has ${length} lines: ${head}`
        ),
      ];
    }),
    "Lengths",
  );
});

test("every file opens with a comment", () => {
  const bare = everything.filter(({ text }) => !/^(#!.*\n)?\/(\/|\*\*) ?\S?/.test(text));
  assertNone(bare.map(({ path }) => path), "Files without a comment at the top");
});

test("nothing is left for later, switched off or silenced", () => {
  const marks = new RegExp(
    ["TO" + "DO", "FIX" + "ME", "@ts-(ignore|expect-error|nocheck)", "(deno-lint|biome)-ignore"]
      .map((mark) => `\\b${mark}\\b`.replace("\\b@", "@")).join("|"),
  );
  // In tests of types, the compiler's error is the promise: without it, this mark is an error.
  const expected = new RegExp("^tests/types/.*@ts-" + "expect-error");
  const texts = everything.map(({ path, text }) => ({ path, text, code: text }));
  const marked = linesWith(texts, marks).filter((line) => !expected.test(line));
  assertNone(marked, "Marks");
  const silenced = /\bas any\b|: any\b|\bcatch *(\([^)]*\))? *\{ *\}|\.(only|skip)\(/;
  assertNone(linesWith(everything, silenced), "Silenced");
  const empty = everything.filter(({ code }) => /\bcatch *(\([^)]*\))? *\{\s*\}/.test(code));
  assertNone(empty.map(({ path }) => path), "Empty catch");
});

test("nothing is exported without a name, unless a platform looks for it so", () => {
  const others = everything.filter(({ path }) => !servedByDefault.test(path));
  assertNone(linesWith(others, /\bexport default\b/), "Default exports");
});

test("package.json and deno.json agree on name, version, license and exports", () => {
  const [npm, deno] = [manifest("package.json"), manifest("deno.json")];
  for (const key of ["name", "version", "license"]) assert.equal(npm[key], deno[key], key);
  assert.deepEqual(Object.keys(npm["exports"] ?? {}), Object.keys(deno["exports"] ?? {}));
});

test("README names no npm script that does not exist", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const named = [...readme.matchAll(/\bnpm (?:run ([\w:-]+)|(test)\b)/g)];
  const scripts = Object.keys(manifest("package.json")["scripts"] ?? {});
  assert.ok(named.length > 0, "README names no command");
  const unknown = named.map((match) => match[1] ?? match[2] ?? "")
    .filter((name) => !scripts.includes(name));
  assertNone(unknown, "Scripts that README names");
});

test("the top level holds the agreed entries and no others", () => {
  const others = readdirSync(root).filter((entry) => !agreed.includes(entry));
  assertNone(others.filter((entry) => !entry.endsWith(".tgz")), "Entries of the top level");
});

test("the reader of these tests blanks comments and strings, and measures functions", () => {
  const text = [
    'const a = "// no comment"; // Date',
    'const b = /[/"]x/g.test(`Date ${a}`);',
    "export function long(",
    "  one: number,",
    "): { two: number } {",
    "  if (one) {",
    "    return { two: 2 };",
    "  }",
    "  return call(() => {",
    "    throw one;",
    "  });",
    "}",
  ].join("\n");
  const code = codeOf(text);
  assert.doesNotMatch(code, /Date|comment|\[|"x"/);
  assert.match(code, /\$\{a\}/);
  assert.equal(code.length, text.length);
  const spans = functionsOf({ path: "", text, code });
  assert.deepEqual(spans.map(({ line, length }) => [line, length]), [[3, 10], [9, 3]]);
});
