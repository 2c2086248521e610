/**
 * A session: one connection of the driver, and what is known of it.
 *
 * It ends once, whoever ends it; what was under way then rejects with the true reason. The
 * driver alone guarantees neither: it forgets statements if it closes while they run, and
 * answers later ones with an error that says nothing of the cause.
 */

import type { Connection } from "mysql2";
import type { Condition, Loss, Session, SocketStream, Statement } from "../port.ts";
import { beginSession } from "./beginning.ts";
import { codeOf, isClosedState } from "./errors.ts";
import { answered, type DriverInternals, internalsOf } from "./internals.ts";
import { login } from "./login.ts";
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

type Answer = (error: unknown, rows: unknown, fields: unknown) => void;

/** A session of MySQL or MariaDB, by a connection of mysql2. */
export class MysqlSession implements Session<Target, Connection> {
  /** The driver's own connection. */
  readonly driver: Connection;
  readonly #internals: DriverInternals;
  readonly #socket: SocketStream;
  readonly #witness: Witness;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #farewell: () => unknown;
  #target: Target;
  #lost: ((loss: Loss) => void) | undefined;
  /** Why it has ended, once it has. */
  #end: Loss | undefined;
  /** What stands for that reason with the driver, which writes into the errors that it gets. */
  #stand: Error | undefined;
  #hasServerEnded = false;
  /** Whether only the server has still to end it. */
  #isAbandoned = false;
  #isHeld = true;

  /** Takes over a connection that was just created; `socket` is what it was given as its stream. */
  constructor(driver: Connection, socket: SocketStream, target: Target) {
    this.driver = driver;
    this.#socket = socket;
    this.#target = target;
    this.#internals = internalsOf(driver);
    this.#farewell = this.#internals.end.bind(driver);
    this.#witness = new Witness(this.#internals, (error) => this.#break(error));
    this.#watchEnds();
  }

  /** The server's name for the session. */
  get threadId(): number {
    return this.driver.threadId;
  }

  /** Whether the socket is not known to have ended. */
  get isAlive(): boolean {
    return this.#end === undefined && !this.#hasServerEnded &&
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

  /** What a holder who gave it up now would leave. */
  get condition(): Condition {
    if (!this.isAlive || this.#isBusy) return "broken";
    return this.#witness.isDirty ? "dirty" : "clean";
  }

  /** Fulfilled when the socket has closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Makes a fresh session what its target says; from then on `lost` may be called. */
  async begin(lost: (loss: Loss) => void): Promise<void> {
    try {
      await beginSession(this.driver, this.#witness, this.#target, false);
    } catch (error) {
      throw this.#truth(error);
    }
    this.#lost = lost;
  }

  /** Runs a statement after those before it. */
  run(statement: Statement, signal: AbortSignal | undefined): Promise<[unknown, unknown]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.#end !== undefined) return reject(this.#end.cause);
      let isAnswered = false;
      const abort = (): void => {
        reject(signal?.reason);
        this.#abandon(ending("A statement was aborted", signal?.reason));
      };
      this.#send(statement, (error, rows, fields) => {
        isAnswered = true;
        signal?.removeEventListener("abort", abort);
        if (error) reject(this.#truth(error));
        else resolve([rows, fields]);
      });
      if (!isAnswered) signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Asks whether the server still answers. */
  check(): Promise<void> {
    const ping = (): Promise<void> => answered((answer) => this.driver.ping(answer));
    return this.#within("A ping", checkMsMax, ping);
  }

  /** Wipes what a holder left; by a new login where a reset would not wipe all. */
  async reset(): Promise<void> {
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
      this.#break(ending("A new login failed", error));
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
    this.#lost = undefined;
    if (this.isAlive && !this.#isBusy) {
      this.#end = { cause: ending("The connection was closed"), byServer: false };
      this.holdProcess(true);
      this.#farewell();
    } else if (this.#isAbandoned) {
      this.holdProcess(false);
    } else {
      this.#break(ending("The connection was closed"));
    }
    const msMax = this.#isAbandoned ? abandonMsMax : closeMsMax;
    const timer = setTimeout(() => this.#destroyStreams(), msMax);
    if (this.#isAbandoned) timer.unref?.();
    await this.closed;
    clearTimeout(timer);
  }

  /** Ends it at once; what is under way in it rejects with `reason`. */
  destroy(reason: Error): void {
    this.#lost = undefined;
    this.#break(reason);
  }

  get #isBusy(): boolean {
    return Boolean(this.#internals._command) || this.#internals._commands.length > 0;
  }

  #send({ sql, values, isPrepared, options }: Statement, answer: Answer): void {
    const text = options === undefined ? sql : { ...options, sql, values };
    const given = options === undefined ? values : undefined;
    if (isPrepared) this.#internals.execute(text, given, answer);
    else this.#internals.query(text, given, answer);
  }

  /** Does work that asks the server; if the answer does not come in time, ends the session. */
  async #within(what: string, msMax: number, work: () => Promise<void>): Promise<void> {
    if (this.#end !== undefined) throw this.#end.cause;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = new Error(`${what} was not answered within ${msMax} ms`);
      this.#end ??= { cause: Object.assign(error, { code: "ETIMEDOUT" }), byServer: true };
      late.reject(error);
      this.#break(error);
    }, msMax);
    try {
      await Promise.race([work(), late.promise]);
    } catch (error) {
      throw this.#truth(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the session at once. */
  #break(reason: Error): void {
    this.#end ??= { cause: reason, byServer: false };
    this.#destroyStreams();
  }

  /**
   * Ends the session while the server still works in it: nothing more is sent, and what is
   * under way rejects; but the socket is kept half-open until the server has ended it too,
   * so that what the pool counts is what the server has.
   */
  #abandon(reason: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { cause: reason, byServer: false };
    this.#internals.stream.emit("error", this.#stand ??= ending("The connection was given up"));
    this.#leaveToServer();
    this.#lost?.(this.#end);
    this.#lost = undefined;
  }

  /** Says no more, and takes no answer, until the server has ended the session. */
  #leaveToServer(): void {
    this.#isAbandoned = true;
    const { stream } = this.#internals;
    stream.removeAllListeners("data");
    stream.resume();
    stream.end();
  }

