/** Types of the hooks that run in place of the driver's own methods. */

import type { DriverCommand, LiveCommand, Packet } from "./mysql2_internals.ts";
import type { TextReading } from "./text_reading.ts";

/** A command that a connection gets. */
export interface Taken {
  /** The driver's command. */
  readonly command: DriverCommand;
  /**
   * The text that the driver's `query` got, before it put values in; undefined for other commands.
   */
  readonly text: string | undefined;
  /** The same text, if all values became literals or names; else undefined, as they may be code. */
  readonly code: string | undefined;
  /**
   * Whether the driver's `execute` gives the command; if so, a prepare is for the driver's own use.
   */
  readonly isOfExecute: boolean;
}

/** Watches the commands and packets of a connection. */
export interface Watcher {
  /** Whether the command that is being given goes before all waiting commands. */
  readonly isFirst: boolean;
  /** How the server reads texts. */
  readonly reading: TextReading;
  /** Whether the driver is reading a row. */
  isAtRow: boolean;
  /** Called when the connection gets a command. */
  take(taken: Taken): void;
  /** Called when a holder or the pool asks the driver for a reset or a new login. */
  wipe(by: "reset" | "changeUser"): void;
  /** Called when a command has been sent. */
  begin(command: DriverCommand): void;
  /** Called before a command reads a packet that is not a row. */
  read(packet: Packet, command: DriverCommand | null | undefined): void;
}

/** Handles the end of a session. */
export interface End {
  /** Called when the driver gives up the connection, maybe while it reads a packet. */
  onFatalError(isReading: boolean): void;
  /** Called before the driver tells its commands why they fail, and forgets them. */
  onNotify(error: unknown): void;
  /** Called for a command that comes after the connection has ended. */
  refuse(command: LiveCommand): void;
  /** Called when the holder ends the connection. */
  onHolderEnd(by: "end" | "destroy" | "close"): void;
  /**
   * Called when the driver is out of step with the server, so that it would take the rest of one
   * answer for the answer to the next statement.
   */
  onDesync(error: Error): void;
}

/** Limits the size of answers. */
export interface Limit {
  /** Counts a packet; tells whether the driver must not get it. */
  passesOver(packet: Packet): boolean;
  /** Tells whether a packet that comes in parts, of which `bytes` have come, exceeds the limit. */
  exceedsBy(bytes: number): boolean;
  /** Forgets a statement that has ended. */
  forget(): void;
}

/** The hooks that run in place of the driver's own methods. */
export interface Hooks {
  /** Watches the commands and packets of the connection. */
  readonly watcher: Watcher;
  /** Handles the end of the session. */
  readonly end: End;
  /** Limits the size of answers. */
  readonly limit: Limit;
  /** Gets the bytes that the server sends before it has let the client in. */
  countLogin(chunk: Uint8Array): void;
}
