/**
 * What this package uses of mysql2 beyond what mysql2 documents: all of it is named here, and
 * tests on a real server hold each of it, so that a mysql2 that changes it is noticed.
 */

import type { EventEmitter } from "node:events";
import type { Connection } from "mysql2";
import type { SocketStream } from "../port.ts";

/** A packet of the server; the same object is used for the next one. */
export interface Packet {
  /** The bytes it lies in. */
  readonly buffer: Uint8Array;
  /** Where its payload begins. */
  readonly offset: number;
  /** Where it ends. */
  readonly end: number;
  /** Its number in the exchange. */
  readonly sequenceId: number;
  /** How many packets of the wire it is made of: one of more than 16 MB comes in several. */
  numPackets: number;
  /** Returns a copy that stays as it is, and counts as one packet of the wire. */
  clone(): Packet;
}

/** A frame, in which compressed packets travel. */
export interface Frame {
  /** Returns how long its content is, 0 if that is not compressed. */
  readInt24(): number;
  /** Returns its content. */
  readBuffer(): Uint8Array;
  /** How many frames of the wire it is made of. */
  readonly numPackets: number;
}

/** What a command of the driver is at: the method that will get its next packet. */
export interface DriverCommand {
  /** The method that will get the next packet. */
  readonly next: unknown;
  /** The one that gets the first packet of an answer. */
  readonly resultsetHeader?: unknown;
  /** The one that gets the answer to a file that was sent. */
  infileOk?: unknown;
  /** The one that gets a row. */
  readonly row?: unknown;
  /** The text of a statement, its values put in. */
  readonly sql?: string;
  /** The text of a statement that is prepared. */
  readonly query?: string;
  /** The number of what is closed, or prepared. */
  readonly id?: number;
  /** What is executed: what the server has prepared. */
  readonly statement?: PreparedHandle;
  /** The one that gets the answer to a prepare. */
  readonly prepareHeader?: unknown;
  /** The one that gets the answer to a ping. */
  readonly pingResponse?: unknown;
  /** The one that gets the answer to a reset. */
  readonly resetConnectionResponse?: unknown;
  /** The one that gets the answer to a login. */
  readonly handshakeResult?: unknown;
  /** Begins it; what it returns gets the first packet of its answer. */
  start?(...args: never[]): unknown;
  /** Its own options, completed by those of its connection once it has begun. */
  readonly options?: SecretOptions;
  /** What gets the answer; without it the answer is told by events. */
  onResult?: unknown;
  /** The rows that were collected, by results. */
  readonly _rows?: unknown[];
  /** Those of the result that is being read. */
  readonly _currentRows?: unknown[] | null;
  /** The options of a statement that is sent as text. */
  readonly _queryOptions?: { readonly maxResultBytes?: number };
  /** The options of a statement that was prepared. */
  readonly _executeOptions?: { readonly maxResultBytes?: number };
}

/** The options of a connection, and what a login makes of them, that nobody else may see. */
export interface SecretOptions {
  /** The password, or the first of several. */
  password?: unknown;
  /** The same by another name. */
  password1?: unknown;
  /** The second. */
  password2?: unknown;
  /** The third. */
  password3?: unknown;
  /** The hash of the password. */
  passwordSha1?: unknown;
  /** The options of TLS, with keys. */
  ssl?: unknown;
}

/** What the server has prepared, as the driver keeps it. */
export interface PreparedHandle {
  /** The number that the server knows it by. */
  readonly id: number;
  /** Its text. */
  readonly query: string;
  /** Has the server execute it; looks at no value. */
  execute(values: unknown, callback: unknown): DriverCommand;
  /** Has the server forget it. */
  close(): unknown;
}

/** The statements that a connection keeps prepared; those that are thrown out are closed. */
export interface PreparedCache {
  /** How many there are. */
  readonly size: number;
  /** Returns one, which counts as used then: the one that was used least is thrown out first. */
  get(key: string): PreparedHandle | undefined;
  /** Returns them. */
  values(): Iterable<PreparedHandle>;
  /** Throws all out. */
  clear(): void;
}

/** A command that a connection has under way. */
export interface LiveCommand extends DriverCommand, EventEmitter {
  /** What gets the answer; without it the answer is told by events. */
  onResult?: ((...args: unknown[]) => unknown) | undefined;
  /** What ends it when the time is up that its caller gave the driver. */
  queryTimeout?: ReturnType<typeof setTimeout> | null;
}

