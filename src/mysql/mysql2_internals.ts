/**
 * Everything that this package uses of mysql2 beyond its documentation. Tests on a real server
 * cover each item, so that a change in mysql2 does not go unnoticed.
 */

import type { EventEmitter } from "node:events";
import type { Connection } from "mysql2";
import type { SocketStream } from "../port/socket.ts";

/** A packet from the server; the driver uses the same object for the next packet. */
export interface Packet {
  /** The buffer that contains it. */
  readonly buffer: Uint8Array;
  /** Where its payload begins. */
  readonly offset: number;
  /** Where it ends. */
  readonly end: number;
  /** Its sequence number. */
  readonly sequenceId: number;
  /** How many wire packets it consists of: a packet of more than 16 MB comes in several. */
  numPackets: number;
  /** Returns a copy that the driver does not reuse, and that counts as one wire packet. */
  clone(): Packet;
}

/** A frame of the compressed protocol. */
export interface Frame {
  /** Returns the length of its content once inflated, 0 if the content is not compressed. */
  readInt24(): number;
  /** Returns its content. */
  readBuffer(): Uint8Array;
  /** How many wire frames it consists of. */
  readonly numPackets: number;
}

/** A command of the driver. By the method in `next`, it shows which packet it expects. */
export interface DriverCommand {
  /** The method that gets the next packet. */
  readonly next: unknown;
  /** The method that gets the first packet of an answer. */
  readonly resultsetHeader?: unknown;
  /** The method that gets the answer to a file that was sent. */
  infileOk?: unknown;
  /** The method that gets a row. */
  readonly row?: unknown;
  /** The text of a statement, with its values. */
  readonly sql?: string;
  /** The text of a statement that is prepared. */
  readonly query?: string;
  /** The id of the prepared statement that the command closes or prepares. */
  readonly id?: number;
  /** The prepared statement that the command executes. */
  readonly statement?: PreparedHandle;
  /** The method that gets the answer to a prepare. */
  readonly prepareHeader?: unknown;
  /** The method that gets the answer to a ping. */
  readonly pingResponse?: unknown;
  /** The method that gets the answer to a reset. */
  readonly resetConnectionResponse?: unknown;
  /** The method that gets the answer to a login. */
  readonly handshakeResult?: unknown;
  /** Begins the command; returns the method that gets the first packet of its answer. */
  start?(...args: never[]): unknown;
  /** Its options; once it has begun, they include those of its connection. */
  readonly options?: SecretOptions;
  /** The callback that gets the answer; without it, the command reports by events. */
  onResult?: unknown;
  /** The collected rows, one array for each result. */
  readonly _rows?: unknown[];
  /** Opens the stream of a local file that the server asks for. */
  _streamFactory?: StreamFactory;
  /** The rows of the result that the driver is reading. */
  readonly _currentRows?: unknown[] | null;
  /** The options of a statement that the driver sends as text. */
  readonly _queryOptions?: { readonly maxResultBytes?: number };
  /** The options of a prepared statement. */
  readonly _executeOptions?: { readonly maxResultBytes?: number };
}

/** Opens the stream of a local file, by the path that a statement names. */
export type StreamFactory = (path: string) => unknown;

/** The secrets in the options of a connection and in its login command. */
export interface SecretOptions {
  /** The password, or the first of several. */
  password?: unknown;
  /** The same password by another name. */
  password1?: unknown;
  /** The second password. */
  password2?: unknown;
  /** The third password. */
  password3?: unknown;
  /** The hash of the password. */
  passwordSha1?: unknown;
  /** The options of TLS, with keys. */
  ssl?: unknown;
}

/** The driver's handle of a prepared statement. */
export interface PreparedHandle {
  /** The id that the server gave it. */
  readonly id: number;
  /** Its text. */
  readonly query: string;
  /** Makes the server execute it; does not check the values. */
  execute(values: unknown, callback: unknown): DriverCommand;
  /** Makes the server forget it. */
  close(): unknown;
}

/** A connection's cache of prepared statements; it closes the statements that it evicts. */
export interface PreparedCache {
  /** How many statements it contains. */
  readonly size: number;
  /**
   * Returns a handle, which then counts as used; the cache evicts the least recently used first.
   */
  get(key: string): PreparedHandle | undefined;
  /** Returns all handles. */
  values(): Iterable<PreparedHandle>;
  /** Evicts all handles. */
  clear(): void;
}

/** A command that runs on a connection, or waits there. */
export interface LiveCommand extends DriverCommand, EventEmitter {
  /** The callback that gets the answer; without it, the command reports by events. */
  onResult?: ((...args: unknown[]) => unknown) | undefined;
  /** The timer of the timeout that the caller gave the driver. */
  queryTimeout?: ReturnType<typeof setTimeout> | null;
}

/** The methods of a connection that give it commands or end it, without their overloads. */
export interface DriverCalls {
  /** Runs a statement as text. */
  query(sql: unknown, values?: unknown, callback?: unknown): DriverCommand;
  /** Prepares a statement once and runs it. */
  execute(sql: unknown, values?: unknown, callback?: unknown): DriverCommand;
  /** Prepares a statement. */
  prepare(sql: unknown, callback?: unknown): unknown;
  /** Closes a prepared statement and drops it from the cache; returns it, if there was one. */
  unprepare(sql: unknown): unknown;
  /** Logs in anew on the same socket (COM_CHANGE_USER). */
  changeUser(options: unknown, callback?: unknown): unknown;
  /** Resets the session (COM_RESET_CONNECTION). */
  reset(callback?: unknown): unknown;
  /** Asks whether the server is there. */
  ping(callback?: unknown): unknown;
  /** Begins a command once those before it have ended; every command goes through it. */
  addCommand(command: DriverCommand): unknown;
  /** Ends the connection with COM_QUIT. */
  end(...args: unknown[]): unknown;
  /** Ends the connection without COM_QUIT. */
  destroy(...args: unknown[]): void;
  /** Ends the connection without COM_QUIT; `destroy` calls it. */
  close(...args: unknown[]): void;
}

