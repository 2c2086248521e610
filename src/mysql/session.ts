/**
 * A session: one connection of the driver, what is known of it, and what can be done with it.
 *
 * What takes too long ends the session, but for a statement that is aborted: that is ended at the
 * server, and then the session can be used again.
 */

import type { Connection } from "mysql2";
import type {
  Answering,
  Cancellation,
  Condition,
  Loss,
  Session,
  SocketStream,
  Statement,
  StatementFacts,
} from "../port.ts";
import type { Memory } from "./beginning.ts";
import type { Canceller } from "./canceller.ts";
import { isBusy } from "./commands.ts";
import { answered, type DriverInternals, internalsOf } from "./mysql2_internals.ts";
import { answerOf, RunningStatement } from "./running_statement.ts";
import { Loans } from "./loan.ts";
import { loginCounter } from "./login.ts";
import { patchDriver } from "./mysql2_patches.ts";
import { unreadable } from "./errors.ts";
import { isReadByDriver, StatementSender } from "./prepared.ts";
import { ResultLimit } from "./result_limit.ts";
import { withoutValues } from "./redact.ts";
import { ending, SessionEnd } from "./session_end.ts";
import type { Target } from "./target.ts";
import { Wiping } from "./wiping.ts";
import { SessionState } from "./session_state.ts";

/** How long a ping may take: many round trips, and yet no long wait for who needs an answer. */
const checkMsMax = 1000;

/** A session of MySQL or MariaDB, by a connection of mysql2. */
export class MysqlSession implements Session {
  /** The driver's own connection. */
  readonly driver: Connection;
  readonly #internals: DriverInternals;
  readonly #state: SessionState;
  readonly #sender: StatementSender;
  readonly #memory: Memory;
  readonly #end: SessionEnd;
  readonly #running: RunningStatement;
  readonly #loans: Loans;
  readonly #wiping: Wiping;
  #target: Target;
  #isRef = true;

