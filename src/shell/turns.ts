/**
 * Turns, which put the statements of transactions on one lease in order; and the wait of code for
 * a transaction of its own unit.
 */

import type { Instant } from "../port/session.ts";
import type { ContextTransaction, WorkContext } from "./context.ts";
import { SubletError } from "./errors.ts";
import type { LeaseWaiter, Lessor } from "./lease_request.ts";
import { type Limits, Wait } from "./wait.ts";

/** A place in the order, from `take` until `end`. */
export class Turn {
  readonly #turns: Turns;
  #before: Turn | undefined;
  #after: Turn | undefined;
  #come: (() => void) | undefined;

  /** Creates a turn that comes after `before`. */
  constructor(turns: Turns, before: Turn | undefined) {
    this.#turns = turns;
    this.#before = before;
    if (before !== undefined) before.#after = this;
  }

  /** Whether all earlier turns have ended. */
  get hasCome(): boolean {
    return this.#before === undefined;
  }

  /** Waits until all earlier turns have ended; rejects when a limit is reached. */
  come(interpreter: Lessor, limits: Limits): Promise<void> {
    const wait = new Wait(interpreter, limits);
    this.#come = () => wait.done();
    return wait.begin();
  }

  /** Ends it: the next turn comes now or, if earlier ones are left, after those. */
  end(): void {
    const [before, after] = [this.#before, this.#after];
    this.#turns.leave(this, before);
    if (before !== undefined) before.#after = after;
    if (after === undefined) return;
    after.#before = before;
    if (before === undefined) after.#come?.();
  }
}

/** Gives turns, in the order of the calls. */
export class Turns {
  #last: Turn | undefined;

  /** Takes the next turn, which the caller must end in any case. */
  take(): Turn {
    return this.#last = new Turn(this, this.#last);
  }

  /** Removes a turn that has ended; `before` is the one before it, if any. */
  leave(turn: Turn, before: Turn | undefined): void {
    if (this.#last === turn) this.#last = before;
  }
}

/** The part of a transaction that code which waits for it uses. */
export interface AwaitedTransaction extends ContextTransaction {
  /** Fulfilled when its status changes. */
  readonly changed: Promise<void>;
  /** The lease it runs on, and the name of the virtual connection of the lease. */
  readonly unitLease: ContextTransaction["unitLease"] & {
    readonly virtualConfig: { readonly name: string };
  };
}

/** Code that waits for a transaction. */
export interface TurnWaiting {
  /** The context of the code. */
  readonly context: WorkContext | undefined;
  /** The transaction that it waits for. */
  readonly open: AwaitedTransaction;
}

/**
 * Waits until the status of a transaction of the same unit changes, so that code may use its lease;
 * `acquireTimeout` limits the wait. Two parallel transactions may wait for each other, each with a
 * statement on the other's virtual connection: then the second wait, which could never end, rejects
 * at once with `LEASE_DEADLOCK`.
 */
export async function untilFurther(
  interpreter: Lessor,
  waitings: Set<TurnWaiting>,
  waiting: TurnWaiting,
  limits: Limits,
): Promise<void> {
  const { open } = waiting;
  const { name } = open.unitLease.virtualConfig;
  if (isRing(waitings, waiting)) throw ring(name);
  const wait = new TurnWait(interpreter, name, limits);
  waitings.add(waiting);
  open.changed.then(() => wait.done());
  try {
    await wait.begin();
  } finally {
    waitings.delete(waiting);
  }
}

/** Tells whether the awaited transaction waits, perhaps through others, for one of this code. */
function isRing(waitings: Iterable<TurnWaiting>, { context, open }: TurnWaiting): boolean {
  const reached = new Set([open]);
  for (const transaction of reached) {
    if (isIn(context, transaction)) return true;
    for (const other of waitings) if (isIn(other.context, transaction)) reached.add(other.open);
  }
  return false;
}

function isIn(context: WorkContext | undefined, transaction: AwaitedTransaction): boolean {
  for (let at = context; at !== undefined; at = at.parent) {
    if (at.transaction === transaction) return true;
  }
  return false;
}

function ring(name: string): SubletError {
  const message =
    `Cannot wait for the transaction that is open on ${JSON.stringify(name)}, as it ` +
    "waits for a transaction that this code is in: run one after the other";
  return new SubletError("LEASE_DEADLOCK", "lease", message);
}

class TurnWait extends Wait implements LeaseWaiter {
  before: LeaseWaiter | undefined = undefined;
  after: LeaseWaiter | undefined = undefined;
  due: Instant | undefined = undefined;
  readonly awaited: undefined = undefined;
  readonly #name: string;
  readonly #since: Instant;

  constructor(interpreter: Lessor, name: string, limits: Limits) {
    super(interpreter, limits);
    this.#name = name;
    this.#since = interpreter.clock.now();
    interpreter.acquireTimeouts.add(this, this.#since);
  }

  override timeUp(): void {
    this.expire();
  }

  expire(): void {
    const { interpreter } = this;
    const waitMs = Math.round(interpreter.clock.now() - this.#since);
    const message = `Another transaction of its own unit, on ${JSON.stringify(this.#name)}, did ` +
      `not end within ${waitMs} ms: run the statement in that transaction, by its handle, or ` +
      "do not have the transaction wait for it";
    this.fail(new SubletError("LEASE_TIMEOUT", "lease", message, { stats: interpreter.stats() }));
  }

  protected override takeBack(): void {
    this.interpreter.acquireTimeouts.delete(this);
  }
}
