/**
 * A session: one connection of the driver, what is known of it, and what can be done with it.
 *
 * What takes too long ends the session, but for a statement that is aborted: that is ended at the
 * server, and then the session can be used again.
 */

import type { Connection } from "mysql2";
import type {
  Cancellation,
  Condition,
  Loss,
  Session,
  SocketStream,
  Statement,
  StatementFacts,
} from "../port.ts";
import { beginSession } from "./beginning.ts";
import { answered, type DriverInternals, internalsOf } from "./internals.ts";
import { calm } from "./interruption.ts";
import type { Killer } from "./killer.ts";
import { limitLogin } from "./login_bytes.ts";
import { login } from "./login.ts";
import { unreadable } from "./nonsense.ts";
import { readFramesAlone } from "./order.ts";
import { type Answer, executeCached } from "./prepared.ts";
import { limitResults } from "./result_limit.ts";
import { hideSecrets, withoutValues } from "./secrets.ts";
import { ending, isBusy, SessionEnd } from "./session_end.ts";
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

/** A session of MySQL or MariaDB, by a connection of mysql2. */
export class MysqlSession implements Session<Target, Connection> {
  /** The driver's own connection. */
  readonly driver: Connection;
  readonly #internals: DriverInternals;
  readonly #witness: Witness;
  readonly #killer: Killer | undefined;
  readonly #end: SessionEnd;
  #target: Target;
  /** Fulfilled when a statement that was aborted has ended, or else the session. */
  #interruption: Promise<void> | undefined;
  #isHeld = true;

  /**
   * Takes over a connection that was just created; `socket` is what it was given as its stream.
   * Without a killer, what is aborted ends with its session.
   */
  constructor(driver: Connection, socket: SocketStream, target: Target, killer?: Killer) {
    this.driver = driver;
    this.#target = target;
    this.#killer = killer;
    this.#internals = internalsOf(driver);
    this.#end = new SessionEnd(driver, socket);
    const breakOff = (error: Error): void => this.#end.break(error);
    this.#witness = new Witness(this.#internals, breakOff);
    limitLogin(driver, breakOff);
    readFramesAlone(driver);
    limitResults(driver, target.options.maxResultBytes, {
      interrupt: (sql, reason, answered) => this.#interrupt({ sql }, reason, answered),
      abandon: (reason) => this.#end.abandon(reason),
    });
    hideSecrets(driver);
  }

  /** The server's name for the session. */
  get threadId(): number {
    return this.driver.threadId;
  }

  /** Whether its holder can go on with it: neither it nor a statement was ended early. */
  get isAlive(): boolean {
    return !this.#end.hasCome && this.#interruption === undefined &&
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
    if (this.#interruption !== undefined && !this.#end.hasCome) return "dirty";
    if (!this.isAlive || this.#witness.isUnfit || isBusy(this.#internals)) return "broken";
    return this.#witness.isDirty ? "dirty" : "clean";
  }

  /** Fulfilled when the socket has closed. */
  get closed(): Promise<void> {
    return this.#end.closed;
  }

  /** Makes a fresh session what its target says; from then on `lost` may be called. */
  async begin(lost: (loss: Loss) => void): Promise<void> {
    await beginSession(this.driver, this.#witness, this.#target, false);
    this.#end.lost = lost;
  }

  /** Returns why it really could not be opened. */
  truth(error: unknown): unknown {
    return this.#end.truth(error);
  }

  /** Runs a statement after those before it. */
  run(statement: Statement, signal: Cancellation | undefined): Promise<[unknown, unknown]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const { loss } = this.#end;
      if (loss !== undefined) return reject(loss.cause);
      let isAnswered = false;
      let over: (() => void) | undefined;
      const abort = (): void => {
        reject(signal?.reason);
        const answered = new Promise<void>((resolve) => over = resolve);
        this.#interrupt(statement, ending("A statement was aborted", signal?.reason), answered);
      };
      this.#send(statement, (error, rows, fields) => {
        isAnswered = true;
        over?.();
        signal?.removeEventListener("abort", abort);
        // Of several that one signal aborts, the first may have ended the session.
        if (error) reject(signal?.aborted ? signal.reason : this.#failure(error, statement));
        else resolve([rows, fields]);
      });
      if (!isAnswered) signal?.addEventListener("abort", abort);
    });
  }

  /** Asks whether the server still answers. */
  check(): Promise<void> {
    const ping = (): Promise<void> => answered((answer) => this.driver.ping(answer));
    return this.#within("A ping", checkMsMax, ping);
  }

  /** Wipes what a holder left; by a new login where a reset would not wipe all. */
  async reset(): Promise<void> {
    if (this.#interruption !== undefined) await this.#calmed();
    if (this.#witness.isMoved) return await this.retarget(this.#target);
    await this.#within("A reset", resetMsMax, async () => {
      await answered((answer) => this.driver.reset(answer));
      await beginSession(this.driver, this.#witness, this.#target, true);
    });
  }

  /** Changes it into a session of another target of the same address. */
  async retarget(target: Target): Promise<void> {
    try {
      await this.#within("A new login", resetMsMax, async () => {
        await login(this.#internals, target);
        await beginSession(this.driver, this.#witness, target, false);
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
    if (this.#interruption !== undefined) await this.#calmed();
    this.#end.lost = undefined;
    if (this.isAlive && !isBusy(this.#internals)) {
      this.holdProcess(true);
      this.#end.sayFarewell();
    } else if (this.#end.isAbandoned) {
      this.holdProcess(false);
    } else {
      this.#end.break(ending("The connection was closed"));
    }
    const msMax = this.#end.isAbandoned ? abandonMsMax : closeMsMax;
    const timer = setTimeout(() => this.#end.destroyStreams(), msMax);
    if (this.#end.isAbandoned) timer.unref?.();
    await this.closed;
    clearTimeout(timer);
  }

  /** Ends it at once; what is under way in it rejects with `reason`. */
  destroy(reason: Error): void {
    this.#end.lost = undefined;
    this.#end.break(reason);
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
  async #within(what: string, msMax: number, work: () => Promise<void>): Promise<void> {
    const { loss } = this.#end;
    if (loss !== undefined) throw loss.cause;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = new Error(`${what} was not answered within ${msMax} ms`);
      this.#end.note({ cause: Object.assign(error, { code: "ETIMEDOUT" }), byServer: true });
      late.reject(error);
      this.#end.break(error);
    }, msMax);
    try {
      await Promise.race([work(), late.promise]);
    } catch (error) {
      throw this.#end.truth(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Has a statement ended without its session, if it is the only one; else ends both. */
  #interrupt({ sql }: Pick<Statement, "sql">, reason: Error, answered: Promise<void>): void {
    const killer = this.#killer;
    const isAlone = Boolean(this.#internals._command) && this.#internals._commands.length === 0;
    if (!this.isAlive || killer === undefined || !isAlone) return this.#end.abandon(reason);
    const culprit = { target: this.#target, threadId: this.threadId, sql };
    const over = Promise.race([answered, this.closed]);
    this.#interruption = calm(over, (signal) => killer.kill(culprit, signal)).catch((cause) => {
      this.#end.abandon(ending("A statement was aborted, and went on at the server", cause));
    });
  }

  /** Waits until what was aborted has ended; from then on its holder is another. */
  async #calmed(): Promise<void> {
    await this.#interruption;
    this.#interruption = undefined;
  }
}
