/**
 * What a wait must not lose of the code that asked: its async context, and its line in the stacks
 * of errors. An async function keeps both, and costs more than all the rest of a statement; so
 * they are kept by hand, and the line is paid for only when something fails.
 */

import { AsyncResource } from "node:async_hooks";
import { restack } from "./statement.ts";

/** Whether a resource is cheap to make: in Deno it costs more than a statement. */
const areResourcesCheap = !("Deno" in globalThis);
/** JavaScriptCore finds who waits for a promise only if that is an async function. */
const isNamedByAwait = "Bun" in globalThis;

/** Goes on, later, in the async context of the code that asked. */
export type Resume = AsyncResource | (() => void);

/** Returns what calls `fn` once, later, in the async context of now. */
export function resumeOf(fn: () => void): Resume {
  if (areResourcesCheap) return new AsyncResource("Sublet");
  const { promise, resolve } = Promise.withResolvers<void>();
  promise.then(fn);
  return resolve;
}

/** Goes on with `fn`, which `resume` was made of. */
export function goOn(resume: Resume, fn: () => void): void {
  if (typeof resume === "function") resume();
  else resume.runInAsyncScope(fn);
}

/** Returns a promise that names its caller when it is rejected, if its engine asks for that. */
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
 * Returns a promise that is rejected with an error once others had time to wait for it. V8 finds
 * the lines that wait for a promise from within a reaction that this promise follows.
 */
export function rejected(error: unknown): Promise<never> {
  if (isNamedByAwait) return Promise.reject(error);
  const reject = (): never => {
    throw restack(error, reject);
  };
  return settled.then(() => settled).then(reject);
}
