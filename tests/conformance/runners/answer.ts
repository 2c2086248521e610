/**
 * The requests that every runner serves: a request names a test and its lab, and the response
 * has the result. A runner only adds its runtime's own way to serve HTTP.
 */

import type { Runtime } from "../../../src/port/socket.ts";
import { caseOf } from "../cases/mod.ts";
import { openWorld } from "../suite/world.ts";

/** The request to a runner. */
export interface RunRequest {
  /** The name of a test. */
  readonly name: string;
  /** The URL of its lab. */
  readonly lab: string;
}

/** The result of a test. */
export interface RunAnswer {
  /** Why it failed; undefined if it passed. */
  readonly error?: string;
}

/** Runs the test that a request in JSON names, and returns the response in JSON. */
export async function answer(runtime: Runtime, request: string): Promise<string> {
  const { name, lab } = JSON.parse(request) as RunRequest;
  const verdict: RunAnswer = await run(runtime, name, lab).then(
    () => ({}),
    (error: unknown) => ({ error: describe(error) }),
  );
  return JSON.stringify(verdict);
}

async function run(runtime: Runtime, name: string, lab: string): Promise<void> {
  const { flavor, body } = caseOf(name);
  await using world = await openWorld(runtime, lab, flavor);
  await body(world);
}

/** Describes an error and its causes. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? ` [${error.code}]` : "";
  const told = `${error.stack ?? error.message}${code}`;
  return error.cause === undefined ? told : `${told}\ncaused by ${describe(error.cause)}`;
}
