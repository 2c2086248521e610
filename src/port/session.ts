/**
 * What the shell needs of a driver: types only.
 *
 * A connector opens sessions. Only it knows what a session is and what a target contains.
 */

/** Milliseconds of a clock that never goes back and counts the time of a freeze. */
export type Instant = number;

/** The condition in which a holder leaves a session. */
export type Condition = "clean" | "dirty" | "broken";

/** A statement, and how the driver runs it. */
export interface Statement {
  /** Its text. */
  readonly sql: string;
  /** The values of its placeholders. */
  readonly values: unknown;
  /** Whether the driver prepares it (once a session) and executes it, or sends it as text. */
  readonly isPrepared: boolean;
  /** Further options, which the driver gets as they are (`rowsAsArray`, `typeCast` …). */
  readonly options: object | undefined;
}

/** What the text of a statement shows before the server has seen it. */
export interface StatementFacts {
  /** Whether it certainly only reads, so that nothing of it can become permanent. */
  readonly isReadOnly: boolean;
  /**
   * Whether it is a single INSERT, UPDATE, DELETE or REPLACE: outside a transaction nothing of it
   * stays if the server answers with an error that rolls back.
   */
  readonly isSingleWrite: boolean;
  /**
   * What it reads of earlier statements on its connection: "previous": what the last one left
   * (ROW_COUNT(), SHOW WARNINGS …); "id": an id or sequence value that an earlier one generated.
   */
  readonly reads: "nothing" | "previous" | "id";
  /** The words that show that it ends an open transaction: "ALTER TABLE", "COMMIT" … */
  readonly endsTransaction: string | undefined;
  /**
   * The words of a statement whose whole effect is state of its session ("SET", "USE",
   * "START TRANSACTION", "GET_LOCK" …), so that nothing of it outlasts its lease.
   */
  readonly sessionOnly: string | undefined;
}

/** Why a session ended although the pool did not end it. */
export interface Loss {
  /** Whether the server or the network ended it; otherwise something on this side did. */
  readonly byServer: boolean;
  /** The driver's error, if it gave one. */
  readonly cause: unknown;
}

/** A signal that cancels an operation: those members of an `AbortSignal` that the pool uses. */
export interface Cancellation {
  /** Whether the abort has come. */
  readonly aborted: boolean;
  /** Why the abort has come. */
  readonly reason: unknown;
  /** Throws the reason if the abort has come. */
  throwIfAborted(): void;
  /** Adds a listener, behind earlier ones, to be called at the abort; never if it has come. */
  addEventListener(name: "abort", listener: () => void): void;
  /** Removes a listener. */
  removeEventListener(name: "abort", listener: () => void): void;
}

/** The callbacks for the outcome of a statement. */
export interface Answering {
  /** Takes the driver's result. */
  done(rows: unknown, fields: unknown): void;
  /** Takes the error instead; the driver may still be within its command. */
  failed(error: unknown): void;
}

/** The destination of a session; only the port knows what it contains. */
export type Target = object;

/** The driver's own connection, which users get as it is. */
export type RawConnection = object;

