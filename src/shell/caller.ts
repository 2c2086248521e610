/**
 * Keeps, across a wait, the caller's async context and the caller's line in the stacks of errors.
 * An async function would keep both, but costs more than all the rest of a statement. So this
 * module keeps them by hand, and does the work for the line only when something fails.
 */

import { AsyncResource } from "node:async_hooks";
import { restack } from "./statement.ts";

/** Whether an `AsyncResource` is cheap to create: in Deno, one costs more than a statement. */
const areResourcesCheap = !("Deno" in globalThis);
/** JavaScriptCore adds the line that awaits a promise only if an async function returned it. */
const isNamedByAwait = "Bun" in globalThis;

/** Continues later in the caller's async context; see {@linkcode goOn}. */
export type Resume = AsyncResource | (() => void);

/** Captures the current async context, so that {@linkcode goOn} can call `fn` in it, once. */
export function resumeOf(fn: () => void): Resume {
  if (areResourcesCheap) return new AsyncResource("Sublet");
  const { promise, resolve } = Promise.withResolvers<void>();
  promise.then(fn);
  return resolve;
}

/** Calls `fn` in the async context of `resume`, which {@linkcode resumeOf} made for this `fn`. */
export function goOn(resume: Resume, fn: () => void): void {
  if (typeof resume === "function") resume();
  else resume.runInAsyncScope(fn);
}

/** Returns the promise, wrapped if the JavaScript engine needs that to name the caller's line. */
export function named<T>(promise: Promise<T>): Promise<T> {
  return isNamedByAwait ? awaited(promise) : promise;
}

async function awaited<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw restack(error, awaited);
  }
}

const settled: Promise<void> = Promise.resolve();

/**
 * Returns a promise that rejects with an error, only after callers had time to await it: V8 finds
 * the lines that await a promise only while a reaction runs that this promise depends on.
 */
export function rejected(error: unknown): Promise<never> {
  if (isNamedByAwait) return Promise.reject(error);
  const reject = (): never => {
    throw restack(error, reject);
  };
  return settled.then(() => settled).then(reject);
}
