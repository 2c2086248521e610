/** Turns of those who use one thing one after another, in the order in which they came. */

import type { Instant } from "../port/session.ts";
import type { ContextTransaction, WorkContext } from "./context.ts";
import { SubletError } from "./errors.ts";
import type { LeaseWaiter, Lessor } from "./lease_request.ts";
import { type Limits, Wait } from "./wait.ts";

/** A turn that somebody has taken. */
export class Turn {
  readonly #turns: Turns;
  #before: Turn | undefined;
  #after: Turn | undefined;
  #come: (() => void) | undefined;

  /** Comes behind another one. */
  constructor(turns: Turns, before: Turn | undefined) {
    this.#turns = turns;
    this.#before = before;
    if (before !== undefined) before.#after = this;
  }

  /** Whether those who came before have had theirs. */
  get hasCome(): boolean {
    return this.#before === undefined;
  }

  /** Waits until it has come; rejects when the limits are reached. */
  come(interpreter: Lessor, limits: Limits): Promise<void> {
    const wait = new Wait(interpreter, limits);
    this.#come = () => wait.done();
    return wait.begin();
  }

  /** Lets the next one come, now or when those before it have ended. */
  end(): void {
    const [before, after] = [this.#before, this.#after];
    this.#turns.leave(this, before);
    if (before !== undefined) before.#after = after;
    if (after === undefined) return;
    after.#before = before;
    if (before === undefined) after.#come?.();
  }
}

/** Gives turns. */
export class Turns {
  #last: Turn | undefined;

  /** Takes the next turn; whoever takes one ends it, whatever comes. */
  take(): Turn {
    return this.#last = new Turn(this, this.#last);
  }

  /** Forgets a turn that has ended. */
  leave(turn: Turn, before: Turn | undefined): void {
    if (this.#last === turn) this.#last = before;
  }
}

/** A transaction, as code that waits for it knows it. */
export interface AwaitedTransaction extends ContextTransaction {
  /** Fulfilled when it is further. */
  readonly changed: Promise<void>;
  /** What it runs on, and the name of the virtual connection that this goes through. */
  readonly unitLease: ContextTransaction["unitLease"] & {
    readonly virtualConfig: { readonly name: string };
  };
}

/** Code that waits for a transaction. */
export interface TurnWaiting {
  /** What the code belongs to. */
  readonly context: WorkContext | undefined;
  /** The transaction. */
  readonly open: AwaitedTransaction;
}

/**
 * Waits until a transaction of the same unit is further, where code wants to work; not longer than
 * for a lease. Two transactions side by side may wait for each other, each by a statement on the
 * other's virtual connection: then the later one is refused at once, as its wait could never end.
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

/** Tells whether what is waited for waits itself for a transaction that the code is in. */
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
