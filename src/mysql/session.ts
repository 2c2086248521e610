/**
 * A session: one connection of the driver, its tracked state, and the operations on it.
 *
 * An operation that takes too long ends the session. An aborted statement is instead cancelled at
 * the server, and then the session can be used again.
 */

import type { Connection } from "mysql2";
import type {
  Answering,
  Cancellation,
  Condition,
  Loss,
  Session,
  Statement,
  StatementFacts,
} from "../port/session.ts";
import type { SocketStream } from "../port/socket.ts";
import type { Memory } from "./beginning.ts";
import type { Canceller } from "./canceller.ts";
import { isBusy } from "./commands.ts";
import { answered, type DriverInternals, internalsOf } from "./mysql2_internals.ts";
import { adviseInfile } from "./infile.ts";
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

/** How long a ping may take: many round trips, yet a short wait for the caller. */
const checkMsMax = 1000;

/** A MySQL or MariaDB session on a connection of mysql2. */
export class MysqlSession implements Session {
  /** The driver's own connection. */
  readonly driver: Connection;
  readonly #internals: DriverInternals;
  readonly #state: SessionState;
  readonly #sender: StatementSender;
  readonly #end: SessionEnd;
  readonly #running: RunningStatement;
  readonly #loans: Loans;
  readonly #wiping: Wiping;
  #target: Target;
  #isRef = true;

  /**
   * Takes over a connection that was just created with `socket` as its stream. Without a
   * canceller, an aborted statement ends the session.
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
    this.#sender = new StatementSender(this.#internals, this.#state.reading, isHooked, target);
  }

  /** The server's id of the session, as CONNECTION_ID() returns it. */
  get threadId(): number {
    return this.driver.threadId;
  }

  /** Whether its holder can go on: neither the session nor a statement was ended early. */
  get isAlive(): boolean {
    return !this.#end.hasCome && !this.#running.isCancelling &&
      this.driver.state === "authenticated";
  }

  /** Whether a transaction is open. */
  get isInTransaction(): boolean {
    return this.#state.isInTransaction;
  }

  /** Whether it holds state that cannot move to another session. */
  get isPinned(): boolean {
    return this.#state.isChanged;
  }

  /** How many answers left something for LAST_INSERT_ID(), SHOW WARNINGS … to read. */
  get resultInfoCount(): number {
    return this.#state.resultInfoCount;
  }

  /** How many statements were certain to clear the warnings of those before them. */
  get clearingCount(): number {
    return this.#state.clearingCount;
  }

  /** How many statements may have become permanent. */
  get permanentCount(): number {
    return this.#state.transaction.permanentCount;
  }

  /** The names in reads that may be names of views that write. */
  get unprovenReads(): ReadonlyMap<string, number> {
    return this.#state.transaction.unprovenReads;
  }

  /** How many answers have set the value of LAST_INSERT_ID() or LASTVAL(). */
  get idCount(): number {
    return this.#state.idCount;
  }

  /** The number of the open transaction, 0 if none is open. */
  get transaction(): number {
    return this.#state.transaction.number;
  }

  /** The statement during which the last transaction ended. */
  get transactionEndedBy(): string | undefined {
    return this.#state.transaction.endedBy;
  }

  /** Returns the facts that the text of a statement shows. */
  factsOf(statement: Statement): StatementFacts {
    return this.#state.reading.factsOf(statement);
  }

