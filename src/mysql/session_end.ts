/**
 * How a session ends: once, whoever ends it; what was under way then rejects with the true reason.
 *
 * The driver alone guarantees neither: it forgets statements if it closes while they run, tells
 * none of those that have no callback, and answers later ones with an error that says nothing of
 * the cause.
 */

import type { Connection } from "mysql2";
import type { Loss, SocketStream } from "../port.ts";
import { commandsOf, fail, isBusy, mute } from "./commands.ts";
import { codeOf, isClosedState, isProtocolError } from "./errors.ts";
import type { End } from "./mysql2_hooks.ts";
import { type DriverInternals, internalsOf, type LiveCommand } from "./mysql2_internals.ts";
import { keepStream } from "./mysql2_patches.ts";

/** How long a farewell may take. */
const closeMsMax = 1000;
/** How long a session that was given up may count as open, because the server still works in it. */
const abandonMsMax = 5000;
/** How long one that was destroyed may, as nobody waits for its place any more. */
const destroyMsMax = 400;

/** The end of one session, which comes or has come. */
export class SessionEnd implements End {
  /** Called at most once, if the session ends unasked. */
  lost: ((loss: Loss) => void) | undefined;
  /** Called at most once, if the session was given up while the server works in it. */
  abandoned: (() => void) | undefined;
  readonly #driver: Connection;
  readonly #internals: DriverInternals;
  readonly #socket: SocketStream;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #farewell: () => unknown;
  #loss: Loss | undefined;
  /** What stands for its cause with the driver, which writes into the errors that it gets. */
  #placeholder: Error | undefined;
  #hasServerEnded = false;
  #isAbandoned = false;

