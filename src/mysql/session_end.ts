/**
 * How a session ends: once, whoever ends it; what was under way then rejects with the true reason.
 *
 * The driver alone guarantees neither: it forgets statements if it closes while they run, and
 * answers later ones with an error that says nothing of the cause.
 */

import type { Connection } from "mysql2";
import type { Loss, SocketStream } from "../port.ts";
import { codeOf, isClosedState } from "./errors.ts";
import { type DriverInternals, internalsOf } from "./internals.ts";
import { isNonsense } from "./nonsense.ts";

/** The end of one session, which comes or has come. */
export class SessionEnd {
  /** Called at most once, if the session ends unasked. */
  lost: ((loss: Loss) => void) | undefined;
  readonly #driver: Connection;
  readonly #internals: DriverInternals;
  readonly #socket: SocketStream;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #farewell: () => unknown;
  #loss: Loss | undefined;
  /** What stands for its cause with the driver, which writes into the errors that it gets. */
  #stand: Error | undefined;
  #hasServerEnded = false;
  #isAbandoned = false;

  /** Watches a connection of the driver, and the socket that it was given as its stream. */
  constructor(driver: Connection, socket: SocketStream) {
    this.#driver = driver;
    this.#socket = socket;
    this.#internals = internalsOf(driver);
    this.#farewell = this.#internals.end.bind(driver);
    this.#watch();
  }

  /** Why it has ended, once it has. */
  get loss(): Loss | undefined {
    return this.#loss;
  }

  /** Whether it is known to have ended, on this side or the other. */
  get hasCome(): boolean {
    return this.#loss !== undefined || this.#hasServerEnded;
  }

  /** Whether only the server has still to end it. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** Fulfilled when the socket has closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Notes why it ends, unless it has ended before. */
  note(loss: Loss): void {
    this.#loss ??= loss;
  }

  /** Ends it with a farewell. */
  sayFarewell(): void {
    this.note({ cause: ending("The connection was closed"), byServer: false });
    this.#farewell();
  }

  /** Ends it at once. */
  break(reason: Error): void {
    this.note({ cause: reason, byServer: false });
    this.destroyStreams();
  }

  /**
   * Ends it while the server still works in it: nothing more is sent, and what is under way
   * rejects; but the socket is kept half-open until the server has ended it too, so that what
   * the pool counts is what the server has.
   */
  abandon(reason: Error): void {
    if (this.#loss !== undefined) return;
    this.#loss = { cause: reason, byServer: false };
    this.#internals.stream.emit("error", this.#stand ??= ending("The connection was given up"));
    this.#leaveToServer();
    this.#tell(this.#loss);
  }

  /** Closes what carries it. */
  destroyStreams(): void {
    this.#internals.stream.destroy(this.#stand ??= ending("The connection was destroyed"));
    this.#socket.destroy();
  }

  /** Returns why a statement really failed, and ends a session whose answer is still to come. */
  truth(error: unknown): unknown {
    if (error === this.#stand) return this.#loss?.cause ?? error;
    if (error instanceof Error && codeOf(error) === "PROTOCOL_SEQUENCE_TIMEOUT") {
      this.abandon(error);
    }
    if (!isClosedState(error)) return error;
    const { _fatalError, _protocolError } = this.#internals;
    return this.#loss?.cause ?? _fatalError ?? _protocolError ?? error;
  }

  /** Does work that asks the server; if the answer does not come in time, ends the session. */
  async within(what: string, msMax: number, work: () => Promise<void>): Promise<void> {
    if (this.#loss !== undefined) throw this.#loss.cause;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = new Error(`${what} was not answered within ${msMax} ms`);
      this.note({ cause: Object.assign(error, { code: "ETIMEDOUT" }), byServer: true });
      late.reject(error);
      this.break(error);
    }, msMax);
    try {
      await Promise.race([work(), late.promise]);
    } catch (error) {
      throw this.truth(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Says no more, and takes no answer, until the server has ended the session. */
  #leaveToServer(): void {
    this.#isAbandoned = true;
    const { stream } = this.#internals;
    stream.removeAllListeners("data");
    stream.resume();
    stream.end();
  }

  #watch(): void {
    const driver = this.#driver;
    driver.on("error", (error: Error) => {
      const isNew = this.#loss === undefined;
      this.note({ cause: error, byServer: true });
      // Of an answer that has no end where it should the driver does not tell who asked.
      if (isNew && isNonsense(error)) this.#internals.stream.emit("error", error);
      if (!this.#isAbandoned) this.destroyStreams();
    });
    driver.on("end", () => {
      this.#hasServerEnded = true;
    });
    for (const name of ["end", "destroy"] as const) {
      const call = this.#internals[name].bind(driver);
      this.#internals[name] = (...args: unknown[]): unknown => {
        const isAlive = !this.hasCome && driver.state === "authenticated";
        if (name === "destroy" && isAlive && isBusy(this.#internals)) this.#leaveToServer();
        this.note({ cause: ending("The connection was ended by its holder"), byServer: false });
        return call(...args);
      };
    }
    this.#socket.on("close", () => this.#finish());
  }

  /** The socket has closed; the driver was told first, and may know why. */
  #finish(): void {
    const { _fatalError, _protocolError, stream } = this.#internals;
    const cause = _fatalError ?? _protocolError ?? ending("The connection has closed");
    const loss = this.#loss ??= { cause, byServer: true };
    // A driver that was closing forgets what was still under way.
    if (isBusy(this.#internals)) {
      stream.emit("error", this.#stand ??= ending("The connection has closed"));
    }
    this.#closed.resolve();
    this.#tell(loss);
  }

  #tell(loss: Loss): void {
    this.lost?.(loss);
    this.lost = undefined;
  }
}

/** Tells whether a connection has something under way. */
export function isBusy({ _command, _commands }: DriverInternals): boolean {
  return Boolean(_command) || _commands.length > 0;
}

/** Returns an error that says that a connection was ended on this side. */
export function ending(message: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code: "ECONNABORTED" });
}
