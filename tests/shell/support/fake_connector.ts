/**
 * A fake server in this process, behind a small but complete port.
 *
 * Its sessions keep a transaction, savepoints and session state, as those of a server do. Their
 * statements run one after another, and each returns a row that describes its session. A test may
 * delay answers and connects, and end sessions from the server's side.
 */

import type { AsyncLocalStorage } from "node:async_hooks";
import type { Connector, Loss, Session } from "../../../src/port/session.ts";
import { FakeServerError, type FakeTarget, TOO_MANY } from "./fake_server.ts";
import { FakeSession } from "./fake_session.ts";

export * from "./fake_server.ts";
export * from "./fake_session.ts";

/** Opens sessions to the fake server. */
export class FakeConnector implements Connector {
  /** Every session that it has opened, in order. */
  readonly sessions: FakeSession[] = [];
  /** Every statement that a session has begun to run, as "thread: text". */
  readonly log: string[] = [];
  /** The errors with which the next connects fail, one each. */
  readonly connectFailures: Error[] = [];
  /** If set, each connect waits for it. */
  connectGate: Promise<void> | undefined;
  /** If set, each reset waits for it. */
  resetGate: Promise<void> | undefined;
  /** If set, each close waits for it. */
  closeGate: Promise<void> | undefined;
  /** How many sessions are being opened now. */
  opening = 0;
  /** The largest number of sessions that were open or being opened at once. */
  peak = 0;
  /** If set, each check fails with it. */
  checkFailure: Error | undefined;
  /** If set, each reset fails with it. */
  resetFailure: Error | undefined;
  /** The store of `storage` in which each connect began. */
  readonly contexts: unknown[] = [];
  storage: AsyncLocalStorage<unknown> | undefined;
  #threadNext = 1;

  /** The sessions that the pool has not closed. */
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

  describe({ host }: FakeTarget): string {
    return `${host} as "app"`;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
