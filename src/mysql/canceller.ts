/**
 * Kills statements and threads that no caller waits for any more, over an extra connection that
 * counts toward no limit. At most one such connection is open, and only while a kill needs it.
 *
 * A thread id belongs to one server, and an address may lead to several servers. So the canceller
 * kills a thread only if the process list shows one with that id, of the same user, whose client
 * port is the local port of the pool's connection.
 */

import type { Connection } from "mysql2";
import type { Session, Statement } from "../port/session.ts";
import { internalsOf } from "./mysql2_internals.ts";
import type { Target } from "./target.ts";

/** The session that runs the KILL statements. */
interface KillSession extends Session {
  readonly driver: Connection;
}

/** A connection, as its server identifies it. */
export interface ServerThread {
  /** The target that the connection is logged in to. */
  readonly target: Target;
  /** The thread id that the server gave the connection. */
  readonly threadId: number;
  /** The local port of its socket. */
  readonly localPort: number;
}

/** How long the canceller waits for a statement to end by itself. */
const graceMs = 10;
/** How long the server may take to end a statement: it checks for a KILL only from time to time. */
const cancelMsMax = 2_000;
/** How long the canceller waits before the next KILL of a statement, at first and at most. */
const pauseMsMin = 20;
const pauseMsMax = 200;
/** How long killing a thread may take. */
const endMsMax = 1_000;

/** The process lists: MySQL deprecates the second one, MariaDB has only the second one. */
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

  /** Creates a canceller without a connection; `open` opens one when a kill needs it. */
  constructor(open: (target: Target, signal: AbortSignal) => Promise<KillSession>) {
    this.#open = open;
  }

  /**
   * Makes a thread stop what it runs, including the body of a procedure and the later statements of
   * a text, each of which may need a KILL of its own. Rejects if the thread keeps running. Always
   * waits for a KILL that is under way, so that none comes late and hits another statement.
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

  /** Kills a thread; rejects if the server shows none that is certainly the right one. */
  async end(thread: ServerThread): Promise<void> {
    await this.#during(endMsMax, async (signal) => {
      await this.#inTurn(() => this.#kill(thread, "KILL ?", signal));
    });
  }

  /** Keeps the connection open while `work` runs; aborts its signal after `msMax`. */
  async #during(msMax: number, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new Error(`The server did not end the statement within ${msMax} ms`));
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

  /** Runs `work` after all earlier work has ended. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Runs a KILL statement for a thread; a KILL QUERY only if the thread runs something. */
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

/** Returns the command of a thread, if the process list shows that it is the right thread. */
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
    // Old servers lack the newer list, and it is empty where the performance schema is off.
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