  /** Watches a connection of the driver, and the socket that it was given as its stream. */
  constructor(driver: Connection, socket: SocketStream) {
    this.#driver = driver;
    this.#socket = socket;
    this.#internals = internalsOf(driver);
    this.#farewell = this.#internals.end.bind(driver);
    this.#watchErrors();
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
  quit(): void {
    this.note({ cause: ending("The connection was closed"), byServer: false });
    this.#farewell();
  }

  /** Ends it at once; if the server works in it, the server has still to end it too. */
  break(reason: Error): void {
    if (this.#isAbandoned) return;
    if (this.#isServerWorking) this.abandon(reason);
    else this.cut(reason);
  }

  /** Ends it at once, whatever the server does. */
  cut(reason: Error): void {
    this.note({ cause: reason, byServer: false });
    this.destroyStreams();
  }

  /** Ends it as the driver is out of step with the server, which may be amid an answer. */
  onDesync(reason: Error): void {
    if (isProtocolError(reason)) this.break(reason);
    else this.abandon(reason);
  }

  /**
   * Ends it while the server still works in it: nothing more is sent, and what is under way
   * rejects; but the socket is kept half-open until the server has ended it too, so that what
   * the pool counts is what the server has.
   */
  abandon(reason: Error): void {
    if (this.#isAbandoned || this.#isSocketDestroyed) return;
    this.note({ cause: reason, byServer: false });
    this.#leaveToServer();
    this.#internals.stream.emit(
      "error",
      this.#placeholder ??= ending("The connection was given up"),
    );
    this.#tell(this.#loss!);
  }

  /** Ends it at once, whatever it is at, as nobody waits for its place any more. */
  destroy(reason: Error): void {
    if (this.#isAbandoned) this.cut(reason);
    else this.break(reason);
    this.#closeWithin(destroyMsMax);
  }

  /** Waits until its socket has closed; closes it when the server takes too long to. */
  async closedSoon(): Promise<void> {
    this.#closeWithin(this.#isAbandoned ? abandonMsMax : closeMsMax);
    await this.closed;
  }

  /** Closes what carries it, at last. */
  #closeWithin(msMax: number): void {
    const timer = setTimeout(() => this.destroyStreams(), msMax);
    if (this.#isAbandoned) timer.unref?.();
    this.closed.then(() => clearTimeout(timer));
  }

  /** Closes what carries it. */
  destroyStreams(): void {
    this.#internals.stream.destroy(this.#placeholder ??= ending("The connection was destroyed"));
    this.#socket.destroy();
  }

  /** Returns why a statement really failed, and ends a session whose answer is still to come. */
  rootCause(error: unknown): unknown {
    if (error === this.#placeholder) return this.#loss?.cause ?? error;
    if (error instanceof Error && codeOf(error) === "PROTOCOL_SEQUENCE_TIMEOUT") {
      this.abandon(error);
    }
    return isClosedState(error) ? this.#cause ?? error : error;
  }

  get #cause(): unknown {
    const { _fatalError, _protocolError } = this.#internals;
    return this.#loss?.cause ?? _fatalError ?? _protocolError ?? undefined;
  }

  /** Whether the server has not answered all that it was sent, as far as is known. */
  get #isServerWorking(): boolean {
    return this.#internals.authorized && !this.#hasServerEnded && !this.#isSocketDestroyed &&
      isBusy(this.#internals);
  }

  get #isSocketDestroyed(): boolean {
    return this.#internals.stream.destroyed || this.#socket.destroyed;
  }

  /** Does work that asks the server; if the answer does not come in time, ends the session. */
  async within(
    what: string,
    msMax: number,
    work: () => Promise<void>,
    giveUp = (error: Error): void => this.break(error),
  ): Promise<void> {
    if (this.#loss !== undefined) throw this.#loss.cause;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = new Error(`${what} was not answered within ${msMax} ms`);
      this.note({ cause: Object.assign(error, { code: "ETIMEDOUT" }), byServer: true });
      late.reject(error);
      giveUp(error);
    }, msMax);
    try {
      await Promise.race([work(), late.promise]);
    } catch (error) {
      throw this.rootCause(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Says no more, and takes no answer, until the server has ended the session. */
  #leaveToServer(): void {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    const { stream } = this.#internals;
    stream.removeAllListeners("data");
    stream.resume();
    stream.end();
    this.abandoned?.();
    this.abandoned = undefined;
  }

  #watchErrors(): void {
    const driver = this.#driver;
    const internals = this.#internals;
    driver.on("error", (error: Error) => {
      const isNew = this.#loss === undefined;
      this.note({ cause: error, byServer: true });
      // Of an answer that has no end where it should the driver does not tell who asked.
      if (isNew && isProtocolError(error)) internals.stream.emit("error", error);
      if (!this.#isAbandoned) this.destroyStreams();
    });
    driver.on("end", () => {
      this.#hasServerEnded = true;
    });
    this.#socket.on("close", () => this.#finish());
  }

  /** Leaves the session to a server that still works, as the driver destroys the stream next. */
  onFatalError(isReading: boolean): void {
    if (!isReading || this.#isAbandoned || !this.#isServerWorking) return;
    keepStream(this.#internals);
    this.#leaveToServer();
  }

  /** Tells the commands that the driver would not tell. */
  onNotify(error: unknown): void {
    const driver = this.#driver;
    if (error !== this.#placeholder) this.note({ cause: error, byServer: true });
    for (const command of commandsOf(this.#internals)) {
      if (command.onResult !== undefined) continue;
      fail(command, this.#cause);
      mute(command);
    }
    // A holder may have taken all listeners away; without any, this would end the process.
    if (driver.listenerCount("error") === 0) driver.on("error", () => undefined);
  }

  /** Tells a command that was given too late why it is not sent. */
  refuse(command: LiveCommand): void {
    fail(command, this.#cause ?? ending("The connection has ended"));
  }

  /** Notes that the holder ends it by the driver. */
  onHolderEnd(by: "end" | "destroy" | "close"): void {
    if (by !== "end" && this.#isServerWorking) this.#leaveToServer();
    this.note({ cause: ending("The connection was ended by its holder"), byServer: false });
  }

  /** The socket has closed; the driver was told first, and may know why. */
  #finish(): void {
    const cause = this.#cause ?? ending("The connection has closed");
    const loss = this.#loss ??= { cause, byServer: true };
    // A driver that was closing forgets what was still under way.
    if (isBusy(this.#internals)) {
      this.#internals.stream.emit(
        "error",
        this.#placeholder ??= ending("The connection has closed"),
      );
    }
    this.#closed.resolve();
    this.#tell(loss);
  }

  #tell(loss: Loss): void {
    this.lost?.(loss);
    this.lost = undefined;
  }
}

/** Returns an error that says that a connection was ended on this side. */
export function ending(message: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code: "ECONNABORTED" });
}
