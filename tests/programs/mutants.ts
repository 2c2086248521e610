/**
 * Small faults of the pool and of its MySQL part, each of which random programs must find: a judge
 * that finds none is decoration. The text of each stands in its file exactly once.
 */

/** A fault: in which file of src, what stands there, and what stands there instead. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

// One fault a line.
// deno-fmt-ignore
const table: readonly (readonly [name: string, file: string, from: string, to: string])[] = [
  ["what throws is committed", "shell/transaction", 'conclude(scope, parts, "ROLLBACK", signal)', 'conclude(scope, parts, "COMMIT", signal)'],
  ["what ends well is rolled back", "shell/transaction", 'await conclude(scope, parts, "COMMIT", signal);', 'await conclude(scope, parts, "ROLLBACK", signal);'],
  ["a savepoint that throws stays", "shell/transaction", "`ROLLBACK TO SAVEPOINT ${scope.savepoint}`", "`RELEASE SAVEPOINT ${scope.savepoint}`"],
  ["a savepoint rolls its transaction back", "shell/transaction", "`ROLLBACK TO SAVEPOINT ${scope.savepoint}`", '"ROLLBACK"'],
  ["every unit is repeated", "shell/unit_run", "let isSafe = isRepeatable(error);", "let isSafe = true;"],
  ["a unit that has ended takes statements", "shell/unit", "if (this.#isEnded) throw unitEnded();", ""],
  ["a transaction that has ended takes statements", "shell/held", 'if (scope.status === "ending" || scope.status === "ended") {', 'if (scope.status === "ending" && false) {'],
  ["a unit is bound for all", "shell/unit", "return this.#targets?.get(home.id) ??", "return"],
  ["a lease of its own is the unit's", "shell/lease", "if (frame !== undefined && !own) return frame.unit.hold(home);", "if (frame !== undefined) return frame.unit.hold(home);"],
  ["a dirty session is lent on", "mysql/session", 'return this.#witness.isDirty ? "dirty" : "clean";', 'return "clean";'],
  ["a reset stands for a new login", "mysql/session", "if (this.#witness.isMoved) return await this.retarget(this.#target);", ""],
  ["a new target is not logged in to", "mysql/session", "await login(this.#internals, target);", "await login(this.#internals, this.#target);"],
  ["state does not keep its session", "mysql/session", "return this.#witness.isChanged;", "return false;"],
];

/** All mutants. */
export const mutants: readonly Mutant[] = table.map(([name, file, from, to]) => ({
  name,
  file: `${file}.ts`,
  from,
  to,
}));
