/**
 * The end of a session. A session ends once, whichever side ends it, and its pending commands
 * reject with the real cause.
 *
 * The driver alone guarantees neither: it forgets statements if it closes while they run, reports
 * nothing to those without a callback, and fails later ones with an error that hides the cause.
 */

import type { Connection } from "mysql2";
import type { Loss } from "../port/session.ts";
import type { SocketStream } from "../port/socket.ts";
import { commandsOf, fail, isBusy, mute } from "./commands.ts";
import { codeOf, isClosedState, isProtocolError } from "./errors.ts";
import type { End } from "./mysql2_hooks.ts";
import { type DriverInternals, internalsOf, type LiveCommand } from "./mysql2_internals.ts";
import { keepStream } from "./mysql2_patches.ts";

/** How long the socket may take to close. */
const closeMsMax = 1000;
/** How long an abandoned session may count as open while the server still works in it. */
const abandonMsMax = 5000;
/** The same for a destroyed session: shorter, as no request waits for its place any more. */
const destroyMsMax = 400;

/** Ends one session, and keeps the reason. */
export class SessionEnd implements End {
  /** Called at most once, if the session ends unexpectedly. */
  lost: ((loss: Loss) => void) | undefined;
  /** Called at most once, if the session is abandoned while the server works in it. */
  abandoned: (() => void) | undefined;
  readonly #driver: Connection;
  readonly #internals: DriverInternals;
  readonly #socket: SocketStream;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #farewell: () => unknown;
  #loss: Loss | undefined;
  /** Handed to the driver in place of the cause, as the driver writes into errors that it gets. */
  #placeholder: Error | undefined;
  #hasServerEnded = false;
  #isAbandoned = false;

  /** Watches a connection of the driver, and the socket that it was created with. */
  constructor(driver: Connection, socket: SocketStream) {
    this.#driver = driver;
    this.#socket = socket;
    this.#internals = internalsOf(driver);
    this.#farewell = this.#internals.end.bind(driver);
    this.#watchErrors();
  }

  /** Why the session has ended; undefined while it is open. */
  get loss(): Loss | undefined {
    return this.#loss;
  }

  /** Whether this side has ended the session, or has seen the other side end it. */
  get hasCome(): boolean {
    return this.#loss !== undefined || this.#hasServerEnded;
  }

  /** Whether this side has ended the session and left the rest to the server. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** Fulfilled when the socket has closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Notes why the session ends, unless a reason is noted already. */
  note(loss: Loss): void {
    this.#loss ??= loss;
  }

  /** Ends the session with COM_QUIT. */
  quit(): void {
    this.note({ cause: ending("The connection was closed"), byServer: false });
    this.#farewell();
  }

  /** Ends the session at once; abandons it if the server still works in it. */
  break(reason: Error): void {
    if (this.#isAbandoned) return;
    if (this.#isServerWorking) this.abandon(reason);
    else this.cut(reason);
  }

  /** Ends the session and destroys its socket at once, whatever the server does. */
  cut(reason: Error): void {
    this.note({ cause: reason, byServer: false });
    this.destroyStreams();
  }

  /** Ends the session when driver and server are out of step, maybe in the middle of an answer. */
  onDesync(reason: Error): void {
    if (isProtocolError(reason)) this.break(reason);
    else this.abandon(reason);
  }

  /**
   * Ends the session while the server still works in it. This side sends nothing more, and pending
   * commands reject. The socket stays half-open until the server has ended the session too, so
   * that the pool counts as many connections as the server has.
   */
  abandon(reason: Error): void {
    if (this.#isAbandoned || this.#isSocketDestroyed) return;
    this.note({ cause: reason, byServer: false });
    this.#leaveToServer();
    this.#internals.stream.emit(
      "error",
      this.#placeholder ??= ending("The connection was abandoned"),
    );
    this.#tell(this.#loss!);
  }

  /** Ends the session at once, busy or not, as no request waits for its place any more. */
  destroy(reason: Error): void {
    if (this.#isAbandoned) this.cut(reason);
    else this.break(reason);
    this.#closeWithin(destroyMsMax);
  }

  /** Waits until the socket has closed; destroys it if the server takes too long. */
  async closedSoon(): Promise<void> {
    this.#closeWithin(this.#isAbandoned ? abandonMsMax : closeMsMax);
    await this.closed;
  }

  /** Destroys the streams after some time, unless the socket closes earlier. */
  #closeWithin(msMax: number): void {
    const timer = setTimeout(() => this.destroyStreams(), msMax);
    if (this.#isAbandoned) timer.unref?.();
    this.closed.then(() => clearTimeout(timer));
  }

  /** Destroys the driver's stream and the socket below it. */
  destroyStreams(): void {
    this.#internals.stream.destroy(this.#placeholder ??= ending("The connection was destroyed"));
    this.#socket.destroy();
  }

  /** Returns the real cause of an error; after the driver's timeout, abandons the session. */
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

  /** Whether the server still owes an answer, as far as this side can tell. */
  get #isServerWorking(): boolean {
    return this.#internals.authorized && !this.#hasServerEnded && !this.#isSocketDestroyed &&
      isBusy(this.#internals);
  }

  get #isSocketDestroyed(): boolean {
    return this.#internals.stream.destroyed || this.#socket.destroyed;
  }

  /** Does work that waits for the server; ends the session if the answer is late. */
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

  /** Sends nothing more, and ignores answers, until the server has ended the session. */
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
      // If an answer lacks its end, the driver does not tell the command that waits for it.
      if (isNew && isProtocolError(error)) internals.stream.emit("error", error);
      if (!this.#isAbandoned) this.destroyStreams();
    });
    driver.on("end", () => {
      this.#hasServerEnded = true;
    });
    this.#socket.on("close", () => this.#finish());
  }

  /** Leaves the session to a server that still works, before the driver destroys the stream. */
  onFatalError(isReading: boolean): void {
    if (!isReading || this.#isAbandoned || !this.#isServerWorking) return;
    keepStream(this.#internals);
    this.#leaveToServer();
  }

  /** Fails the commands that the driver would not notify. */
  onNotify(error: unknown): void {
    const driver = this.#driver;
    if (error !== this.#placeholder) this.note({ cause: error, byServer: true });
    for (const command of commandsOf(this.#internals)) {
      if (command.onResult !== undefined) continue;
      fail(command, this.#cause);
      mute(command);
    }
    // A holder may have removed all listeners; without any, the error would end the process.
    if (driver.listenerCount("error") === 0) driver.on("error", () => undefined);
  }

  /** Fails a command that comes after the end, with the cause of the end. */
  refuse(command: LiveCommand): void {
    fail(command, this.#cause ?? ending("The connection has ended"));
  }

  /** Notes that the holder ends the session through the driver's connection. */
  onHolderEnd(by: "end" | "destroy" | "close"): void {
    if (by !== "end" && this.#isServerWorking) this.#leaveToServer();
    this.note({ cause: ending("The connection was ended by its holder"), byServer: false });
  }

  /** Completes the end: the socket has closed. The driver saw that first, and may know why. */
  #finish(): void {
    const cause = this.#cause ?? ending("The connection has closed");
    const loss = this.#loss ??= { cause, byServer: true };
    // A driver that was closing forgets its pending commands.
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

/** Returns an error which says that this side has ended the connection. */
export function ending(message: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code: "ECONNABORTED" });
}
