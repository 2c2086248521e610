/** What a failure says, wherever those who passed it on have put the driver's error. */

import assert from "node:assert/strict";

/** Where an error holds the one that caused it. */
const places = ["cause", "driverError", "original", "parent", "previous"] as const;

/** What code an error has that says that the connection was lost, or ended by the server. */
const losses: readonly unknown[] = [
  "PROTOCOL_CONNECTION_LOST",
  "ER_CONNECTION_KILLED",
  "ECONNRESET",
  "EPIPE",
];

/** Expects that something fails with a code, of the error or of one that caused it. */
export async function failsWith(doing: Promise<unknown>, code: string): Promise<void> {
  const [outcome] = await Promise.allSettled([doing]);
  assert.equal(outcome.status, "rejected", `Expected ${code}, received an answer`);
  assert.ok(codesOf(outcome.reason).includes(code), told(code, outcome.reason));
}

/** Expects that an error tells of a connection that was lost, or of what was asked of it then. */
export function assertLost(error: unknown): void {
  const isLoss = errorsOf(error).some(({ code, fatal }) => losses.includes(code) || fatal === true);
  assert.ok(isLoss, told("a loss", error));
}

interface DriverError {
  readonly code?: unknown;
  readonly fatal?: unknown;
}

function codesOf(error: unknown): unknown[] {
  return errorsOf(error).map(({ code }) => code);
}

/** Returns an error and all those that caused it. */
function errorsOf(error: unknown): DriverError[] {
  const seen = new Set<DriverError>();
  for (const each of chain(error, seen)) seen.add(each);
  return [...seen];
}

/** Returns an error and what caused it, each once. */
function* chain(error: unknown, seen: ReadonlySet<unknown>): Generator<DriverError> {
  if (typeof error !== "object" || error === null || seen.has(error)) return;
  yield error;
  for (const place of places) {
    yield* chain((error as Record<string, unknown>)[place], seen);
  }
}

function told(expected: string, error: unknown): string {
  const text = error instanceof Error ? error.stack : String(error);
  return `Expected ${expected}, received ${codesOf(error).join()}: ${text}`;
}