  #destroyStreams(): void {
    this.#internals.stream.destroy(this.#stand ??= ending("The connection was destroyed"));
    this.#socket.destroy();
  }

  /** Returns why a statement really failed, and ends a session whose answer is still to come. */
  #truth(error: unknown): unknown {
    if (error === this.#stand) return this.#end?.cause ?? error;
    if (error instanceof Error && codeOf(error) === "PROTOCOL_SEQUENCE_TIMEOUT") {
      this.#abandon(error);
    }
    if (!isClosedState(error)) return error;
    const { _fatalError, _protocolError } = this.#internals;
    return this.#end?.cause ?? _fatalError ?? _protocolError ?? error;
  }

  #watchEnds(): void {
    const { driver } = this;
    driver.on("error", (error: Error) => {
      this.#end ??= { cause: error, byServer: true };
      if (!this.#isAbandoned) this.#destroyStreams();
    });
    driver.on("end", () => {
      this.#hasServerEnded = true;
    });
    for (const name of ["end", "destroy"] as const) {
      const call = this.#internals[name].bind(driver);
      this.#internals[name] = (...args: unknown[]): unknown => {
        if (name === "destroy" && this.isAlive && this.#isBusy) this.#leaveToServer();
        this.#end ??= { cause: ending("The connection was ended by its holder"), byServer: false };
        return call(...args);
      };
    }
    this.#socket.on("close", () => this.#finish());
  }

  /** The socket has closed; the driver was told first, and may know why. */
  #finish(): void {
    const { _fatalError, _protocolError, stream } = this.#internals;
    const cause = _fatalError ?? _protocolError ?? ending("The connection has closed");
    this.#end ??= { cause, byServer: true };
    // A driver that was closing forgets what was still under way.
    if (this.#isBusy) stream.emit("error", this.#stand ??= ending("The connection has closed"));
    this.#closed.resolve();
    this.#lost?.(this.#end);
    this.#lost = undefined;
  }
}

/** Returns an error that says that a connection was ended on this side. */
function ending(message: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code: "ECONNABORTED" });
}
