/**
 * What the shell needs of the outside: types only.
 *
 * A port opens sessions; what a session is and what a target says are the port's own
 * business. An adapter, which is smaller, gives a port the sockets of one runtime.
 */

import type { EventEmitter } from "node:events";

/** Milliseconds of a clock that never goes back and counts the time of a freeze. */
export type Instant = number;

/** In what condition a holder leaves a session. */
export type Condition = "clean" | "dirty" | "broken";

/** A statement, and how it is to be run. */
export interface Statement {
  /** Its text. */
  readonly sql: string;
  /** What its placeholders stand for. */
  readonly values: unknown;
  /** Whether it is prepared (once for each session) and executed, or sent as text. */
  readonly isPrepared: boolean;
  /** Further options of the driver, which are passed on (`rowsAsArray`, `typeCast` …). */
  readonly options: object | undefined;
}

/** What the text of a statement tells before the server has seen it. */
export interface StatementFacts {
  /** Whether it is known to only read, so that nothing of it can become permanent. */
  readonly isReadOnly: boolean;
  /**
   * Whether it is a single INSERT, UPDATE, DELETE or REPLACE: outside a transaction nothing of it
   * stays if the server answers with an error that rolls back.
   */
  readonly isSingleWrite: boolean;
  /**
   * What it reads of the statements before it on its connection: what the one before it left
   * (ROW_COUNT(), SHOW WARNINGS …), an id or a sequence's value that one generated, or nothing.
   */
  readonly reads: "nothing" | "previous" | "id";
  /** The words by which it is known to end an open transaction: "ALTER TABLE", "COMMIT" … */
  readonly endsTransaction: string | undefined;
  /**
   * The words of a statement whose whole effect is state of its session ("SET", "USE",
   * "START TRANSACTION", "GET_LOCK" …), so that nothing of it outlasts its lease.
   */
  readonly sessionOnly: string | undefined;
}

/** Why a session came to an end that nobody asked for. */
export interface Loss {
  /** Whether the server, or the network, ended it; else something on this side did. */
  readonly byServer: boolean;
  /** The driver's error, if it gave one. */
  readonly cause: unknown;
}

/** What ends something early. It has what is used of an `AbortSignal`, which is one as well. */
export interface Cancellation {
  /** Whether it has come. */
  readonly aborted: boolean;
  /** Why it has come. */
  readonly reason: unknown;
  /** Throws the reason if it has come. */
  throwIfAborted(): void;
  /** Calls a listener when it comes, after those before it; not if it has come already. */
  addEventListener(name: "abort", listener: () => void): void;
  /** Calls a listener no more. */
  removeEventListener(name: "abort", listener: () => void): void;
}

/** Who is told what a statement brings. */
export interface Answering {
  /** Takes the driver's answer. */
  done(rows: unknown, fields: unknown): void;
  /** Takes the error that came in its place; the driver may still be within its command. */
  failed(error: unknown): void;
}

/** Where a session is opened to; what it says is known to the port alone. */
export type Target = object;

/** The driver's own connection, which its users get as it is. */
export type RawConnection = object;

