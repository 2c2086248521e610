/**
 * Cancels the statement that runs on a session. The caller gets the reason at once, and the
 * canceller kills the statement at the server, so that the session can be used again. If it
 * cannot, the session ends.
 *
 * If a session ends while the server still runs its statement, the canceller kills its thread.
 */

import type { Cancellation, Session, Statement } from "../port/session.ts";
import type { SocketStream } from "../port/socket.ts";
import type { Canceller, ServerThread } from "./canceller.ts";
import { commandsOf, dropWaiting, fail, mute } from "./commands.ts";
import type { DriverInternals } from "./mysql2_internals.ts";
import { shutGate } from "./mysql2_patches.ts";
import { ending, type SessionEnd } from "./session_end.ts";
import type { Target } from "./target.ts";

/** Cancels the running statement of one session. */
export class RunningStatement {
  readonly #driver: DriverInternals;
  readonly #socket: SocketStream;
  readonly #end: SessionEnd;
  readonly #canceller: Canceller | undefined;
  /** Fulfilled when the cancelled statement, or the session, has ended. */
  #ended: Promise<void> | undefined;
  #openGate: (() => void) | undefined;

  /** Without a canceller, a cancelled statement ends the session. */
  constructor(
    driver: DriverInternals,
    socket: SocketStream,
    end: SessionEnd,
    canceller: Canceller | undefined,
  ) {
    this.#driver = driver;
    this.#socket = socket;
    this.#end = end;
    this.#canceller = canceller;
  }

  /** Whether a statement was cancelled and {@linkcode settled} has not completed since. */
  get isCancelling(): boolean {
    return this.#ended !== undefined;
  }

  /** Cancels the running statement if no other is queued behind it; otherwise ends the session. */
  cancelStatement(reason: unknown, target: Target): void {
    if (commandsOf(this.#driver).length === 1) this.cancelAll(reason, target);
    else this.#end.abandon(ending("A statement was aborted", reason));
  }

  /** Cancels all commands of the driver, which takes no others until {@linkcode settled}. */
  cancelAll(reason: unknown, target: Target): void {
    const driver = this.#driver;
    const commands = commandsOf(driver);
    if (commands.length === 0 || this.isCancelling || this.#end.hasCome) return;
    for (const command of commands) fail(command, reason);
    dropWaiting(driver);
    const thread = this.#threadOf(target);
    if (this.#canceller === undefined || thread === undefined) {
      return this.#end.abandon(ending("Its statement was cancelled", reason));
    }
    this.#openGate = shutGate(driver, (command) => fail(command, reason));
    const isOver = Promise.race([mute(commands[0]!), this.#end.closed]);
    // A reader of the rows may have paused the driver.
    if (driver._paused) driver.resume();
    this.#ended = this.#canceller.cancel(thread, isOver).catch((cause: unknown) => {
      this.#end.abandon(ending("The server did not end a cancelled statement", cause));
    });
  }

  /** Waits until the cancelled statement has ended, so that the session can be used again. */
  async settled(): Promise<void> {
    if (this.#ended === undefined) return;
    await this.#ended;
    this.#openGate?.();
    this.#ended = undefined;
  }

  /** Kills the server's thread of a session that this side has ended. */
  endThread(target: Target): void {
    const thread = this.#threadOf(target);
    if (thread === undefined) return;
    // If that fails, the connection counts as open for some time while the server goes on.
    this.#canceller?.end(thread).catch(() => undefined);
  }

  #threadOf(target: Target): ServerThread | undefined {
    const { localPort } = this.#socket;
    if (localPort === undefined) return undefined;
    return { target, threadId: this.#driver.threadId, localPort };
  }
}

/** Runs a statement on a session, and cancels it if the signal aborts. */
export function answerOf(
  session: Pick<Session, "send" | "cancelStatement">,
  statement: Statement,
  signal: Cancellation | undefined,
): Promise<[unknown, unknown]> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = (): void => {
      reject(signal?.reason);
      session.cancelStatement(signal?.reason);
    };
    const end = (): void => signal?.removeEventListener("abort", abort);
    const failed = (error: unknown): void => {
      end();
      // If one signal aborts several statements, the first may have ended the session.
      reject(signal?.aborted ? signal.reason : error);
    };
    const done = (rows: unknown, fields: unknown): void => {
      end();
      resolve([rows, fields]);
    };
    signal?.addEventListener("abort", abort);
    try {
      session.send(statement, { done, failed });
    } catch (error) {
      failed(error);
    }
  });
}
