/**
 * How what a session does is called off: whoever asked for it hears why at once, and the server is
 * made to end it, so that the session can be used again; where that cannot be, the session ends.
 *
 * A session that was given up while the server works in it is ended at the server as well.
 */

import type { Cancellation, Session, SocketStream, Statement } from "../port.ts";
import type { Canceller, ServerThread } from "./canceller.ts";
import { commandsOf, dropWaiting, fail, mute } from "./commands.ts";
import type { DriverInternals } from "./mysql2_internals.ts";
import { shutGate } from "./mysql2_patches.ts";
import { ending, type SessionEnd } from "./session_end.ts";
import type { Target } from "./target.ts";

/** Calls off what one session does. */
export class Interruption {
  readonly #driver: DriverInternals;
  readonly #socket: SocketStream;
  readonly #end: SessionEnd;
  readonly #canceller: Canceller | undefined;
  /** Fulfilled when what was called off has ended, or else the session. */
  #ended: Promise<void> | undefined;
  #openGate: (() => void) | undefined;

  /** Creates what has called off nothing; without a canceller, the session ends each time. */
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

  /** Whether something was called off since {@linkcode settled}. */
  get isUnderWay(): boolean {
    return this.#ended !== undefined;
  }

  /** Calls off a statement that runs; if others wait behind it, the session ends with it. */
  interrupt(reason: unknown, target: Target): void {
    if (commandsOf(this.#driver).length === 1) this.cancel(reason, target);
    else this.#end.abandon(ending("A statement was aborted", reason));
  }

  /** Calls off all that the driver does; until {@linkcode settled} it does nothing else. */
  cancel(reason: unknown, target: Target): void {
    const driver = this.#driver;
    const commands = commandsOf(driver);
    if (commands.length === 0 || this.isUnderWay || this.#end.hasCome) return;
    for (const command of commands) fail(command, reason);
    dropWaiting(driver);
    const thread = this.#threadOf(target);
    if (this.#canceller === undefined || thread === undefined) {
      return this.#end.abandon(ending("What it did was called off", reason));
    }
    this.#openGate = shutGate(driver, (command) => fail(command, reason));
    const isOver = Promise.race([mute(commands[0]!), this.#end.closed]);
    // Who reads its rows may have paused it.
    if (driver._paused) driver.resume();
    this.#ended = this.#canceller.cancel(thread, isOver).catch((cause: unknown) => {
      this.#end.abandon(ending("What was called off went on at the server", cause));
    });
  }

  /** Waits until what was called off has ended; from then on the session is another holder's. */
  async settled(): Promise<void> {
    if (this.#ended === undefined) return;
    await this.#ended;
    this.#openGate?.();
    this.#ended = undefined;
  }

  /** Has the server end the session, which it works in although it was given up. */
  endThread(target: Target): void {
    const thread = this.#threadOf(target);
    if (thread === undefined) return;
    // Where it cannot be ended, its connection counts as long as it goes on, for some time.
    this.#canceller?.end(thread).catch(() => undefined);
  }

  #threadOf(target: Target): ServerThread | undefined {
    const { localPort } = this.#socket;
    if (localPort === undefined) return undefined;
    return { target, threadId: this.#driver.threadId, localPort };
  }
}

/** Has a session run a statement, and interrupts that when a signal is aborted. */
export function answerOf(
  session: Pick<Session, "send" | "interrupt">,
  statement: Statement,
  signal: Cancellation | undefined,
): Promise<[unknown, unknown]> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = (): void => {
      reject(signal?.reason);
      session.interrupt(signal?.reason);
    };
    const end = (): void => signal?.removeEventListener("abort", abort);
    const failed = (error: unknown): void => {
      end();
      // Of several that one signal aborts, the first may have ended the session.
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