/** One authenticated session on one socket. */
export interface Session {
  /** The driver's own connection, for listeners to the pool's events. */
  readonly driver: RawConnection;
  /** The server's name for the session, as CONNECTION_ID() says it. */
  readonly threadId: number;
  /** Whether the socket is not known to have ended; asking costs no round trip. */
  readonly isAlive: boolean;
  /** Whether a transaction is open, as the server's last answer told. */
  readonly isInTransaction: boolean;
  /** Whether it holds state that cannot move to another: variables, temporary tables, locks. */
  readonly isPinned: boolean;
  /** How many of its answers left something to ask for: an id, a count of rows, a warning. */
  readonly resultInfoCount: number;
  /**
   * How many of its statements have cleared what those before them had left to ask for, as far as
   * that is sure.
   */
  readonly clearingCount: number;
  /**
   * How many of them may have become permanent: each that was sent outside a transaction and is
   * not known to only read, and each that ended a transaction in which such a statement ran.
   */
  readonly permanentCount: number;
  /**
   * Names in statements that are counted as reads and may have become permanent all the same, if
   * one of the names is that of a view whose function writes; each with what tells the port of
   * which moment that was. It is emptied by a reset.
   */
  readonly unprovenReads: ReadonlyMap<string, number>;
  /** How many of its answers have set what LAST_INSERT_ID() or LASTVAL() returns. */
  readonly idCount: number;
  /**
   * A number of the transaction that is open, 0 if none is. One that was begun in its place, as by
   * COMMIT AND CHAIN, has another number.
   */
  readonly transaction: number;
  /** The statement at which the last transaction ended, without its values. */
  readonly transactionEndedBy: string | undefined;
  /** Returns what the text of a statement tells. */
  factsOf(statement: Statement): StatementFacts;
  /** What a holder who gave it up now would leave: broken if it has ended or is still busy. */
  readonly condition: Condition;
  /**
   * Returns the driver's own connection for one holder. `refusal` is asked at each use, and
   * returns why he may not use it (any more), or undefined; the reason is told as the driver tells
   * of errors. What he changes of the connection, and leaves changed, makes the session broken.
   */
  lend(refusal: () => unknown): RawConnection;
  /** Sends a statement after those before it; what it brings is told to `answering`, once. */
  send(statement: Statement, answering: Answering): void;
  /**
   * Runs a statement of the pool's own, and answers as the driver does, `[rows, fields]`; an abort
   * that comes before the answer interrupts it, and rejects with the signal's reason.
   */
  run(statement: Statement, signal: Cancellation | undefined): Promise<[unknown, unknown]>;
  /**
   * Ends what it runs, at the server where it can, so that nobody is lent a busy session. Who
   * asked for a statement is told of its end, but need not wait for that.
   */
  cancelStatement(reason: unknown): void;
  /**
   * Calls off whatever the driver does now, whoever asked for it: who did hears the reason, and
   * until it is reset it does nothing else.
   */
  cancelAll(reason: unknown): void;
  /** Asks whether the server still answers; rejects if not, in bounded time. */
  check(): Promise<void>;
  /**
   * Asks the server whether none of some {@linkcode unprovenReads} is such a view's; an abort ends
   * that, and rejects with the signal's reason.
   */
  proveReads(
    reads: ReadonlyMap<string, number>,
    signal: Cancellation | undefined,
  ): Promise<boolean>;
  /**
   * Wipes what a holder left, or whatever there is if `isForced`; rejects if that fails. Returns
   * why it took a new login, if it did: "database", "role", "call of f" …
   */
  reset(isForced?: boolean): Promise<string | undefined>;
  /** Changes it into one of another target of the same address; rejects if that fails. */
  retarget(target: Target): Promise<void>;
  /** Says whether the open socket is to keep the process alive. */
  setRef(isRef: boolean): void;
  /** Ends it with a farewell; fulfilled, in bounded time, when its socket has closed. */
  close(): Promise<void>;
  /** Ends it at once; what is under way in it rejects with `reason`. */
  destroy(reason: Error): void;
}

/** Opens sessions to targets. */
export interface Connector {
  /**
   * Opens a session. `lost` is called at most once, and only if the session ends unasked
   * after the promise was fulfilled. Rejects with the driver's error, or with the signal's
   * reason, and then leaves nothing behind.
   */
  connect(target: Target, lost: (loss: Loss) => void, signal: AbortSignal): Promise<Session>;
  /** Tells whether an error of {@linkcode connect} says that the server has no room for more. */
  isFull(error: unknown): boolean;
  /** Equal for targets that share their actual connections. */
  keyOf(target: Target): string;
  /** Equal for targets that a session can be changed between. */
  addressOf(target: Target): string;
}