/** The statement functions of a connection, without their overloads. */
export interface DriverCalls {
  /** Runs a statement as text. */
  query(sql: unknown, values?: unknown, callback?: unknown): DriverCommand;
  /** Prepares a statement once and runs it. */
  execute(sql: unknown, values?: unknown, callback?: unknown): DriverCommand;
  /** Prepares a statement. */
  prepare(sql: unknown, callback?: unknown): unknown;
  /** Forgets a statement that is prepared; returns it, if there was one. */
  unprepare(sql: unknown): unknown;
  /** Logs in anew on the same socket. */
  changeUser(options: unknown, callback?: unknown): unknown;
  /** Wipes the session. */
  reset(callback?: unknown): unknown;
  /** Asks whether the server is there. */
  ping(callback?: unknown): unknown;
  /** Begins a command once those before it have ended; all that is sent goes through it. */
  addCommand(command: DriverCommand): unknown;
  /** Says farewell. */
  end(...args: unknown[]): unknown;
  /** Ends the connection without farewell. */
  destroy(...args: unknown[]): void;
  /** Ends the connection without farewell; what `destroy` calls. */
  close(...args: unknown[]): void;
}

/** What a connection was opened with, as the driver keeps it. */
export interface DriverConfig {
  /** The user who is logged in. */
  user: string | undefined;
  /** The password. */
  password: string | undefined;
  /** The password of the second factor. */
  password2: string | undefined;
  /** The password of the third factor. */
  password3: string | undefined;
  /** The digest of the password, instead. */
  passwordSha1: string | undefined;
  /** The database that was chosen at login. */
  database: string | undefined;
  /** The number of the collation that was named at login; statements overwrite it. */
  charsetNumber: number;
  /** The flags that its login had. */
  readonly clientFlags: number;
  /** A function that puts values into a statement in place of the driver's own. */
  readonly queryFormat?: unknown;
  /** A function that makes values of what the server sends in place of the driver's own. */
  readonly typeCast?: unknown;
  /** What opens a file that the server asks for. */
  readonly infileStreamFactory?: unknown;
  /** What is asked of TLS, a profile's name put for its options; nothing is without TLS. */
  ssl?: Readonly<Record<string, unknown>> | undefined;
}

/** What is used of its events beyond its types. */
type Listening = "eventNames" | "once" | "rawListeners";

/** A connection of the driver, with what it does not document. */
export interface DriverInternals extends DriverCalls, Pick<EventEmitter, Listening> {
  /** Its options. */
  readonly config: DriverConfig;
  /** Its socket; after an upgrade to TLS the one that decrypts. */
  stream: SocketStream;
  /** The server's number of it. */
  readonly threadId: number;
  /** What runs now. */
  _command: LiveCommand | null | undefined;
  /** What waits behind it. */
  readonly _commands: {
    readonly length: number;
    get(index: number): LiveCommand | undefined;
    shift(): LiveCommand | undefined;
    unshift(command: DriverCommand): unknown;
  };
  /** The statements that are prepared. */
  readonly _statements: PreparedCache;
  /** Whether packets are held back, to be handed over later. */
  readonly _paused: boolean;
  /** The packets that are held back. */
  readonly _paused_packets: { push(packet: Packet): void };
  /** Why nothing can be sent any more. */
  readonly _fatalError: Error | null;
  /** Why the socket closed. */
  readonly _protocolError: Error | null;
  /** The number that the next packet of the exchange has to have. */
  sequenceId: number;
  /** The number of the next frame, in which compressed packets travel. */
  readonly compressedSequenceId: number;
  /** What reads frames, where packets are compressed; with the parts of a long one. */
  readonly packetParser: { readonly largePacketParts: Uint8Array[] };
  /** Reads a frame. */
  _handleCompressedPacket?(frame: Frame): void;
  /** What reads packets out of frames, where packets are compressed. */
  readonly _inflatedPacketsParser?: { readonly largePacketParts: Uint8Array[] };
  /** What the server said when it greeted. */
  readonly _handshakePacket?: { readonly serverVersion?: string } | null;
  /** Whether the server says that it is MariaDB. */
  readonly _isMariaDB: boolean;
  /** Whether the server has let it in. */
  readonly authorized: boolean;
  /** Upgrades the socket to TLS; called right after that was asked of the server. */
  startTLS(done: (error?: unknown) => void): void;
  /** Gets each packet of the server; called without one to let a command begin. */
  handlePacket(packet?: Packet): void;
  /** Ends it with an error of its socket, or with one that was thrown while it read a packet. */
  _handleFatalError(error: unknown): void;
  /** Tells the commands that have a callback why they fail, and forgets all. */
  _notifyError(error: unknown): void;
  /** Puts a command behind those before it. */
  addCommand(command: LiveCommand): LiveCommand;
  /** What stands for `addCommand` once the connection has ended. */
  _addCommandClosedState(command: LiveCommand): LiveCommand;
  /** Hands over the packets that were held back, and reads on. */
  resume(): void;
}

/** The class of a connection of the driver. */
export interface DriverClass {
  /** Returns the key of a statement in the cache of those that are prepared. */
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

/** Returns a connection with what the driver does not document. */
export function internalsOf(driver: Connection): DriverInternals {
  return driver as unknown as DriverInternals;
}

/** Returns a promise for what the driver answers by a callback. */
export function answered(ask: (answer: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => ask((error) => error ? reject(error) : resolve()));
}
