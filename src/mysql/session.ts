/**
 * A session: one connection of the driver, what is known of it, and what can be done with it.
 *
 * What takes too long ends the session, but for a statement that is aborted: that is ended at the
 * server, and then the session can be used again.
 */

import type { Connection } from "mysql2";
import type { Condition, Loss, Session, SocketStream, Statement, StatementFacts } from "../port.ts";
import { beginSession } from "./beginning.ts";
import { Cancellation } from "./cancellation.ts";
import type { Canceller } from "./canceller.ts";
import { isBusy } from "./commands.ts";
import { answered, type DriverInternals, internalsOf } from "./internals.ts";
import { Loans } from "./loan.ts";
import { limitLogin } from "./login_bytes.ts";
import { login } from "./login.ts";
import { unreadable } from "./nonsense.ts";
import { type Answer, executeCached } from "./prepared.ts";
import { hideSecrets, withoutValues } from "./secrets.ts";
import { ending, SessionEnd } from "./session_end.ts";
import { factsOf } from "./statement.ts";
import type { Target } from "./target.ts";
import { Witness } from "./witness.ts";

/** How long a ping may take: many round trips, and yet no long wait for who needs an answer. */
const checkMsMax = 1000;
/** How long the server may take to wipe a session, or to let another user in. */
const resetMsMax = 5000;
/** How long a farewell may take. */
const closeMsMax = 1000;
/** How long a session that was given up may count as open, because the server still works in it. */
const abandonMsMax = 5000;
/** How long one that was destroyed may, as nobody waits for its place any more. */
const destroyMsMax = 400;

/** A session of MySQL or MariaDB, by a connection of mysql2. */
export class MysqlSession implements Session<Target, Connection> {
  /** The driver's own connection. */
  readonly driver: Connection;
  readonly #internals: DriverInternals;
  readonly #witness: Witness;
  readonly #end: SessionEnd;
  readonly #cancellation: Cancellation;
  readonly #loans: Loans;
  #target: Target;
  #isHeld = true;

  /**
   * Takes over a connection that was just created; `socket` is what it was given as its stream.
   * Without a canceller, what is aborted ends with its session.
   */
  constructor(driver: Connection, socket: SocketStream, target: Target, canceller?: Canceller) {
    this.driver = driver;
    this.#target = target;
    this.#internals = internalsOf(driver);
    const end = this.#end = new SessionEnd(driver, socket);
    this.#cancellation = new Cancellation(this.#internals, socket, end, canceller);
    this.#loans = new Loans(this.#internals);
    end.abandoned = () => this.#cancellation.endThread(this.#target);
    this.#witness = new Witness(this.#internals, (error) => end.derail(error));
    limitLogin(driver, (error) => end.cut(error));
    hideSecrets(driver);
  }

  /** The server's name for the session. */
  get threadId(): number {
    return this.driver.threadId;
  }

  /** Whether its holder can go on with it: neither it nor a statement was ended early. */
  get isAlive(): boolean {
    return !this.#end.hasCome && !this.#cancellation.isUnderWay &&
      this.driver.state === "authenticated";
  }

  /** Whether a transaction is open. */
  get isInTransaction(): boolean {
    return this.#witness.isInTransaction;
  }

  /** Whether it holds state that cannot move to another. */
  get isPinned(): boolean {
    return this.#witness.isChanged;
  }

  /** How many of its answers left something to ask for. */
  get echoCount(): number {
    return this.#witness.echoCount;
  }

  /** How many statements it was given. */
  get statementCount(): number {
    return this.#witness.statementCount;
  }

  /** How many of them may have become permanent. */
  get permanentCount(): number {
    return this.#witness.permanentCount;
  }

  /** How many of its answers may have set what LAST_INSERT_ID() returns. */
  get idCount(): number {
    return this.#witness.idCount;
  }

  /** A number of the transaction that is open, 0 if none is. */
  get transaction(): number {
    return this.#witness.transaction;
  }

  /** The statement at which the last transaction ended. */
  get transactionEndedBy(): string | undefined {
    return this.#witness.transactionEndedBy;
  }

  /** Returns what the text of a statement tells. */
  factsOf({ sql }: Statement): StatementFacts {
    return factsOf(sql);
  }

