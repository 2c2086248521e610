/**
 * Programs as plain data: trees of units, transactions, leases and statements, which are run
 * against a pool and can be written down, shrunk and run again.
 */

/** What every step may be. */
interface Step {
  /** Whether the code around it goes on when it fails. */
  readonly catches?: true | undefined;
  /** After how many ms a signal of its own is aborted. */
  readonly abort?: number | undefined;
}

/** One statement. */
export interface StatementStep extends Step {
  readonly kind: "statement";
  /** The number of the virtual connection. */
  readonly on: number;
  /**
   * A row that is written; a look at the session; an error of the server that changes nothing; or
   * an error that calls itself a deadlock.
   */
  readonly what: "write" | "read" | "wrong" | "deadlock";
  /** How often a deadlock comes, over all repetitions; later ones are looks. */
  readonly times?: number | undefined;
  /** Whether the server takes some ms for it. */
  readonly isSlow?: true | undefined;
  readonly isPrepared?: true | undefined;
  /** The option `timeout`, in ms. */
  readonly timeout?: number | undefined;
  /**
   * Whether it is run by the handle of its transaction or unit, the latter from outside of any
   * context; or through the lease around it.
   */
  readonly by?: "handle" | "outside" | "lease" | undefined;
}

/** A change of the session, and a look at it. */
export interface StateStep extends Step {
  readonly kind: "state";
  readonly on: number;
  readonly what: "variable" | "table" | "isolation" | "lock" | "database";
}

/** A transaction, or a savepoint in one. */
export interface TransactionStep extends Step {
  readonly kind: "transaction";
  readonly on: number;
  /** Whether it is begun by the handle of the transaction or unit around it; see statements. */
  readonly by?: "handle" | "outside" | undefined;
  readonly isSerializable?: true | undefined;
  readonly body: readonly ProgramStep[];
}

/** A unit of work. */
export interface UnitStep extends Step {
  readonly kind: "unit";
  /** The virtual connections that are bound to the other database. */
  readonly bind?: readonly number[] | undefined;
  /** The virtual connections on which it is a transaction. */
  readonly transaction?: readonly number[] | undefined;
  readonly retries?: number | undefined;
  readonly body: readonly ProgramStep[];
}

/** Branches that run side by side. */
export interface ParallelStep extends Step {
  readonly kind: "parallel";
  /** Whether the code waits for all or the first failure, for all in any case, or for one. */
  readonly mode: "all" | "settled" | "first";
  readonly branches: readonly (readonly ProgramStep[])[];
}

/** A lease, and what its code does meanwhile. */
export interface LeaseStep extends Step {
  readonly kind: "lease";
  readonly on: number;
  readonly by?: "handle" | "outside" | undefined;
  readonly separate?: true | "unlessInTransaction" | undefined;
  /** How the transaction ends that its code begins by hand, if it does. */
  readonly hand?: "commit" | "rollback" | undefined;
  readonly body: readonly ProgramStep[];
}

/** Rows that are read by the driver's own stream, of a lease. */
export interface StreamStep extends Step {
  readonly kind: "stream";
  readonly on: number;
  readonly separate?: true | undefined;
  /** How many are read of {@linkcode streamLength}. */
  readonly rows: number;
}

/** What happens beside the code, or to it. */
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
  /** In which of the two databases it is. */
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

/** Returns all steps of a list, and those in them. */
export function stepsOf(body: readonly ProgramStep[]): ProgramStep[] {
  return body.flatMap((step) => [step, ...bodiesOf(step).flatMap(stepsOf)]);
}

/** What of a program can make its parts fail, or wait for each other. */
export interface Risks {
  readonly kills: boolean;
  readonly aborts: boolean;
  readonly timeouts: boolean;
  readonly deadlocks: boolean;
  readonly wrongs: boolean;
  /** Whether there may be more leases at once than there is room for. */
  readonly crowds: boolean;
}

/** Returns what can go wrong in a program. */
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

/** Returns how many leases a list of steps may have at once, rather too many than too few. */
function demandOf(body: readonly ProgramStep[]): number {
  // What nobody waits for any more may still run beside what comes next.
  const leavesCode = stepsOf(body).some((step) =>
    step.kind === "parallel" && step.mode !== "settled"
  );
  const demands = body.map(demandOfStep);
  return leavesCode ? demands.reduce((a, b) => a + b, 0) : Math.max(0, ...demands);
}

/** Returns how many leases are kept beyond what they were taken for, by state and by options. */
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
