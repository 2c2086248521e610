/**
 * A statement outside any unit of work. It is its own request for a lease: when the pool grants the
 * lease, it sends itself; when the answer comes, it releases the lease and settles the caller's one
 * promise.
 */

import { AsyncResource } from "node:async_hooks";
import type { LeaseRef, VirtualId } from "../core/mod.ts";
import type { Answering, Instant, Statement } from "../port/session.ts";
import type { Admission } from "./admission.ts";
import { goOn, rejected, type Resume, resumeOf } from "./caller.ts";
import { SubletError } from "./errors.ts";
import { leaseTimeout, refusalOf } from "./lease_errors.ts";
import { LeaseRequest, type LeaseWaiter, pooledOf } from "./lease_request.ts";
import { type Limited, type Limiter, limiterOf, type Limits, statementTimeout } from "./wait.ts";
import type { PoolRuntime } from "./pool_runtime.ts";
import type { StatementTrace } from "./statement_trace.ts";
import { checkLasts, checkReadsOwn } from "./refusals.ts";

/** Settles the caller's promise: with the answer, or with a promise that rejects. */
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

  /** Creates a statement; {@linkcode begin} requests its lease. */
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

  /** Its trace, which only a traced statement has. */
  get trace(): StatementTrace | undefined {
    return undefined;
  }

  /** The request that it waits for: itself. */
  get awaited(): this {
    return this;
  }

  /** Requests the lease. The limits apply to the wait and to the statement. */
  begin(limits: Limits): void {
    const { interpreter } = this;
    this.#limiter = limiterOf(interpreter.clock, limits, this);
    // Listeners to "release" are called in the caller's async context.
    if (interpreter.hasListeners("release")) this.#resume = new AsyncResource("Sublet");
    interpreter.ask(this);
    if (this.status !== "waiting") return;
    this.#resume ??= resumeOf(() => this.#send());
    this.#stage = "waiting";
    interpreter.processRef.ref();
    interpreter.acquireTimeouts.add(this, this.requestedAt);
  }

  /** Sends the statement, or fails if the pool refused the request. */
  answered(): void {
    this.#endWait();
    if (this.refusal !== undefined) return this.#fail(refusalOf(this.interpreter, this));
    if (this.#resume === undefined) this.#send();
    else goOn(this.#resume, () => this.#send());
  }

  /** Gives up, as its wait for a lease has timed out. */
  expire(): void {
    this.#withdraw(leaseTimeout(this.interpreter, this, this.requestedAt));
  }

  /** Gives up, as its signal was aborted. */
  abort(reason: unknown): void {
    if (this.#stage === "over") return;
    if (this.status === "waiting") return this.#withdraw(reason);
    if (this.#stage === "sent") pooledOf(this).session.cancelStatement(reason);
    this.#fail(reason);
  }

  /** Gives up, as its own timeout has passed. */
  timeUp(): void {
    if (this.status === "waiting") this.expire();
    else this.abort(statementTimeout(this.#statement, this.#limiter?.timeoutMs));
  }

  /** Takes the answer; fails if the statement may write, and left a transaction open. */
  done(rows: unknown, fields: unknown): void {
    if (this.#stage === "over") return;
    const { session } = pooledOf(this);
    const isLeftOpen = session.isInTransaction && !session.factsOf(this.#statement).isReadOnly;
    if (isLeftOpen) return this.#fail(leftOpen());
    this.#end();
    this.trace?.done(rows, fields);
    this.#settle([rows, fields]);
  }

  /** Takes the error that came instead of an answer. */
  failed(error: unknown): void {
    // At this moment, the driver may still be processing the command that failed.
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
      this.trace?.sent();
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
    this.trace?.failed(error);
    this.#settle(rejected(error));
  }

  /** Releases the lease, if it has one. */
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

/** A statement that is traced; others have no field for a trace. */
export class TracedRequest extends StatementRequest {
  #trace: StatementTrace | undefined = undefined;

  override get trace(): StatementTrace | undefined {
    return this.#trace;
  }

  override set trace(trace: StatementTrace | undefined) {
    this.#trace = trace;
  }
}

/** Returns the error of a statement that left a transaction open, which the pool rolls back. */
function leftOpen(): SubletError {
  const message = "The statement has left a transaction open, outside of any unit of work: the " +
    "pool rolls it back. Run it in one `unit` with its COMMIT, or use `transaction`";
  return new SubletError("TRANSACTION_OPEN", "statement", message);
}
