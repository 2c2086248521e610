/**
 * Small faults in the pool and its MySQL part. Random programs have to find each: this shows that
 * the judge works. The text `from` of each occurs exactly once in its file.
 */

/** A fault: a file of src, a text in it, and the text that replaces it. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

// One fault per line.
// deno-fmt-ignore
const table: readonly (readonly [name: string, file: string, from: string, to: string])[] = [
  ["what throws is committed", "shell/transact", 'conclude(transaction, "ROLLBACK", signal, look)', 'conclude(transaction, "COMMIT", signal)'],
  ["what ends well is rolled back", "shell/transact", 'await conclude(transaction, "COMMIT", signal, checkOpen);', 'await conclude(transaction, "ROLLBACK", signal, checkOpen);'],
  ["a savepoint that throws stays", "shell/transact", "`ROLLBACK TO SAVEPOINT ${transaction.savepoint}`", "`RELEASE SAVEPOINT ${transaction.savepoint}`"],
  ["a savepoint rolls its transaction back", "shell/transact", "`ROLLBACK TO SAVEPOINT ${transaction.savepoint}`", '"ROLLBACK"'],
  ["a unit is repeated after what lasts", "shell/unit_run", "return !unit.mayBePermanent;", "return true;"],
  ["what is written outside a transaction does not last", "mysql/transaction_state", 'this.#count("itself");', ""],
  ["a unit that has ended takes statements", "shell/unit", "if (this.#isEnded) throw unitEnded();", ""],
  ["a transaction that has ended takes statements", "shell/transaction", 'if (this.#status === "ending" || this.#status === "ended") {', 'if (this.#status === "beginning") {'],
  ["a unit is bound for all", "shell/unit", "if (bound !== undefined) return bound;", ""],
  ["a separate lease is the unit's", "shell/lease_state", "if (context !== undefined && !separate) return context.unit.leaseFor(context, virtualConfig);", "if (context !== undefined) return context.unit.leaseFor(context, virtualConfig);"],
  ["what runs beside a transaction does not wait for its end", "shell/unit_statement", "const open = (transaction ?? unitLease).child;", "const open = transaction?.child;"],
  ["a dirty session is lent on", "mysql/session", 'return this.#wiping.isRefused(this.#target) ? "broken" : "dirty";', 'return "clean";'],
  ["a reset stands for a new login", "mysql/wiping", "if (reason !== undefined) await this.login(target);", ""],
  ["a new target is not logged in to", "mysql/session", "await this.#wiping.login(target);", "await this.#wiping.login(this.#target);"],
  ["state does not keep its session", "mysql/session", "return this.#state.isChanged;", "return false;"],
];

/** All mutants. */
export const mutants: readonly Mutant[] = table.map(([name, file, from, to]) => ({
  name,
  file: `${file}.ts`,
  from,
  to,
}));
