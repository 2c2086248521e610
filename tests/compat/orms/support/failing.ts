/** Finds the driver's error in a failure, however an ORM has wrapped it. */

import assert from "node:assert/strict";

/** The properties in which libraries keep the cause of an error. */
const places = ["cause", "driverError", "original", "parent", "previous"] as const;

/** Codes of errors after which the connection was lost, or ended by the server. */
const losses: readonly unknown[] = [
  "PROTOCOL_CONNECTION_LOST",
  "ER_CONNECTION_KILLED",
  "ECONNRESET",
  "EPIPE",
];

/** Expects that a promise rejects with a code, in the error or in one of its causes. */
export async function failsWith(doing: Promise<unknown>, code: string): Promise<void> {
  const [outcome] = await Promise.allSettled([doing]);
  assert.equal(outcome.status, "rejected", `Expected ${code}, received an answer`);
  assertCode(outcome.reason, code);
}

/** Expects that an error, or one of its causes, has a code. */
export function assertCode(error: unknown, code: string): void {
  assert.ok(codesOf(error).includes(code), told(code, error));
}

/** Expects that an error reports a lost connection, or a request on one. */
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

/** Returns an error and all its causes. */
function errorsOf(error: unknown): DriverError[] {
  const seen = new Set<DriverError>();
  for (const each of chain(error, seen)) seen.add(each);
  return [...seen];
}

/** Yields an error and its causes, skipping those already seen. */
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
