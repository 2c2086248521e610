/**
 * Ends statements at the server whose own connections are busy with them, by one more connection,
 * which counts in no maximum. There is one at most, and it is open as long as somebody needs it.
 *
 * A thread's number means something to one server only, and behind an address there may be
 * several. So it is looked at first what the thread runs: nothing else is ever killed.
 */

import type { Statement } from "../port.ts";
import type { MysqlSession } from "./session.ts";
import type { Target } from "./target.ts";

/** A statement that runs at a server. */
export interface Culprit {
  /** Where, and as whom. */
  readonly target: Target;
  /** The server's name of its session. */
  readonly threadId: number;
  /** Its text, as it was sent or prepared. */
  readonly sql: string;
}

/** How much of a text is compared, of what is the same in every character set. */
const comparable = /^[\x20-\x7e]{0,64}/;

/** Kills statements one after another. */
export class Killer {
  readonly #open: (target: Target, signal: AbortSignal) => Promise<MysqlSession>;
  #last: Promise<void> = Promise.resolve();
  #count = 0;
  #session: MysqlSession | undefined;
  #key: string | undefined;

  /** Creates one that has no connection; `open` opens it. */
  constructor(open: (target: Target, signal: AbortSignal) => Promise<MysqlSession>) {
    this.#open = open;
  }

  /** Kills a statement; rejects if that could not be done before the signal. */
  async kill(culprit: Culprit, signal: AbortSignal): Promise<void> {
    this.#count++;
    const done = this.#last.then(() => this.#kill(culprit, signal));
    const over = done.then(() => this.#settle(), () => this.#settle());
    this.#last = over;
    await over;
    await done;
  }

  async #kill({ target, threadId, sql }: Culprit, signal: AbortSignal): Promise<void> {
    const session = await this.#sessionOf(target, signal);
    const question = "SELECT INFO AS text FROM information_schema.PROCESSLIST WHERE ID = ?";
    const [rows] = await session.run(textOf(question, [threadId]), signal);
    const [row] = rows as { text: string | null }[];
    if (!isSame(row?.text ?? "", sql)) {
      throw new Error(`Thread ${threadId} of the server does not run the statement (any more)`);
    }
    await session.run(textOf("KILL QUERY ?", [threadId]), signal);
  }

  async #sessionOf(target: Target, signal: AbortSignal): Promise<MysqlSession> {
    if (this.#key !== target.key || !this.#session?.isAlive) {
      await this.#close();
      this.#session = await this.#open(target.overlay({ initSql: [] }), signal);
      this.#key = target.key;
    }
    return this.#session as MysqlSession;
  }

  async #settle(): Promise<void> {
    if (--this.#count === 0) await this.#close();
  }

  async #close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }
}

/** Tells whether the server shows a statement; what is prepared it shows with its values. */
function isSame(shown: string, sql: string): boolean {
  const [text] = sql.trimStart().split(/[?:]/, 1);
  const [start = ""] = comparable.exec(text ?? "") ?? [];
  return shown.trimStart().startsWith(start) && start !== "";
}

function textOf(sql: string, values: readonly unknown[]): Statement {
  return { sql, values, isPrepared: false, options: undefined };
}
