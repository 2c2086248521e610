/**
 * A statement outside any unit of work, from acquire to release: it requests a lease, sends itself
 * on the granted connection, releases the lease with the answer, and settles the caller's promise.
 */

import { AsyncResource } from "node:async_hooks";
import type { LeaseRef, VirtualId } from "../core/mod.ts";
import type { Answering, Instant, Statement } from "../port/session.ts";
import type { Admission } from "./admission.ts";
import { goOn, rejected, type Resume, resumeOf } from "./caller.ts";
import { SubletError } from "./errors.ts";
import {
  LeaseRequest,
  leaseTimeout,
  type LeaseWaiter,
  pooledOf,
  refusalOf,
} from "./lease_request.ts";
import { type Limited, type Limiter, limiterOf, type Limits, statementTimeout } from "./wait.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import { checkLasts, checkReadsOwn } from "./refusals.ts";

/** Settles the caller's promise with an answer, or with a promise of an error. */
export type Settle = (answer: [unknown, unknown] | Promise<never>) => void;

const NONE: readonly LeaseRef[] = [];

/** A statement that is a unit of work of its own. */
export class StatementRequest extends LeaseRequest implements Answering, Limited, LeaseWaiter {
  before: LeaseWaiter | undefined = undefined;
  after: LeaseWaiter | undefined = undefined;
  due: Instant | undefined = undefined;
  readonly #statement: Statement;
  readonly #settle: Settle;
  #limiter: Limiter | undefined = undefined;
  #resume: Resume | undefined = undefined;
  #stage: "begun" | "waiting" | "granted" | "sent" | "over" = "begun";

  /** Creates a request that has not begun. */
  constructor(
    { interpreter, virtualConfigs }: PoolRuntime,
    admission: Admission,
    virtual: VirtualId,
    statement: Statement,
    settle: Settle,
  ) {
    super(interpreter, virtual, virtualConfigs[virtual]!.target, NONE, admission);
    this.#statement = statement;
    this.#settle = settle;
  }

  /** The request that it waits for: itself. */
  get awaited(): this {
    return this;
  }

  /** Requests the lease; `limits` also hold for the statement. */
  begin(limits: Limits): void {
    const { interpreter } = this;
    this.#limiter = limiterOf(interpreter.clock, limits, this);
    // Listeners to the release run in the async context of the caller.
    if (interpreter.hasListeners("release")) this.#resume = new AsyncResource("Sublet");
    interpreter.ask(this);
    if (this.status !== "waiting") return;
    this.#resume ??= resumeOf(() => this.#send());
    this.#stage = "waiting";
    interpreter.processRef.ref();
    interpreter.acquireTimeouts.add(this, this.requestedAt);
  }

  /** Sends the statement, or fails if the request was refused. */
  answered(): void {
    this.#endWait();
    if (this.refusal !== undefined) return this.#fail(refusalOf(this.interpreter, this));
    if (this.#resume === undefined) this.#send();
    else goOn(this.#resume, () => this.#send());
  }

  /** Fails as the wait for a lease has exceeded `acquireTimeout`. */
  expire(): void {
    this.#withdraw(leaseTimeout(this.interpreter, this.virtual, this.requestedAt));
  }

  /** Fails as its signal was aborted. */
  abort(reason: unknown): void {
    if (this.#stage === "over") return;
    if (this.status === "waiting") return this.#withdraw(reason);
    if (this.#stage === "sent") pooledOf(this).session.cancelStatement(reason);
    this.#fail(reason);
  }

  /** Fails as its own timeout is over. */
  timeUp(): void {
    if (this.status === "waiting") this.expire();
    else this.abort(statementTimeout());
  }

  /** Takes the answer. */
  done(rows: unknown, fields: unknown): void {
    if (this.#stage === "over") return;
    const { session } = pooledOf(this);
    const isLeftOpen = session.isInTransaction && !session.factsOf(this.#statement).isReadOnly;
    if (isLeftOpen) return this.#fail(leftOpen());
    this.#end();
    this.#settle([rows, fields]);
  }

  /** Takes the error that came in place of an answer. */
  failed(error: unknown): void {
    // The driver may still be within the command that has failed.
    queueMicrotask(() => this.#fail(this.#limiter?.reasonOf(error) ?? error));
  }

  #send(): void {
    if (this.#stage === "over") return;
    try {
      const { session } = pooledOf(this);
      const facts = session.factsOf(this.#statement);
      checkLasts(facts);
      checkReadsOwn(facts, session, undefined);
      this.#stage = "sent";
      session.send(this.#statement, this);
    } catch (error) {
      this.#fail(error);
    }
  }

  #withdraw(error: unknown): void {
    this.interpreter.withdraw(this);
    this.#fail(error);
  }

  #endWait(): void {
    if (this.#stage !== "waiting") return;
    this.#stage = "granted";
    this.interpreter.processRef.unref();
    this.interpreter.acquireTimeouts.delete(this);
  }

  #fail(error: unknown): void {
    if (this.#stage === "over") return;
    this.#end();
    this.#settle(rejected(error));
  }

  /** Ends the lease, if it has one. */
  #end(): void {
    this.#endWait();
    this.#stage = "over";
    this.#limiter?.end();
    if (this.pooled === undefined) return;
    const { interpreter, pooled: { session: { condition } } } = this;
    if (this.#resume instanceof AsyncResource && interpreter.hasListeners("release")) {
      this.#resume.runInAsyncScope(interpreter.release, interpreter, this, condition);
    } else interpreter.release(this, condition);
  }
}

/** Returns the error of a statement that leaves a transaction open, which a reset rolls back. */
function leftOpen(): SubletError {
  const message = "The statement has left a transaction open, outside of any unit of work: the " +
    "pool rolls it back. Run it in one `unit` with its COMMIT, or use `transaction`";
  return new SubletError("TRANSACTION_OPEN", "statement", message);
}
