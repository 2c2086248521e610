/** Finds the pure test files: no module that they import starts processes or opens sockets. */

import { dirname, join } from "node:path";
import { importsOf, type Source, sources } from "./source.ts";

/** The modules that reach out of the process. */
const reaching = /^node:(child_process|net|tls|worker_threads)$/;

/** Returns the paths of the pure test files, relative to the project's top folder, in order. */
export function pureTestFiles(): string[] {
  const all = ["mod.ts", "src", "tests", "examples"].flatMap(sources);
  const byPath = new Map(all.map((source) => [source.path, source]));
  return [...byPath.keys()].filter((path) =>
    path.endsWith("_test.ts") && ![...importedBy(byPath, path)].some((name) => reaching.test(name))
  );
}

/** Returns a file and its imports, direct and indirect. */
function importedBy(all: ReadonlyMap<string, Source>, path: string): ReadonlySet<string> {
  const found = new Set([path]);
  for (const name of found) {
    const source = all.get(name);
    for (const imported of source === undefined ? [] : importsOf(source)) {
      found.add(imported.startsWith(".") ? join(dirname(name), imported) : imported);
    }
  }
  return found;
}
