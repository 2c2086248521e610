/**
 * Ends what threads of the server do for nobody any more, by one more connection, which counts in
 * no maximum. There is one at most, and it is open as long as somebody needs it.
 *
 * A thread's number means something to one server only, and behind an address there may be
 * several. So the process list has to show a thread of that number, of the same user, whose
 * client has the port that the connection has here: nothing else is ever killed.
 */

import type { Connection } from "mysql2";
import type { Session, Statement } from "../port.ts";
import { internalsOf } from "./mysql2_internals.ts";
import type { Target } from "./target.ts";

/** The session in which statements of others are killed. */
interface KillSession extends Session {
  readonly driver: Connection;
}

/** A connection, as its server knows it. */
export interface ServerThread {
  /** Where, and as whom. */
  readonly target: Target;
  /** The server's number of it. */
  readonly threadId: number;
  /** The port of its socket on this side. */
  readonly localPort: number;
}

/** How long a statement has to end by itself. */
const graceMs = 10;
/** How long the server may take to end it: it looks from time to time only. */
const cancelMsMax = 2_000;
/** How long the server has to end it before it is killed once more, at first and at most. */
const pauseMsMin = 20;
const pauseMsMax = 200;
/** How long the end of a thread may take. */
const endMsMax = 1_000;

/** The process lists: MySQL has deprecated the second one, MariaDB has no other. */
const lists: readonly string[] = [
  "performance_schema.processlist",
  "information_schema.PROCESSLIST",
];

/** Kills statements and threads one after another. */
export class Canceller {
  readonly #open: (target: Target, signal: AbortSignal) => Promise<KillSession>;
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;
  #session: KillSession | undefined;
  #key: string | undefined;

  /** Creates one that has no connection; `open` opens it. */
  constructor(open: (target: Target, signal: AbortSignal) => Promise<KillSession>) {
    this.#open = open;
  }

  /**
   * Has a thread stop what it runs, the body of a procedure and the later statements of a text
   * too, each of which may have to be killed; rejects if it goes on all the same. A kill that is
   * under way is always waited for, so that none comes late and hits another statement.
   */
  async cancel(thread: ServerThread, ended: Promise<void>): Promise<void> {
    if (await comesWithin(ended, graceMs)) return;
    await this.#during(cancelMsMax, async (signal) => {
      for (let pauseMs = pauseMsMin; !signal.aborted; pauseMs *= 2) {
        try {
          await this.#inTurn(() => this.#kill(thread, "KILL QUERY ?", signal));
        } catch (error) {
          if (await comesWithin(ended, 0)) return;
          throw error;
        }
        if (await comesWithin(ended, Math.min(pauseMs, pauseMsMax))) return;
      }
      throw signal.reason;
    });
  }

  /** Has a thread end; rejects if there is none that is certainly meant. */
  async end(thread: ServerThread): Promise<void> {
    await this.#during(endMsMax, async (signal) => {
      await this.#inTurn(() => this.#kill(thread, "KILL ?", signal));
    });
  }

  /** Keeps the connection open for some work, which has so long. */
  async #during(msMax: number, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new Error(`The server did not end it within ${msMax} ms`));
    }, msMax);
    this.#count++;
    try {
      await work(late.signal);
    } finally {
      clearTimeout(timer);
      this.#count--;
      await this.#inTurn(() => this.#count === 0 ? this.#close() : Promise.resolve());
    }
  }

  /** Runs `work` after everything that was given before it has ended. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Kills what a thread runs, if it runs anything. */
  async #kill(thread: ServerThread, sql: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { target, threadId } = thread;
    const session = await this.#sessionOf(target, signal);
    const command = await commandOf(session, thread, signal);
    if (command === undefined) {
      throw new Error(
        `The server's process list does not show that thread ${threadId} is of this client`,
      );
    }
    if (command === "Sleep" && sql === "KILL QUERY ?") return;
    await session.run(textOf(sql, [threadId]), signal);
  }

  async #sessionOf(target: Target, signal: AbortSignal): Promise<KillSession> {
    if (this.#key !== target.key || !this.#session?.isAlive) {
      await this.#close();
      this.#session = await this.#open(target.overrides({ initSql: [] }), signal);
      this.#key = target.key;
    }
    return this.#session as KillSession;
  }

  async #close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }
}

/** Returns what a thread is at, if the server shows it to be the one that is meant. */
async function commandOf(
  session: KillSession,
  { threadId, localPort }: ServerThread,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const list of internalsOf(session.driver)._isMariaDB ? lists.slice(1) : lists) {
    const question = `SELECT it.COMMAND AS command FROM ${list} it JOIN ${list} me ` +
      "ON me.ID = CONNECTION_ID() AND it.USER = me.USER " +
      "WHERE it.ID = ? AND SUBSTRING_INDEX(it.HOST, ':', -1) = ?";
    const asked = session.run(textOf(question, [threadId, String(localPort)]), signal);
    // The newer list is missing in old servers, and empty where the performance schema is off.
    const [rows] = await asked.catch((error: unknown) => {
      if (list === lists.at(-1) || signal.aborted) throw error;
      return [[]];
    });
    const [row] = rows as { command: string }[];
    if (row !== undefined) return row.command;
  }
  return undefined;
}

function textOf(sql: string, values: readonly unknown[]): Statement {
  return { sql, values, isPrepared: false, options: undefined };
}

async function comesWithin(promise: Promise<void>, msMax: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), msMax);
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