/** The options of a connection, as the driver keeps them. */
export interface DriverConfig {
  /** The user who is logged in. */
  user: string | undefined;
  /** The password. */
  password: string | undefined;
  /** The password of the second factor. */
  password2: string | undefined;
  /** The password of the third factor. */
  password3: string | undefined;
  /** The digest of the password, instead of the password. */
  passwordSha1: string | undefined;
  /** The database that was chosen at login. */
  database: string | undefined;
  /** The number of the collation that was named at login; statements overwrite it. */
  charsetNumber: number;
  /** The flags that its login had. */
  readonly clientFlags: number;
  /** A function that puts values into a statement in place of the driver's own. */
  readonly queryFormat?: unknown;
  /** A function that converts what the server sends, in place of the driver's own. */
  readonly typeCast?: unknown;
  /** The function that opens a file for the server. */
  readonly infileStreamFactory?: unknown;
  /** The options of TLS, also if the caller named a profile; nothing without TLS. */
  ssl?: Readonly<Record<string, unknown>> | undefined;
}

/** The methods for events that this package uses beyond the driver's types. */
type Listening = "eventNames" | "once" | "rawListeners";

/** A connection of the driver, with its undocumented members. */
export interface DriverInternals extends DriverCalls, Pick<EventEmitter, Listening> {
  /** Its options. */
  readonly config: DriverConfig;
  /** Its socket; after an upgrade to TLS, the stream that decrypts. */
  stream: SocketStream;
  /** The thread id that the server gave it. */
  readonly threadId: number;
  /** The command that runs. */
  _command: LiveCommand | null | undefined;
  /** The commands that wait behind it. */
  readonly _commands: {
    readonly length: number;
    get(index: number): LiveCommand | undefined;
    shift(): LiveCommand | undefined;
    unshift(command: DriverCommand): unknown;
  };
  /** The prepared statements. */
  readonly _statements: PreparedCache;
  /** Whether the driver holds packets back, to hand them over later. */
  readonly _paused: boolean;
  /** The packets that are held back. */
  readonly _paused_packets: { push(packet: Packet): void };
  /** Why the driver can send nothing any more. */
  readonly _fatalError: Error | null;
  /** Why the socket closed. */
  readonly _protocolError: Error | null;
  /** The sequence number that the next packet must have. */
  sequenceId: number;
  /** The sequence number of the next compressed frame. */
  readonly compressedSequenceId: number;
  /** Reads packets, or frames where packets are compressed; keeps the parts of a long one. */
  readonly packetParser: { readonly largePacketParts: Uint8Array[] };
  /** Reads a frame. */
  _handleCompressedPacket?(frame: Frame): void;
  /** Reads packets out of frames, where packets are compressed. */
  readonly _inflatedPacketsParser?: { readonly largePacketParts: Uint8Array[] };
  /** The server's greeting. */
  readonly _handshakePacket?: {
    readonly serverVersion?: string;
    readonly capabilityFlags?: number;
  } | null;
  /** Whether the server says that it is MariaDB. */
  readonly _isMariaDB: boolean;
  /** Whether the server has let the client in. */
  readonly authorized: boolean;
  /**
   * Upgrades the socket to TLS; the driver calls it right after it has asked the server for TLS.
   */
  startTLS(done: (error?: unknown) => void): void;
  /** Gets each packet from the server; called without a packet, it lets a command begin. */
  handlePacket(packet?: Packet): void;
  /** Ends the connection with an error of its socket, or one thrown while it read a packet. */
  _handleFatalError(error: unknown): void;
  /** Tells the commands that have a callback why they fail, and forgets all commands. */
  _notifyError(error: unknown): void;
  /** Adds a command behind those before it. */
  addCommand(command: LiveCommand): LiveCommand;
  /** Takes the place of `addCommand` once the connection has ended. */
  _addCommandClosedState(command: LiveCommand): LiveCommand;
  /** Hands over the packets held back, and reads on. */
  resume(): void;
}

/** The class of a connection of the driver. */
export interface DriverClass {
  /** Returns the key of a statement in the cache of prepared statements. */
  statementKey(options: { readonly sql: string }): string;
  /** Returns the command that runs a statement as text. */
  createQuery(
    sql: unknown,
    values: unknown,
    callback: unknown,
    config: DriverConfig,
  ): DriverCommand;
}

/** Returns the class of a connection. */
export function driverClassOf(driver: DriverInternals): DriverClass {
  return driver.constructor as unknown as DriverClass;
}

/** Returns a connection with its undocumented members. */
export function internalsOf(driver: Connection): DriverInternals {
  return driver as unknown as DriverInternals;
}

/** Returns a promise for an answer that the driver gives to a callback. */
export function answered(ask: (answer: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => ask((error) => error ? reject(error) : resolve()));
}
