/**
 * Waits for the lease of a unit of work.
 *
 * Events of the core are handled within one call, so between a grant and the end of a wait
 * nothing can come: a request is either withdrawn or granted, never both. Several may wait for
 * one; the last to give up takes it back.
 */

import type { Instant } from "../port.ts";
import {
  LeaseRequest,
  leaseTimeout,
  type LeaseWaiter,
  type Lessor,
  type PooledConnection,
  refusalOf,
} from "./lease_request.ts";
import { type Limits, Wait } from "./wait.ts";

/** A unit of work that has requested a lease. */
export interface Asker {
  /** Says which transactions of it are open, if any. */
  describeOpen(): string | undefined;
}

/** A request of a unit of work, for whatever of its code works on the lease. */
export class UnitRequest extends LeaseRequest {
  /** The unit that has made it. */
  asker: Asker | undefined = undefined;
  /** How many answers had left something to ask for before its own did. */
  resultInfoBefore = 0;
  /** How many statements had cleared what was left to ask for before. */
  clearingsBefore = 0;
  /** How many of these may have become permanent. */
  permanentBefore = 0;
  /** How many answers had set an id before. */
  idsBefore = 0;
  /** The first that waits, and the others; most requests have no other. */
  #wait: LeaseWait | undefined = undefined;
  #others: Set<LeaseWait> | undefined = undefined;

  /** Waits for the answer; rejects if that is a refusal, or takes too long. */
  wait(limits: Limits): Promise<void> {
    if (this.refusal !== undefined) return Promise.reject(refusalOf(this.interpreter, this));
    const wait = new LeaseWait(this.interpreter, this, limits);
    // Who came before has its turn before, although the first may have given up.
    if (this.#isAlone) this.#wait = wait;
    else (this.#others ??= new Set()).add(wait);
    return wait.begin();
  }

  /** Takes the session that it is granted, and notes what that has seen before. */
  override grant(pooled: PooledConnection, now: Instant): void {
    super.grant(pooled, now);
    const { resultInfoCount, clearingCount, permanentCount, idCount } = pooled.session;
    this.resultInfoBefore = resultInfoCount;
    this.clearingsBefore = clearingCount;
    this.permanentBefore = permanentCount;
    this.idsBefore = idCount;
  }

  /** Tells those who wait for it. */
  answered(): void {
    for (const wait of this.#all()) wait.answered();
  }

  /** Makes all that wait for it wait no more. */
  failAll(error: () => Error): void {
    for (const wait of this.#all()) wait.fail(error());
  }

  /** One waits for it no more; with the last it is taken back. */
  leave(wait: LeaseWait): void {
    if (this.#wait === wait) this.#wait = undefined;
    else this.#others?.delete(wait);
    if (this.status === "waiting" && this.#isAlone) this.interpreter.withdraw(this);
  }

  /** Whether nobody waits for it. */
  get #isAlone(): boolean {
    return this.#wait === undefined && !this.#others?.size;
  }

  #all(): LeaseWait[] {
    const others = this.#others === undefined ? [] : [...this.#others];
    return this.#wait === undefined ? others : [this.#wait, ...others];
  }
}

/** Code that waits for a request of its unit. */
class LeaseWait extends Wait implements LeaseWaiter {
  before: LeaseWaiter | undefined = undefined;
  after: LeaseWaiter | undefined = undefined;
  due: Instant | undefined = undefined;
  readonly awaited: UnitRequest;
  readonly #since: Instant;

  constructor(interpreter: Lessor, awaited: UnitRequest, limits: Limits) {
    super(interpreter, limits);
    this.awaited = awaited;
    this.#since = interpreter.clock.now();
    interpreter.acquireTimeouts.add(this, this.#since);
  }

  answered(): void {
    if (this.awaited.refusal === undefined) this.done();
    else this.fail(refusalOf(this.interpreter, this.awaited));
  }

  expire(): void {
    const { virtual, asker } = this.awaited;
    this.fail(leaseTimeout(this.interpreter, virtual, this.#since, asker?.describeOpen()));
  }

  override timeUp(): void {
    this.expire();
  }

  protected override takeBack(): void {
    this.interpreter.acquireTimeouts.delete(this);
    this.awaited.leave(this);
  }
}
