/** What is called in the place of the driver's own methods: types only. */

import type { DriverCommand, LiveCommand, Packet } from "./mysql2_internals.ts";
import type { TextReading } from "./text_reading.ts";

/** A command that a connection is given. */
export interface Taken {
  /** The driver's command. */
  readonly command: DriverCommand;
  /** The text of a statement before values were put into it; undefined if there were none. */
  readonly text: string | undefined;
  /** The same, if the values became literals; else undefined, as they may be code. */
  readonly code: string | undefined;
  /** Whether it only prepares what the driver then executes by itself. */
  readonly isOfExecute: boolean;
}

/** Gets to know what passes. */
export interface Watcher {
  /** Whether the command that is being given goes before all that waits. */
  readonly isFirst: boolean;
  /** How its server reads texts. */
  readonly reading: TextReading;
  /** Whether a row is being read. */
  isAtRow: boolean;
  /** A command is given. */
  take(taken: Taken): void;
  /** The user of the driver gives a reset or a new login. */
  wipe(by: "reset" | "changeUser"): void;
  /** A command has been sent. */
  begin(command: DriverCommand): void;
  /** A packet that is no row is about to be read by the command that it answers. */
  read(packet: Packet, command: DriverCommand | null | undefined): void;
}

/** Sees to the end of a session. */
export interface End {
  /** The driver gives up the connection, maybe while it reads a packet. */
  onFatalError(isReading: boolean): void;
  /** The driver is about to tell commands why they fail, and forgets all. */
  onNotify(error: unknown): void;
  /** A command is given to a connection that has ended. */
  refuse(command: LiveCommand): void;
  /** The holder ends the connection. */
  onHolderEnd(by: "end" | "destroy" | "close"): void;
  /**
   * The driver has given up an answer in the middle, so that it would take the rest of it for the
   * answer to the next statement.
   */
  onDesync(error: Error): void;
}

/** Limits what answers may bring. */
export interface Limit {
  /** Counts a packet; tells whether the driver is not to get it. */
  passesOver(packet: Packet): boolean;
  /** Counts a part of a packet that takes several; tells whether they exceed the limit. */
  exceedsBy(bytes: number): boolean;
  /** Keeps nothing of a statement that has ended. */
  forget(): void;
}

/** What is called in the place of the driver's own methods. */
export interface Hooks {
  /** Gets to know what passes. */
  readonly watcher: Watcher;
  /** Sees to the end of the session. */
  readonly end: End;
  /** Limits what answers may bring. */
  readonly limit: Limit;
  /** Gets what comes from a server that has not let the client in yet. */
  countLogin(chunk: Uint8Array): void;
}
