/**
 * Waits for the lease of a unit of work.
 *
 * The core handles an event within one call, so nothing can happen between the grant and the end
 * of the wait: a request is either withdrawn or granted, never both. Several pieces of code may
 * wait for one request; the pool withdraws the request when the last of them gives up.
 */

import type { Instant } from "../port/session.ts";
import { leaseTimeout, refusalOf } from "./lease_errors.ts";
import {
  LeaseRequest,
  type LeaseWaiter,
  type Lessor,
  type PooledConnection,
} from "./lease_request.ts";
import { type Limits, Wait } from "./wait.ts";

/** A unit of work that has requested a lease. */
export interface Asker {
  /** Describes its open transactions and explicit leases, if any, for an error message. */
  describeOpen(): string | undefined;
}

/** A request of a unit of work, which all code of the unit that uses the lease shares. */
export class UnitRequest extends LeaseRequest {
  /** The unit that has made it. */
  asker: Asker | undefined = undefined;
  /** The stack of the code that took it, if `leakDetectionTimeout` is set. */
  takenAt: string | undefined = undefined;
  /** `Session.resultInfoCount` at the grant, or at the end of the last transaction since. */
  resultInfoBefore = 0;
  /** `Session.clearingCount` at the grant. */
  clearingsBefore = 0;
  /** `Session.permanentCount` at the grant. */
  permanentBefore = 0;
  /** `Session.idCount` at the grant. */
  idsBefore = 0;
  /** The first wait, and any others; most requests have no others. */
  #wait: LeaseWait | undefined = undefined;
  #others: Set<LeaseWait> | undefined = undefined;

  /** Waits for the grant; rejects if the core refuses the request, or a limit is reached. */
  wait(limits: Limits): Promise<void> {
    if (this.refusal !== undefined) return Promise.reject(refusalOf(this.interpreter, this));
    const wait = new LeaseWait(this.interpreter, this, limits);
    // Waits end in the order in which they began, even if the first one has given up.
    if (this.#isAlone) this.#wait = wait;
    else (this.#others ??= new Set()).add(wait);
    return wait.begin();
  }

  /** Makes it the lease of a connection, and notes the counts of the session at that time. */
  override grant(pooled: PooledConnection, now: Instant): void {
    super.grant(pooled, now);
    const { resultInfoCount, clearingCount, permanentCount, idCount } = pooled.session;
    this.resultInfoBefore = resultInfoCount;
    this.clearingsBefore = clearingCount;
    this.permanentBefore = permanentCount;
    this.idsBefore = idCount;
  }

  override stack(): string | undefined {
    return this.takenAt;
  }

  /** Ends all waits for it. */
  answered(): void {
    for (const wait of this.#all()) wait.answered();
  }

  /** Rejects all waits for it. */
  failAll(error: () => Error): void {
    for (const wait of this.#all()) wait.fail(error());
  }

  /** Removes a wait that has ended; after the last, withdraws the request if it still waits. */
  leave(wait: LeaseWait): void {
    if (this.#wait === wait) this.#wait = undefined;
    else this.#others?.delete(wait);
    if (this.status === "waiting" && this.#isAlone) this.interpreter.withdraw(this);
  }

  /** Whether no code waits for it. */
  get #isAlone(): boolean {
    return this.#wait === undefined && !this.#others?.size;
  }

  #all(): LeaseWait[] {
    const others = this.#others === undefined ? [] : [...this.#others];
    return this.#wait === undefined ? others : [this.#wait, ...others];
  }
}

/** The wait of one piece of code for a request of its unit. */
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
    const { interpreter, awaited } = this;
    this.fail(leaseTimeout(interpreter, awaited, this.#since, awaited.asker?.describeOpen()));
  }

  override timeUp(): void {
    this.expire();
  }

  protected override takeBack(): void {
    this.interpreter.acquireTimeouts.delete(this);
    this.awaited.leave(this);
  }
}
