/** Which test files are pure: no module that they import can start a process or open a socket. */

import { dirname, join } from "node:path";
import { importsOf, type Source, sources } from "./source.ts";

/** What reaches out of the process. */
const reaching = /^node:(child_process|net|tls|worker_threads)$/;

/** Returns the paths of the pure test files, from the top, in order. */
export function pureTestFiles(): string[] {
  const all = ["mod.ts", "src", "tests", "examples"].flatMap(sources);
  const byPath = new Map(all.map((source) => [source.path, source]));
  return [...byPath.keys()].filter((path) =>
    path.endsWith("_test.ts") && ![...importedBy(byPath, path)].some((name) => reaching.test(name))
  );
}

/** Returns what a file imports, and what that imports. */
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
