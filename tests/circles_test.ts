/** No module of src imports itself by way of others, types included. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { codeOf, importsOf, type Source, sources } from "./support/source.ts";

/** The modules that each module imports, by path. */
type Graph = ReadonlyMap<string, readonly string[]>;

/**
 * The imports that close a circle today. A circle through one of them is known; to remove one,
 * remove its line here as well. A new line needs a better reason than a circle can have.
 */
const known: readonly string[] = [
  "src/shell/handles.ts → src/shell/engine.ts",
  "src/shell/handles.ts → src/shell/realms.ts",
  "src/shell/handles.ts → src/shell/unit_handle.ts",
  "src/shell/handles.ts → src/shell/virtual_connection.ts",
  "src/shell/parts.ts → src/shell/handles.ts",
  "src/shell/parts.ts → src/shell/unit.ts",
];

/** Returns which module imports which, among those given. */
function graphOf(files: readonly Source[]): Graph {
  const paths = new Set(files.map(({ path }) => path));
  return new Map(files.map((file) => {
    const imported = importsOf(file).map((name) => join(dirname(file.path), name));
    return [file.path, [...new Set(imported)].filter((path) => paths.has(path))];
  }));
}

/** Returns a graph without some of its imports. */
function without(graph: Graph, imports: readonly string[]): Graph {
  return new Map(
    [...graph].map(([path, imported]) =>
      [path, imported.filter((each) => !imports.includes(`${path} → ${each}`))] as const
    ),
  );
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

const today = graphOf(["mod.ts", "src"].flatMap(sources));

test("no module of src imports itself by way of others, unless that is known", () => {
  const circles = circlesOf(without(today, known));
  assert.equal(circles.length, 0, `Circles:\n  ${circles.join("\n  ")}`);
});

test("each import that is known to close a circle still does", () => {
  const open = known.filter((each) => {
    const others = known.filter((other) => other !== each);
    return circlesOf(without(today, others)).length === 0;
  });
  assert.equal(open.length, 0, `Close no circle, so remove them here:\n  ${open.join("\n  ")}`);
});

test("a circle is found through types, re-exports and late imports, and told as a path", () => {
  const files = Object.entries({
    "src/a.ts": 'import type { B } from "./deep/b.ts";\nimport { d } from "./d.ts";',
    "src/deep/b.ts": 'export type { C } from "../c.ts";\nimport { d } from "../d.ts";',
    "src/c.ts": 'const a = (): Promise<A> => import("./a.ts");',
    "src/d.ts": 'import { e } from "node:e";',
    "src/e.ts": 'type Own = typeof import("./e.ts");',
  }).map(([path, text]) => ({ path, text, code: codeOf(text) }));
  const graph = graphOf(files);
  assert.deepEqual(circlesOf(graph), [
    "src/a.ts → src/deep/b.ts → src/c.ts → src/a.ts",
    "src/e.ts → src/e.ts",
  ]);
  const others = without(graph, ["src/c.ts → src/a.ts", "src/e.ts → src/e.ts"]);
  assert.deepEqual(circlesOf(others), []);
});
