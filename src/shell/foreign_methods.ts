/**
 * Methods of other pools that people call on ours out of habit: each throws an error that names the
 * method to use instead. The types do not have them, so a compiler reports a call before it runs.
 */

/** The methods of mysql2, node-postgres and others, and what to use instead. */
const insteadOf: Readonly<Record<string, string>> = {
  getConnection: "`lease()` lends an actual connection, and statements need none",
  acquire: "`lease()` lends an actual connection, and statements need none",
  connect: "nothing has to be connected: run statements at once",
  beginTransaction: "`transaction(async (tx) => …)` begins, commits and rolls back",
  commit: "`transaction(async (tx) => …)` commits when its function has ended",
  rollback: "`transaction(async (tx) => …)` rolls back when its function throws",
  release: "a unit of work gives its actual connections back by itself",
  releaseConnection: "a unit of work gives its actual connections back by itself",
  end: "`drain()` of the pool ends it when its work has ended",
  close: "`drain()` of the pool ends it when its work has ended",
  destroy: "`drain({ timeout })` of the pool ends it at the latest then",
  promise: "all methods return promises already",
};

/** Gives a class these methods, except those that it has. */
export function addForeignMethods(prototype: object, className: string): void {
  for (const [name, advice] of Object.entries(insteadOf)) {
    if (name in prototype) continue;
    const value = (): never => {
      throw new TypeError(
        `${className} has no method ${name}(): ${advice}. mysql2's own pool, with all of its ` +
          'methods, is in "@sublet/mysql/compat"',
      );
    };
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  }
}
