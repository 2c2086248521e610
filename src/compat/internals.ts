/**
 * The undocumented parts of mysql2 that this folder uses. All of them are named here, and the
 * folder's tests check each on a real server.
 */

import type { EventEmitter } from "node:events";
import mysql2, { type PoolConnection } from "mysql2";
import mysql2Promise from "mysql2/promise";

/** A callback of the driver. */
export type Answer = (error: unknown, ...results: unknown[]) => void;

/** A command of the driver. */
export interface Command extends EventEmitter {
  /** The callback for the answer; a command without one emits events. */
  onResult?: ((...args: unknown[]) => unknown) | undefined;
}

/** The command of a statement that is sent as text. */
export interface QueryCommand extends Command {
  /** The options of the statement. */
  readonly _queryOptions: { rowsAsArray?: boolean | undefined };
  /** Opens a file that the server asks for. */
  _streamFactory: unknown;
}

/** A connection of the driver, without the overloads of its types. */
export interface Calls {
  /** Sends a statement as text. */
  query(...args: unknown[]): QueryCommand;
  /** Prepares a statement, once for each connection, and executes it. */
  execute(...args: unknown[]): Command;
  /** Appends a command to the connection's queue. */
  addCommand(command: Command): Command;
  /** Sends COM_QUIT after the commands before it. */
  end(...args: unknown[]): Command | undefined;
  /** Closes the connection at once. */
  destroy(): void;
  /** Releases the connection. */
  release(): void;
}

/** A connection of the driver, with its undocumented members. */
export interface Internals extends Calls {
  /** The options that it was opened with. */
  readonly config: ConnectionConfig;
  /** The command that runs now. */
  readonly _command: Command | null | undefined;
  /** The commands that wait behind `_command`. */
  readonly _commands: { readonly length: number };
  /** Why nothing can be sent any more. */
  readonly _fatalError: Error | null;
  /** Why the socket closed. */
  readonly _protocolError: Error | null;
  /** The driver calls this in place of `addCommand` once the connection has ended. */
  _addCommandClosedState(command: Command): Command;
  /** The connection's socket. */
  readonly stream: EventEmitter & { readonly destroyed: boolean };
  /** The name of the cluster's node that the connection belongs to. */
  _clusterId?: string;
}

/** Options of a connection as the driver keeps them, including its defaults. */
export interface ConnectionConfig {
  readonly [option: string]: unknown;
  /** The password, or a function that returns it. */
  readonly password: string | (() => string | Promise<string>) | undefined;
  /** Whether errors of promises carry the caller's stack. */
  trace: boolean;
  /** Whether rows are arrays. */
  readonly rowsAsArray: boolean;
  /** Opens a file that the server asks for. */
  readonly infileStreamFactory: unknown;
  /** Whether objects become strings when they are formatted into a statement. */
  readonly stringifyObjects: boolean;
  /** The time zone in which dates are formatted. */
  readonly timezone: string;
  /** Whether `end` of a leased connection closes it; else `end` releases it. */
  readonly gracefulEnd: boolean;
}

/** A constructor of promises: the language's, or a library's. */
export type PromiseMaker = new <T>(
  executor: (
    resolve: (value: T | PromiseLike<T>) => void,
    reject: (error: unknown) => void,
  ) => void,
) => Promise<T>;

/** The driver's promise wrapper of a pool. */
export interface DriverPromisePool extends EventEmitter {
  /** The constructor of its promises. */
  readonly Promise: PromiseMaker;
}

/** The driver's promise wrapper of a pool connection, without the overloads of its types. */
export interface DriverPromiseConnection extends EventEmitter {
  /** Releases the connection. */
  release(): void;
  /** Releases the connection, too. */
  end(): Promise<void>;
  /** Closes the connection at once. */
  destroy(): void;
}

interface Hidden {
  readonly Connection: {
    createQuery(sql: unknown, values: unknown, callback: unknown, config: object): QueryCommand;
  };
  readonly ConnectionConfig: {
    new (options: object): ConnectionConfig;
    parseUrl(uri: string): Record<string, unknown>;
  };
  readonly Charsets: Readonly<Record<string, number>>;
}

interface HiddenPromise {
  readonly PromisePool: new (pool: unknown, maker: unknown) => DriverPromisePool;
  readonly PoolConnection: new (connection: unknown, maker: unknown) => DriverPromiseConnection;
}

/** The driver's exports that its types lack. */
export const hidden: Hidden = mysql2 as unknown as Hidden;

/** The exports of mysql2/promise that its types lack. */
export const hiddenPromise: HiddenPromise = mysql2Promise as unknown as HiddenPromise;

/** Returns a connection, typed with its undocumented members. */
export function internalsOf(connection: PoolConnection): Internals {
  return connection as unknown as Internals;
}

/**
 * Calls `then` once a connection has no command left, or has closed: at once if it has none now,
 * else in a microtask after the last one's "end", which the driver may still be handling.
 */
export function whenQuiet(connection: PoolConnection, then: () => void): void {
  const { stream } = internalsOf(connection);
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    stream.off("close", end);
    then();
  };
  const look = (): void => {
    const command = internalsOf(connection)._command;
    if (command && !stream.destroyed) command.prependOnceListener("end", later);
    else end();
  };
  const later = (): void => queueMicrotask(look);
  if (!internalsOf(connection)._command) return then();
  stream.once("close", end);
  later();
}