  /** The condition of the session if its holder released it now. */
  get condition(): Condition {
    if (this.#loans.isSpoilt) return "broken";
    if (this.#running.isCancelling && !this.#end.hasCome) return "dirty";
    const isBusyOtherwise = isBusy(this.#internals) && !this.#state.doubt.isAlone;
    if (!this.isAlive || this.#state.isUnusable || isBusyOtherwise) return "broken";
    if (!this.#state.isDirty) {
      if (this.#loans.isRecoded) return "broken";
      return this.#state.reading.unknownNames.size > 0 ? "dirty" : "clean";
    }
    return this.#wiping.isRefused(this.#target) ? "broken" : "dirty";
  }

  /** Fulfilled when the socket has closed. */
  get closed(): Promise<void> {
    return this.#end.closed;
  }

  /** Sets up a new session as its target says; calls `lost` if it ends unexpectedly after that. */
  async begin(lost: (loss: Loss) => void): Promise<void> {
    await this.#wiping.begin(this.#target, "connect");
    this.#end.lost = lost;
  }

  /** Returns the real cause of a failed connect. */
  rootCause(error: unknown): unknown {
    return this.#end.rootCause(error);
  }

  /** Lends the driver's connection to one holder; `refusal` returns why a use is refused. */
  lend(refusal: () => unknown): Connection {
    return this.#loans.lend(refusal);
  }

  /** Sends a statement, in order after earlier ones. */
  send(given: Statement, answering: Answering): void {
    const { loss } = this.#end;
    if (loss !== undefined) return answering.failed(loss.cause);
    const statement = this.#sender.bound(given);
    this.#sender.send(statement, (error, rows, fields) => {
      if (!error) return answering.done(rows, fields);
      const isSent = this.#sender.sendAgain(statement, error, (error, rows, fields) => {
        if (error) this.#fail(given, error, answering);
        else answering.done(rows, fields);
      });
      if (!isSent) this.#fail(given, error, answering);
    });
  }

  /** Runs one of the pool's own statements. */
  run(statement: Statement, signal: Cancellation | undefined): Promise<[unknown, unknown]> {
    return answerOf(this, statement, signal);
  }

  /** Cancels the running statement at the server; ends the session where that cannot be. */
  cancelStatement(reason: unknown): void {
    this.#running.cancelStatement(reason, this.#target);
  }

  /** Cancels all commands of the driver; the caller of each gets the reason. */
  cancelAll(reason: unknown): void {
    this.#running.cancelAll(reason, this.#target);
  }

  /** Pings the server, to check whether it still answers. */
  check(): Promise<void> {
    const ping = (): Promise<void> => answered((answer) => this.driver.ping(answer));
    // Without an answer the peer is likely gone: do not wait until the server ends the session.
    return this.#end.within("A ping", checkMsMax, ping, (error) => this.#end.cut(error));
  }

  /** Asks the server whether no name in `reads` is a view that writes; see {@linkcode Session}. */
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

  /** Wipes the state that a holder left, or any state if `isForced`; see {@linkcode Session}. */
  async reset(isForced = false): Promise<string | undefined> {
    const isCancelled = this.#running.isCancelling;
    await this.#running.settled();
    return await this.#wiping.reset(this.#target, isForced || isCancelled);
  }

  /** Logs the session in anew, to another target at the same address. */
  async retarget(target: Target): Promise<void> {
    await this.#running.settled();
    await this.#wiping.login(target);
    this.#target = target;
  }

  /** Sets whether the open socket keeps the process alive. */
  setRef(isRef: boolean): void {
    if (isRef === this.#isRef) return;
    this.#isRef = isRef;
    const { stream } = this.#internals;
    if (isRef) stream.ref?.();
    else stream.unref?.();
  }

  /** Closes the session, with COM_QUIT unless it is broken or busy. */
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

  /** Ends the session at once; its pending commands reject with `reason`. */
  destroy(reason: Error): void {
    this.#end.lost = undefined;
    this.#end.destroy(reason);
  }

  /** Reports a statement's error, after any ping that asks what became of the transaction. */
  #fail(statement: Statement, error: unknown, answering: Answering): void {
    const failure = this.#failure(error, statement);
    const { answered } = this.#state.doubt;
    if (answered === undefined) answering.failed(failure);
    else answered.then(() => answering.failed(failure));
  }

  #failure(error: unknown, statement: Statement): unknown {
    const { isAtRow } = this.#state;
    if (isAtRow && isReadByDriver(this.#internals, statement)) return unreadable(error);
    adviseInfile(error);
    return this.#end.rootCause(withoutValues(error, statement.sql));
  }
}
