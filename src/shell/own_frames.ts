/**
 * Finds the caller's line in a stack: the first one that is not of the pool's own code.
 *
 * A stack is text, and to format one costs more than a statement. So the pool does this only for
 * mistakes in a call, and for leases that it describes in an error.
 */

/** The folders and files of the pool's own code; none if a bundler hides where this file is. */
const ownPlaces: readonly string[] = placesOf(import.meta.url);

function placesOf(url: string | undefined): readonly string[] {
  const folder = (url ?? "").replace(/^file:\/\//, "").replace(/[^/]*$/, "");
  if (folder === "") return [];
  const root = /^(.*\/)src\/shell\/$/.exec(folder)?.[1];
  return root === undefined ? [folder] : [`${root}src/`, `${root}mod.ts`];
}

function isOwn(line: string): boolean {
  return ownPlaces.some((place) => line.includes(place));
}

/** Returns the first line of a stack that is not of the pool's own code. */
export function callerIn(stack: string): string {
  const lines = stack.split("\n").slice(1).map((line) => line.trim());
  return lines.find((line) => !isOwn(line)) ?? lines[0] ?? "";
}

/** Makes the stack of an error, if it is one, begin at the caller's line; returns the error. */
export function atCaller<Thrown>(error: Thrown): Thrown {
  if (!(error instanceof Error) || typeof error.stack !== "string") return error;
  const lines = error.stack.split("\n");
  const first = lines.findIndex((line) => /^\s*at /.test(line));
  const foreign = lines.findIndex((line, index) => index >= first && !isOwn(line));
  // In a bundle, the caller's code may be in the same file; then the stack stays as it is.
  if (first < 0 || foreign <= first) return error;
  error.stack = [...lines.slice(0, first), ...lines.slice(foreign)].join("\n");
  return error;
}