  /** What a holder who gave it up now would leave. */
  get condition(): Condition {
    if (this.#loans.isSpoilt) return "broken";
    if (this.#cancellation.isUnderWay && !this.#end.hasCome) return "dirty";
    if (!this.isAlive || this.#witness.isUnfit || isBusy(this.#internals)) return "broken";
    if (this.#witness.isDirty) return "dirty";
    return this.#loans.isRecoded ? "broken" : "clean";
  }

  /** Fulfilled when the socket has closed. */
  get closed(): Promise<void> {
    return this.#end.closed;
  }

  /** Makes a fresh session what its target says; from then on `lost` may be called. */
  async begin(lost: (loss: Loss) => void): Promise<void> {
    await this.#begin(this.#target, false);
    this.#end.lost = lost;
  }

  /** Returns why it really could not be opened. */
  truth(error: unknown): unknown {
    return this.#end.truth(error);
  }

  /** Returns the driver's connection for one holder, whom `refusal` tells if he may use it. */
  lend(refusal: () => unknown): Connection {
    return this.#loans.lend(refusal);
  }

  /** Runs a statement after those before it. */
  run(statement: Statement, signal: AbortSignal | undefined): Promise<[unknown, unknown]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const { loss } = this.#end;
      if (loss !== undefined) return reject(loss.cause);
      let isAnswered = false;
      const abort = (): void => {
        reject(signal?.reason);
        this.#cancellation.interrupt(signal?.reason, this.#target);
      };
      this.#send(statement, (error, rows, fields) => {
        isAnswered = true;
        signal?.removeEventListener("abort", abort);
        // Of several that one signal aborts, the first may have ended the session.
        if (error) reject(signal?.aborted ? signal.reason : this.#failure(error, statement));
        else resolve([rows, fields]);
      });
      if (!isAnswered) signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Calls off what the driver does now, whoever asked for it, who hears the reason. */
  abort(reason: unknown): void {
    this.#cancellation.cancel(reason, this.#target);
  }

  /** Asks whether the server still answers. */
  check(): Promise<void> {
    const ping = (): Promise<void> => answered((answer) => this.driver.ping(answer));
    // It finds connections whose other side is gone: nobody is waited for there.
    return this.#within("A ping", checkMsMax, ping, (error) => this.#end.cut(error));
  }

  /** Wipes what a holder left; by a new login where a reset would not wipe all. */
  async reset(): Promise<void> {
    await this.#cancellation.settled();
    if (this.#witness.isMoved) return await this.retarget(this.#target);
    await this.#within("A reset", resetMsMax, async () => {
      await answered((answer) => this.driver.reset(answer));
      await this.#begin(this.#target, true);
    });
  }

  /** Changes it into a session of another target of the same address. */
  async retarget(target: Target): Promise<void> {
    await this.#cancellation.settled();
    try {
      await this.#within("A new login", resetMsMax, async () => {
        await login(this.#internals, target);
        await this.#begin(target, false);
      });
      this.#target = target;
    } catch (error) {
      // MariaDB leaves it open and logged in as before, but without what the session had.
      this.#end.break(ending("A new login failed", error));
      throw error;
    }
  }

  /** Says whether the open socket is to keep the process alive. */
  holdProcess(isHeld: boolean): void {
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    const { stream } = this.#internals;
    if (isHeld) stream.ref?.();
    else stream.unref?.();
  }

  /** Ends it with a farewell, unless it is busy. */
  async close(): Promise<void> {
    await this.#cancellation.settled();
    const end = this.#end;
    end.lost = undefined;
    const isSpoilt = this.#loans.isSpoilt;
    if (isSpoilt) this.#loans.restoreSocket();
    if (this.isAlive && !isSpoilt && !isBusy(this.#internals)) {
      this.holdProcess(true);
      end.sayFarewell();
    } else {
      end.break(ending("The connection was closed"));
    }
    if (end.isAbandoned) this.holdProcess(false);
    this.#closeWithin(end.isAbandoned ? abandonMsMax : closeMsMax);
    await this.closed;
  }

  /** Ends it at once; what is under way in it rejects with `reason`. */
  destroy(reason: Error): void {
    this.#end.lost = undefined;
    if (this.#end.isAbandoned) this.#end.cut(reason);
    else this.#end.break(reason);
    this.#closeWithin(destroyMsMax);
  }

  /** Closes its socket at last. */
  #closeWithin(msMax: number): void {
    const timer = setTimeout(() => this.#end.destroyStreams(), msMax);
    if (this.#end.isAbandoned) timer.unref?.();
    this.closed.then(() => clearTimeout(timer));
  }

  async #begin(target: Target, isReset: boolean): Promise<void> {
    await beginSession(this.driver, this.#witness, target, isReset);
    this.#loans.settle();
  }

  #failure(error: unknown, { sql, options }: Statement): unknown {
    const { typeCast = this.#internals.config.typeCast } = options as { typeCast?: unknown } ?? {};
    // What the caller's own code makes of a row is not the server's fault.
    const isByServer = this.#witness.isAtRow && typeof typeCast !== "function";
    return isByServer ? unreadable(error) : this.#end.truth(withoutValues(error, sql));
  }

  #send({ sql, values, isPrepared, options }: Statement, answer: Answer): void {
    const text = options === undefined ? sql : { ...options, sql, values };
    const given = options === undefined ? values : undefined;
    if (isPrepared) executeCached(this.#internals, text, given, answer);
    else this.#internals.query(text, given, answer);
  }

  /** Does work that asks the server; if the answer does not come in time, ends the session. */
  async #within(
    what: string,
    msMax: number,
    work: () => Promise<void>,
    giveUp = (error: Error): void => this.#end.break(error),
  ): Promise<void> {
    const { loss } = this.#end;
    if (loss !== undefined) throw loss.cause;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = new Error(`${what} was not answered within ${msMax} ms`);
      this.#end.note({ cause: Object.assign(error, { code: "ETIMEDOUT" }), byServer: true });
      late.reject(error);
      giveUp(error);
    }, msMax);
    try {
      await Promise.race([work(), late.promise]);
    } catch (error) {
      throw this.#end.truth(error);
    } finally {
      clearTimeout(timer);
    }
  }
}
