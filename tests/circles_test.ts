/** No module of src imports itself by way of others, types included. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { codeOf, importsOf, type Source, sources } from "./support/source.ts";

/** The modules that each module imports, by path. */
type Graph = ReadonlyMap<string, readonly string[]>;

/** Returns which module imports which, among those given. */
function graphOf(files: readonly Source[]): Graph {
  const paths = new Set(files.map(({ path }) => path));
  return new Map(files.map((file) => {
    const imported = importsOf(file).map((name) => join(dirname(file.path), name));
    return [file.path, [...new Set(imported)].filter((path) => paths.has(path))];
  }));
}

/** Returns the shortest way from a module back to itself. */
function circleThrough(graph: Graph, start: string): readonly string[] | undefined {
  const ways: string[][] = [[start]];
  const seen = new Set<string>();
  for (const way of ways) {
    for (const next of graph.get(way.at(-1) ?? "") ?? []) {
      if (next === start) return way;
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

/** Returns the shortest circle through each module that is in one, each circle once. */
function circlesOf(graph: Graph): string[] {
  const circles = [...graph.keys()].flatMap((path) => {
    const way = circleThrough(graph, path);
    if (way === undefined) return [];
    const first = way.indexOf([...way].sort()[0] ?? "");
    const turned = [...way.slice(first), ...way.slice(0, first + 1)];
    return [turned.join(" → ")];
  });
  return [...new Set(circles)].sort();
}

test("no module of src imports itself by way of others", () => {
  const circles = circlesOf(graphOf(["mod.ts", "src"].flatMap(sources)));
  assert.equal(circles.length, 0, `Circles:\n  ${circles.join("\n  ")}`);
});

test("a circle is found through types, re-exports and late imports, and told as a path", () => {
  const files = Object.entries({
    "src/a.ts": 'import type { B } from "./deep/b.ts";\nimport { d } from "./d.ts";',
    "src/deep/b.ts": 'export type { C } from "../c.ts";\nimport { d } from "../d.ts";',
    "src/c.ts": 'const a = (): Promise<A> => import("./a.ts");',
    "src/d.ts": 'import { e } from "node:e";',
    "src/e.ts": 'type Own = typeof import("./e.ts");',
  }).map(([path, text]) => ({ path, text, code: codeOf(text) }));
  assert.deepEqual(circlesOf(graphOf(files)), [
    "src/a.ts → src/deep/b.ts → src/c.ts → src/a.ts",
    "src/e.ts → src/e.ts",
  ]);
  const others = files.filter(({ path }) => path !== "src/c.ts" && path !== "src/e.ts");
  assert.deepEqual(circlesOf(graphOf(others)), []);
});