/** One authenticated session on one socket. */
export interface Session {
  /** The driver's own connection, for listeners to the pool's events. */
  readonly driver: RawConnection;
  /** The server's id for the session, as CONNECTION_ID() returns it. */
  readonly threadId: number;
  /** Whether it is open and none of its statements is being ended early; costs no round trip. */
  readonly isAlive: boolean;
  /** Whether a transaction is open, according to the server's last answer. */
  readonly isInTransaction: boolean;
  /** Whether it has state that cannot move to another: variables, temporary tables, locks. */
  readonly isPinned: boolean;
  /** How many times a statement left something to read later: an id, a row count, a warning. */
  readonly resultInfoCount: number;
  /** How many of its statements have certainly cleared what earlier ones had left to read. */
  readonly clearingCount: number;
  /**
   * How many of its statements may have become permanent: each that was sent outside a transaction
   * and may write, and each that ended a transaction in which such a statement ran.
   */
  readonly permanentCount: number;
  /**
   * Names in statements that count as reads. Such a statement may have become permanent all the
   * same, if one of the names is that of a view whose function writes. The number tells the port
   * from which moment the name is. A reset empties the map.
   */
  readonly unprovenReads: ReadonlyMap<string, number>;
  /** How many of its answers have set the value that LAST_INSERT_ID() or LASTVAL() returns. */
  readonly idCount: number;
  /**
   * The number of the open transaction, 0 if none is open. A transaction that replaces it, as after
   * COMMIT AND CHAIN, has another number.
   */
  readonly transaction: number;
  /** The text of the statement at which the last transaction ended, without its values. */
  readonly transactionEndedBy: string | undefined;
  /** Returns what the text of a statement shows. */
  factsOf(statement: Statement): StatementFacts;
  /** The condition in which a release would leave it now: broken if it has ended or is busy. */
  readonly condition: Condition;
  /**
   * Returns the driver's own connection for one holder. Each use calls `refusal`, which returns
   * why the holder may not use it (any more), or undefined; the holder gets the reason in the way
   * the driver reports errors. A change to the connection that stays makes the session broken.
   */
  lend(refusal: () => unknown): RawConnection;
  /** Sends a statement after those before it; calls `answering` once with the outcome. */
  send(statement: Statement, answering: Answering): void;
  /**
   * Runs a statement of the pool's own and returns the driver's result, `[rows, fields]`. An abort
   * before the result interrupts the statement and rejects with the signal's reason.
   */
  run(statement: Statement, signal: Cancellation | undefined): Promise<[unknown, unknown]>;
  /**
   * Ends the running statement, at the server if possible, so that the pool never lends a busy
   * session. The caller of the statement hears of its end, but need not wait for it.
   */
  cancelStatement(reason: unknown): void;
  /**
   * Cancels whatever the driver does now, for any caller. That caller gets the reason, and the
   * session does nothing else until its reset.
   */
  cancelAll(reason: unknown): void;
  /** Checks that the server still answers; rejects, in bounded time, if it does not. */
  check(): Promise<void>;
  /**
   * Asks the server whether none of these {@linkcode unprovenReads} is the name of such a view. An
   * abort cancels the question and rejects with the signal's reason.
   */
  proveReads(
    reads: ReadonlyMap<string, number>,
    signal: Cancellation | undefined,
  ): Promise<boolean>;
  /**
   * Wipes the state that a holder left, or any state if `isForced`; rejects if that fails. Returns
   * why this took a new login, or a reset for hidden triggers or views, if it did: "database" …
   */
  reset(isForced?: boolean): Promise<string | undefined>;
  /** Changes it to another target of the same address; rejects if that fails. */
  retarget(target: Target): Promise<void>;
  /** Sets whether the open socket keeps the process alive. */
  setRef(isRef: boolean): void;
  /** Ends it, with COM_QUIT unless busy; fulfilled, in bounded time, when its socket has closed. */
  close(): Promise<void>;
  /** Ends it at once; its commands under way reject with `reason`. */
  destroy(reason: Error): void;
}

/** Opens sessions to targets. */
export interface Connector {
  /**
   * Opens a session. The port calls `lost` at most once, and only if the session ends unasked
   * after the promise was fulfilled. Rejects with the driver's error, or with the signal's
   * reason, and then leaves nothing behind.
   */
  connect(target: Target, lost: (loss: Loss) => void, signal: AbortSignal): Promise<Session>;
  /** Tells whether an error of {@linkcode connect} says that the server has no room for more. */
  isFull(error: unknown): boolean;
  /** Returns a key that is equal for targets that share their actual connections. */
  keyOf(target: Target): string;
  /** Returns an address that is equal for targets between which a session can change. */
  addressOf(target: Target): string;
  /** Says in an error message where a target is, and as whom it logs in. */
  describe(target: Target): string;
}

/** Returns the beginning of a statement's text on one line, for an error message. */
export function excerptOf(sql: string): string {
  const line = sql.trim().replace(/\s+/g, " ");
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

/** Tells the time, and sets timers. */
export interface Clock {
  /** Returns the time, which never goes back. */
  now(): Instant;
  /** Calls `ring` once, at `at` or a little later; returns its cancel. Keeps no process alive. */
  alarm(at: Instant, ring: () => void): () => void;
  /** Returns a random number in [0, 1). */
  random(): number;
}
