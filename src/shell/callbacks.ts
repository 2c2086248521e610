/** Functions that are given where none is called, and what is given in place of a function. */

/**
 * Throws if a callback was given where a promise is returned. Nobody would ever call it, or the
 * driver would take it for its own.
 *
 * @param value What was given.
 */
export function refuseCallback(value: unknown): void {
  if (typeof value !== "function") return;
  throw new TypeError(
    "A callback was given, but this method returns a promise: await it instead. For mysql2's " +
      'own API with callbacks, import "@sublet/mysql/compat"',
  );
}

/**
 * Throws if something else was given than the function that is to be run.
 *
 * @param method The name of the method that runs it.
 * @param fn What was given.
 */
export function checkFunction(method: string, fn: unknown): void {
  if (typeof fn === "function") return;
  const received = fn === null ? "null" : `a value of type ${typeof fn}`;
  throw new TypeError(`${method}() takes the function that it runs: received ${received}`);
}
