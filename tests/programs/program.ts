/**
 * Programs as plain data: trees of units, transactions, leases and statements. A program runs
 * against a pool, and can be serialized, shrunk and run again.
 */

/** Options of every step. */
interface Step {
  /** Whether the code around the step catches its error and continues. */
  readonly catches?: true | undefined;
  /** After how many ms the step's own signal aborts. */
  readonly abort?: number | undefined;
}

/** One statement. */
export interface StatementStep extends Step {
  readonly kind: "statement";
  /** The number of the virtual connection. */
  readonly on: number;
  /**
   * Writes a row; reads the session's state; makes the server return an error that changes nothing;
   * or makes it return a deadlock error.
   */
  readonly what: "write" | "read" | "wrong" | "deadlock";
  /** How often the deadlock error occurs, over all repetitions; later runs are reads. */
  readonly times?: number | undefined;
  /** Whether the server takes some ms for the statement. */
  readonly isSlow?: true | undefined;
  readonly isPrepared?: true | undefined;
  /** The option `timeout`, in ms. */
  readonly timeout?: number | undefined;
  /**
   * Whether the statement runs through the handle of its transaction or unit; through that handle
   * from outside of any async context; or through the lease around it.
   */
  readonly by?: "handle" | "outside" | "lease" | undefined;
}

/** A change of session state, and a read of that state. */
export interface StateStep extends Step {
  readonly kind: "state";
  readonly on: number;
  readonly what: "variable" | "table" | "isolation" | "lock" | "database";
}

/** A transaction, or a savepoint in one. */
export interface TransactionStep extends Step {
  readonly kind: "transaction";
  readonly on: number;
  /** Whether the handle of the transaction or unit around it begins it; see statements. */
  readonly by?: "handle" | "outside" | undefined;
  readonly isSerializable?: true | undefined;
  readonly body: readonly ProgramStep[];
}

/** A unit of work. */
export interface UnitStep extends Step {
  readonly kind: "unit";
  /** The virtual connections that the unit binds to the other database. */
  readonly bind?: readonly number[] | undefined;
  /** The virtual connections on which the unit is a transaction. */
  readonly transaction?: readonly number[] | undefined;
  readonly retries?: number | undefined;
  readonly body: readonly ProgramStep[];
}

/** Branches that run in parallel. */
export interface ParallelStep extends Step {
  readonly kind: "parallel";
  /** Waits as `Promise.all`, `Promise.allSettled` or `Promise.race` do. */
  readonly mode: "all" | "settled" | "first";
  readonly branches: readonly (readonly ProgramStep[])[];
}

/** A lease, and the steps that run while code holds it. */
export interface LeaseStep extends Step {
  readonly kind: "lease";
  readonly on: number;
  readonly by?: "handle" | "outside" | undefined;
  readonly separate?: true | "unlessInTransaction" | undefined;
  /** How the transaction ends that the code begins by SQL, if it begins one. */
  readonly hand?: "commit" | "rollback" | undefined;
  readonly body: readonly ProgramStep[];
}

/** Rows that code reads from a driver's stream on a lease. */
export interface StreamStep extends Step {
  readonly kind: "stream";
  readonly on: number;
  readonly separate?: true | undefined;
  /** How many rows the code reads, of {@linkcode streamLength}. */
  readonly rows: number;
}

/** A kill, a pause or a throw. */
export type EventStep =
  & Step
  & (
    /** The server's root kills one of the pool's connections. */
    | { readonly kind: "kill"; readonly which: number }
    | { readonly kind: "pause"; readonly ms: number }
    | { readonly kind: "throw" }
  );

/** One step of a program. */
export type ProgramStep =
  | StatementStep
  | StateStep
  | TransactionStep
  | UnitStep
  | ParallelStep
  | LeaseStep
  | StreamStep
  | EventStep;

/** A virtual connection of the pool. */
export interface VirtualPlan {
  /** Which of the two databases it uses. */
  readonly database: 0 | 1;
  readonly limit?: number | undefined;
  readonly hold?: "unit" | "statement" | undefined;
}

/** A pool, and the code that uses it. */
export interface Program {
  readonly limit: number;
  readonly lifespan?: "unit" | undefined;
  readonly virtuals: readonly VirtualPlan[];
  readonly body: readonly ProgramStep[];
}

/** How many rows a stream has. */
export const streamLength = 20_000;

/** Returns the name of a virtual connection. */
export function nameOf(on: number): string {
  return "abcdefgh"[on] ?? `v${on}`;
}

/** Returns the lists of steps that a step holds. */
export function bodiesOf(step: ProgramStep): readonly (readonly ProgramStep[])[] {
  if (step.kind === "parallel") return step.branches;
  return "body" in step ? [step.body] : [];
}

/** Returns all steps of a list, including nested ones. */
export function stepsOf(body: readonly ProgramStep[]): ProgramStep[] {
  return body.flatMap((step) => [step, ...bodiesOf(step).flatMap(stepsOf)]);
}

/** The parts of a program that can make others fail or wait. */
export interface Risks {
  readonly kills: boolean;
  readonly aborts: boolean;
  readonly timeouts: boolean;
  readonly deadlocks: boolean;
  readonly wrongs: boolean;
  /** Whether the program may need more leases at once than the limits allow. */
  readonly crowds: boolean;
}

/** Returns the risks of a program. */
export function risksOf(program: Program): Risks {
  const steps = stepsOf(program.body);
  const has = (test: (step: ProgramStep) => boolean): boolean => steps.some(test);
  const isStatement = (what: string) => (step: ProgramStep): boolean =>
    step.kind === "statement" && step.what === what;
  const limits = program.virtuals.map(({ limit = Infinity }) => limit);
  const needed = demandOf(program.body) + keptBy(program);
  return {
    kills: has(({ kind }) => kind === "kill"),
    aborts: has(({ abort }) => abort !== undefined),
    timeouts: has((step) => step.kind === "statement" && step.timeout !== undefined),
    deadlocks: has(isStatement("deadlock")),
    wrongs: has(isStatement("wrong")),
    crowds: needed > Math.min(program.limit, ...limits),
  };
}

/** Returns an upper bound of the leases that a list of steps may have at once. */
function demandOf(body: readonly ProgramStep[]): number {
  // A branch that the code no longer awaits may still run beside the next steps.
  const leavesCode = stepsOf(body).some((step) =>
    step.kind === "parallel" && step.mode !== "settled"
  );
  const demands = body.map(demandOfStep);
  return leavesCode ? demands.reduce((a, b) => a + b, 0) : Math.max(0, ...demands);
}

/** Returns how many leases units may keep longer than their statements, by state or `hold`. */
function keptBy({ virtuals, body }: Program): number {
  const steps = stepsOf(body);
  const states = steps.filter(({ kind }) => kind === "state").length;
  return steps.some((step) => "on" in step && virtuals[step.on]?.hold === "unit")
    ? steps.length
    : states;
}

function demandOfStep(step: ProgramStep): number {
  switch (step.kind) {
    case "kill":
    case "pause":
    case "throw":
      return 0;
    case "statement":
    case "state":
    case "stream":
      return 1;
    case "parallel":
      return step.branches.map(demandOf).reduce((a, b) => a + b, 0);
    case "transaction":
    case "lease":
      return 1 + demandOf(step.body);
    case "unit":
      return (step.transaction?.length ?? 0) + demandOf(step.body);
  }
}
