/**
 * What these faces use of mysql2 beyond what its types tell: all of it is named here, and the
 * tests of the faces hold each of it on a real server.
 */

import type { EventEmitter } from "node:events";
import mysql2, { type PoolConnection } from "mysql2";
import mysql2Promise from "mysql2/promise";

/** A callback of the driver. */
export type Answer = (error: unknown, ...results: unknown[]) => void;

/** What a connection is asked to do. */
export interface Command extends EventEmitter {
  /** Called with the answer; without it, events tell of it. */
  onResult?: ((...args: unknown[]) => unknown) | undefined;
}

/** A statement, sent as text. */
export interface QueryCommand extends Command {
  /** The options that it was given. */
  readonly _queryOptions: { rowsAsArray?: boolean | undefined };
  /** What opens a file that the server asks for. */
  _streamFactory: unknown;
}

/** A connection of the driver, without the overloads of its types. */
export interface Calls {
  /** Runs a statement as text. */
  query(...args: unknown[]): QueryCommand;
  /** Prepares a statement once and runs it. */
  execute(...args: unknown[]): Command;
  /** Puts a command behind those before it. */
  addCommand(command: Command): Command;
  /** Says farewell, behind the commands before it. */
  end(...args: unknown[]): Command | undefined;
  /** Ends it at once. */
  destroy(): void;
  /** Gives it back. */
  release(): void;
}

/** A connection of the driver, with what it does not document. */
export interface Internals extends Calls {
  /** What it was opened with. */
  readonly config: ConnectionConfig;
  /** What runs now. */
  readonly _command: Command | null | undefined;
  /** What waits behind it. */
  readonly _commands: { readonly length: number };
  /** Why nothing can be sent any more. */
  readonly _fatalError: Error | null;
  /** Why the socket closed. */
  readonly _protocolError: Error | null;
  /** What stands for `addCommand` once the connection has ended. */
  _addCommandClosedState(command: Command): Command;
  /** Its socket. */
  readonly stream: EventEmitter & { readonly destroyed: boolean };
  /** The name of the node of a cluster that it belongs to. */
  _clusterId?: string;
}

/** Options of a connection, as the driver keeps them, its defaults among them. */
export interface ConnectionConfig {
  readonly [option: string]: unknown;
  /** What the user logs in by; also what is asked for it. */
  readonly password: string | (() => string | Promise<string>) | undefined;
  /** Whether promises note the stack of who asked. */
  trace: boolean;
  /** Whether rows are arrays. */
  readonly rowsAsArray: boolean;
  /** What opens a file that the server asks for. */
  readonly infileStreamFactory: unknown;
  /** Whether objects become text when they are put into a statement. */
  readonly stringifyObjects: boolean;
  /** Where dates are at home. */
  readonly timezone: string;
  /** Whether the end of a leased connection is one. */
  readonly gracefulEnd: boolean;
}

/** What makes promises: the one of the language, or of a library. */
export type PromiseMaker = new <T>(
  executor: (
    resolve: (value: T | PromiseLike<T>) => void,
    reject: (error: unknown) => void,
  ) => void,
) => Promise<T>;

/** The driver's promise face of a pool. */
export interface DriverPromisePool extends EventEmitter {
  /** What makes its promises. */
  readonly Promise: PromiseMaker;
}

/** The driver's promise face of a connection of a pool, without the overloads of its types. */
export interface DriverPromiseConnection extends EventEmitter {
  /** Gives it back. */
  release(): void;
  /** Gives it back as well. */
  end(): Promise<void>;
  /** Ends it at once. */
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

/** The driver, as far as its types do not tell. */
export const hidden: Hidden = mysql2 as unknown as Hidden;

/** Its promise face, as far as its types do not tell. */
export const hiddenPromise: HiddenPromise = mysql2Promise as unknown as HiddenPromise;

/** Returns a connection with what the driver does not document. */
export function internalsOf(connection: PoolConnection): Internals {
  return connection as unknown as Internals;
}

/**
 * Calls `then` once a connection has nothing more to do, or has closed: at once, or in a later
 * task, as the driver may be amid what it does.
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