  /**
   * Takes over a connection that was just created; `socket` is what it was given as its stream.
   * Without a canceller, what is aborted ends with its session.
   */
  constructor(
    driver: Connection,
    socket: SocketStream,
    target: Target,
    memory: Memory,
    canceller?: Canceller,
  ) {
    this.driver = driver;
    this.#target = target;
    this.#memory = memory;
    this.#internals = internalsOf(driver);
    const end = this.#end = new SessionEnd(driver, socket);
    this.#running = new RunningStatement(this.#internals, socket, end, canceller);
    this.#loans = new Loans(this.#internals);
    end.abandoned = () => this.#running.endThread(this.#target);
    this.#state = new SessionState(this.#internals, (error) => end.onDesync(error));
    this.#wiping = new Wiping(driver, this.#state, end, this.#loans, memory);
    end.closed.then(() => this.#state.reading.end());
    this.#state.doubt.isNeedless = () => this.#running.isCancelling;
    const limit = new ResultLimit(this.#internals, target.options.maxResultBytes, {
      cancelStatement: (reason) => this.#running.cancelStatement(reason, this.#target),
      abandon: (reason) => end.abandon(reason),
    });
    const countLogin = loginCounter((error) => end.cut(error));
    const hooks = { watcher: this.#state, end, limit, countLogin };
    const isHooked = patchDriver(this.#internals, hooks);
    this.#sender = new StatementSender(this.#internals, this.#state.reading, isHooked);
  }

  /** The server's name for the session. */
  get threadId(): number {
    return this.driver.threadId;
  }

  /** Whether its holder can go on with it: neither it nor a statement was ended early. */
  get isAlive(): boolean {
    return !this.#end.hasCome && !this.#running.isCancelling &&
      this.driver.state === "authenticated";
  }

  /** Whether a transaction is open. */
  get isInTransaction(): boolean {
    return this.#state.isInTransaction;
  }

  /** Whether it holds state that cannot move to another. */
  get isPinned(): boolean {
    return this.#state.isChanged;
  }

  /** How many of its answers left something to ask for. */
  get resultInfoCount(): number {
    return this.#state.resultInfoCount;
  }

  /** How many statements it was given. */
  get clearingCount(): number {
    return this.#state.clearingCount;
  }

  /** How many of them may have become permanent. */
  get permanentCount(): number {
    return this.#state.transaction.permanentCount;
  }

  /** The names in its reads that may be those of views which write. */
  get unprovenReads(): ReadonlyMap<string, number> {
    return this.#state.transaction.unprovenReads;
  }

  /** How many of its answers have set what LAST_INSERT_ID() returns. */
  get idCount(): number {
    return this.#state.idCount;
  }

  /** A number of the transaction that is open, 0 if none is. */
  get transaction(): number {
    return this.#state.transaction.number;
  }

  /** The statement at which the last transaction ended. */
  get transactionEndedBy(): string | undefined {
    return this.#state.transaction.endedBy;
  }

  /** Returns what the text of a statement tells. */
  factsOf(statement: Statement): StatementFacts {
    return this.#state.reading.factsOf(statement);
  }

  /** What a holder who gave it up now would leave. */
  get condition(): Condition {
    if (this.#loans.isSpoilt) return "broken";
    if (this.#running.isCancelling && !this.#end.hasCome) return "dirty";
    const isBusyOtherwise = isBusy(this.#internals) && !this.#state.doubt.isAlone;
    if (!this.isAlive || this.#state.isUnusable || isBusyOtherwise) return "broken";
    if (!this.#state.isDirty) {
      if (this.#loans.isRecoded) return "broken";
      return this.#state.reading.unknownNames.size > 0 ? "dirty" : "clean";
    }
    return this.#memory.refusals.has("wiping", this.#target) ? "broken" : "dirty";
  }

  /** Fulfilled when the socket has closed. */
  get closed(): Promise<void> {
    return this.#end.closed;
  }

  /** Makes a fresh session what its target says; from then on `lost` may be called. */
  async begin(lost: (loss: Loss) => void): Promise<void> {
    await this.#wiping.begin(this.#target, "connect");
    this.#end.lost = lost;
  }

  /** Returns why it really could not be opened. */
  rootCause(error: unknown): unknown {
    return this.#end.rootCause(error);
  }

  /** Returns the driver's connection for one holder, whom `refusal` tells if he may use it. */
  lend(refusal: () => unknown): Connection {
    return this.#loans.lend(refusal);
  }

  /** Sends a statement after those before it. */
  send(statement: Statement, answering: Answering): void {
    const { loss } = this.#end;
    if (loss !== undefined) return answering.failed(loss.cause);
    this.#sender.send(statement, (error, rows, fields) => {
      if (!error) return answering.done(rows, fields);
      const isSent = this.#sender.sendAgain(statement, error, (error, rows, fields) => {
        if (error) this.#fail(statement, error, answering);
        else answering.done(rows, fields);
      });
      if (!isSent) this.#fail(statement, error, answering);
    });
  }

  /** Runs a statement of the pool's own. */
  run(statement: Statement, signal: Cancellation | undefined): Promise<[unknown, unknown]> {
    return answerOf(this, statement, signal);
  }

  /** Ends what it runs, at the server where it can. */
  cancelStatement(reason: unknown): void {
    this.#running.cancelStatement(reason, this.#target);
  }

  /** Calls off what the driver does now, whoever asked for it, who hears the reason. */
  cancelAll(reason: unknown): void {
    this.#running.cancelAll(reason, this.#target);
  }

  /** Asks whether the server still answers. */
  check(): Promise<void> {
    const ping = (): Promise<void> => answered((answer) => this.driver.ping(answer));
    // It finds connections whose other side is gone: nobody is waited for there.
    return this.#end.within("A ping", checkMsMax, ping, (error) => this.#end.cut(error));
  }

  /** Asks whether names in reads are those of nothing that writes; see {@linkcode Session}. */
  async proveReads(
    reads: ReadonlyMap<string, number>,
    signal: Cancellation | undefined,
  ): Promise<boolean> {
    const abort = (): void => this.cancelAll(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      const { mayWrite } = await this.#wiping.lookUp(new Set(reads.keys()), this.#target);
      const { changeCount } = this.#state.reading;
      return !mayWrite && [...reads.values()].every((count) => count === changeCount);
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Wipes what a holder left, or whatever there is if `isForced`; see {@linkcode Session}. */
  async reset(isForced = false): Promise<string | undefined> {
    const isCancelled = this.#running.isCancelling;
    await this.#running.settled();
    return await this.#wiping.reset(this.#target, isForced || isCancelled);
  }

  /** Changes it into a session of another target of the same address. */
  async retarget(target: Target): Promise<void> {
    await this.#running.settled();
    await this.#wiping.login(target);
    this.#target = target;
  }

  /** Says whether the open socket is to keep the process alive. */
  setRef(isRef: boolean): void {
    if (isRef === this.#isRef) return;
    this.#isRef = isRef;
    const { stream } = this.#internals;
    if (isRef) stream.ref?.();
    else stream.unref?.();
  }

  /** Ends it with a farewell, unless it is busy. */
  async close(): Promise<void> {
    await this.#running.settled();
    const end = this.#end;
    end.lost = undefined;
    const isSpoilt = this.#loans.isSpoilt;
    if (isSpoilt) this.#loans.restoreSocket();
    if (this.isAlive && !isSpoilt && !isBusy(this.#internals)) {
      this.setRef(true);
      end.quit();
    } else {
      end.break(ending("The connection was closed"));
    }
    if (end.isAbandoned) this.setRef(false);
    await end.closedSoon();
  }

  /** Ends it at once; what is under way in it rejects with `reason`. */
  destroy(reason: Error): void {
    this.#end.lost = undefined;
    this.#end.destroy(reason);
  }

  /** Tells the error of a statement; who sees it also sees what became of the transaction. */
  #fail(statement: Statement, error: unknown, answering: Answering): void {
    const failure = this.#failure(error, statement);
    const { answered } = this.#state.doubt;
    if (answered === undefined) answering.failed(failure);
    else answered.then(() => answering.failed(failure));
  }

  #failure(error: unknown, statement: Statement): unknown {
    const { isAtRow } = this.#state;
    if (isAtRow && isReadByDriver(this.#internals, statement)) return unreadable(error);
    return this.#end.rootCause(withoutValues(error, statement.sql));
  }
}
