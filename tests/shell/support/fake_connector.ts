/**
 * A server within the process: a small but whole port.
 *
 * Its sessions keep a transaction, savepoints and variables as a server would; statements run
 * one after another and answer with what they saw. A test may hold back answers and connects,
 * and end sessions from the server's side.
 */

import type { AsyncLocalStorage } from "node:async_hooks";
import type { Connector, Loss, Session } from "../../../src/port/session.ts";
import { FakeServerError, type FakeTarget, TOO_MANY } from "./fake_server.ts";
import { FakeSession } from "./fake_session.ts";

export * from "./fake_server.ts";
export * from "./fake_session.ts";

/** Opens sessions to a server within the process. */
export class FakeConnector implements Connector {
  /** Every session that was opened. */
  readonly sessions: FakeSession[] = [];
  /** Every statement that was run, as "thread: text". */
  readonly log: string[] = [];
  /** What the next connects fail with, one after another. */
  readonly connectFailures: Error[] = [];
  /** Holds connects back, while set. */
  connectGate: Promise<void> | undefined;
  /** Holds resets back, while set. */
  resetGate: Promise<void> | undefined;
  /** Holds closes back, while set. */
  closeGate: Promise<void> | undefined;
  /** How many are being opened. */
  opening = 0;
  /** The most that were open or being opened at once. */
  peak = 0;
  /** Answers checks with a failure, while set. */
  checkFailure: Error | undefined;
  /** Answers resets with a failure, while set. */
  resetFailure: Error | undefined;
  /** Which stores sockets were opened in, by this storage. */
  readonly contexts: unknown[] = [];
  storage: AsyncLocalStorage<unknown> | undefined;
  #threadNext = 1;

  /** The sessions that are open. */
  get open(): FakeSession[] {
    return this.sessions.filter((session) => !session.isClosed);
  }

  async connect(
    target: FakeTarget,
    lost: (loss: Loss) => void,
    signal: AbortSignal,
  ): Promise<Session> {
    this.contexts.push(this.storage?.getStore());
    this.opening++;
    this.peak = Math.max(this.peak, this.open.length + this.opening);
    try {
      await Promise.race([this.connectGate, aborted(signal)]);
      const failure = this.connectFailures.shift();
      if (failure !== undefined) throw failure;
    } finally {
      this.opening--;
    }
    const session = new FakeSession(this, this.#threadNext++, target, lost);
    this.sessions.push(session);
    return session;
  }

  isFull(error: unknown): boolean {
    return error instanceof FakeServerError && error.errno === TOO_MANY;
  }

  keyOf({ host, database }: FakeTarget): string {
    return `${host}/${database}`;
  }

  addressOf({ host }: FakeTarget): string {
    return host;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
