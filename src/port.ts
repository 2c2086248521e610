/**
 * What the shell needs of the outside: types only.
 *
 * A port opens, checks and closes sessions, and tells the time; what a session is
 * and what a target says are its own business. An adapter, which is smaller, gives
 * a port the sockets of one runtime.
 */

import type { Duplex } from "node:stream";

/** Milliseconds of a clock that never goes back and counts the time of a freeze. */
export type Instant = number;

/** Why a session came to an end that nobody asked for. */
export interface Loss {
  /** Whether the server, or the network, ended it; else something on this side did. */
  readonly byServer: boolean;
  /** The driver's error, if it gave one. */
  readonly cause: unknown;
}

/** Opens sessions to targets and looks after them. */
export interface Port<Target, Session> {
  /**
   * Opens a session. `lost` is called at most once, and only if the session ends unasked
   * after the promise was fulfilled. Rejects with the driver's error, and leaves nothing behind.
   */
  connect(target: Target, lost: (loss: Loss) => void, signal: AbortSignal): Promise<Session>;
  /** Asks a session whether it is alive; rejects if it is not, in bounded time. */
  check(session: Session): Promise<void>;
  /** Wipes what a holder left in a session; rejects if that fails. */
  reset(session: Session): Promise<void>;
  /** Changes a session into one of another target of the same address; rejects if that fails. */
  retarget(session: Session, target: Target): Promise<void>;
  /** Ends a session; fulfilled when its socket has closed, never rejected. */
  close(session: Session): Promise<void>;
  /** Tells whether an error of {@linkcode connect} says that the server has no room. */
  isFull(error: unknown): boolean;
}

/** Tells the time, and when it has come; holds no process open. */
export interface Clock {
  /** The time; it never goes back. */
  now(): Instant;
  /** Calls `ring` once, at `at` or a little later; returns what cancels that. */
  alarm(at: Instant, ring: () => void): () => void;
  /** Calls `leapt` whenever the process turns out to have been frozen, or its clock set forward. */
  onLeap(leapt: () => void): void;
}

/** Where a server is. */
export interface Address {
  /** The name or IP address of its host. */
  readonly host: string;
  /** Its TCP port. */
  readonly port: number;
  /** The path of its unix socket, which is used instead if it is given. */
  readonly socketPath: string | undefined;
}

/** What one runtime gives: sockets, as the streams that mysql2 drives. */
export interface Adapter {
  /** Which runtime it is. */
  readonly runtime: "node" | "deno" | "bun" | "workerd";
  /** Begins to open a socket and returns its stream at once; an error destroys the stream with it. */
  dial(address: Address): Duplex;
}