/** Tells the time, and when it has come. */
export interface Clock {
  /** The time; it never goes back. */
  now(): Instant;
  /** Calls `ring` once, at `at` or a little later; returns what cancels that. Keeps no process. */
  alarm(at: Instant, ring: () => void): () => void;
  /** A random number in [0, 1). */
  random(): number;
}

/** Where a server is. */
export interface Address {
  /** The name or IP address of its host. */
  readonly host: string;
  /** Its TCP port. */
  readonly port: number;
  /** The path of its unix socket, which is used instead if it is given. */
  readonly socketPath: string | undefined;
  /** Whether TCP asks the other side from time to time if it is there, and after how many ms. */
  readonly keepAliveMs: number | undefined;
  /** Whether its stream will be upgraded to TLS, once the server has sent its greeting. */
  readonly isSecured: boolean;
}

/** How a stream is upgraded to TLS; what is in PEM is named as Node names it. */
export interface TlsOptions {
  /** The name or IP address that the server's certificate has to have. */
  readonly serverName: string;
  /** Whether somebody who is trusted has to have signed the server's certificate. */
  readonly isChainVerified: boolean;
  /** Whether the certificate has to be for `serverName`. */
  readonly isNameVerified: boolean;
  /** Who is trusted, in PEM; those whom the runtime trusts unless given. */
  readonly ca: readonly string[] | undefined;
  /** The client's own certificate, in PEM. */
  readonly cert: string | undefined;
  /** The key of it, in PEM. */
  readonly key: string | undefined;
  /** What else was asked for by names that only some runtimes know: `ciphers`, `minVersion` … */
  readonly others: readonly string[];
}

/**
 * The stream of a socket that an adapter opened: what is used of a Duplex. It emits "data" to who
 * listens, "drain", "end", "error" and "close", which is its last event.
 */
export interface SocketStream extends EventEmitter {
  /** Whether it was destroyed, or has ended in both directions. */
  readonly destroyed: boolean;
  /** Whether it takes bytes. */
  readonly writable: boolean;
  /** The TCP port on this side, once it is connected; undefined where it is not known. */
  readonly localPort?: number | undefined;
  /**
   * Sends bytes after those before them. Returns whether the caller may go on: if not, "drain"
   * tells when. The callback is called once, with an error if they could not be sent.
   */
  write(bytes: Uint8Array, written?: (error?: Error | null) => void): boolean;
  /** Ends this side when all that was written has been sent; the other side may still send. */
  end(): unknown;
  /** Closes it at once, connected or not; emits the error, if there is one, and "close". */
  destroy(error?: Error): unknown;
  /** Whether its reader has paused it. */
  isPaused(): boolean;
  /** Emits no "data" until `resume`; of what the server sends only little is taken meanwhile. */
  pause(): unknown;
  /** Emits "data" again, but not before it returns. */
  resume(): unknown;
  /** Lets the open socket keep the process alive. */
  ref?(): void;
  /** Lets the process end although the socket is open. */
  unref?(): void;
  /**
   * Upgrades it to TLS once what was written has been sent; rejects if the other side is not
   * to be trusted, or the runtime cannot do what was asked for. Missing where the driver does
   * that by itself.
   */
  startTls?(options: TlsOptions): Promise<void>;
}

/** What one runtime gives: sockets, as the streams that mysql2 drives. */
export interface Adapter {
  /** Which runtime it is. */
  readonly runtime: Runtime;
  /** Whether its TLS verifies chain and name where nothing is said of them. */
  readonly verifiesAlways?: boolean;
  /** Returns the stream of a socket that is being opened; a failure destroys it with its error. */
  dial(address: Address): SocketStream;
  /**
   * Returns what is wrong with whom a stream that the driver upgraded to TLS has on its other
   * side, if it is to be a server of that name. Only where streams have no `startTls`.
   */
  identityError?(stream: SocketStream, serverName: string): Error | undefined;
}

/** The runtimes that there are adapters for. */
export type Runtime = "node" | "deno" | "bun" | "workerd";
