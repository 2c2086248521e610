/**
 * Stands between a connection of the driver and its user, and between it and its socket, and
 * tells of all that passes there: what is given, what has been sent, and what comes back.
 */

import { strangeDemand } from "./infile.ts";
import type { DriverCommand, DriverInternals, Packet } from "./internals.ts";
import { isNonsense, nonsense, unreadable } from "./nonsense.ts";
import { holdBack, isOutOfOrder } from "./order.ts";
import { isRow } from "./status.ts";
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

/** Tells of the commands that a connection is given. */
export function watchCommands(driver: DriverInternals, watcher: Watcher): void {
  const { query, execute, changeUser, reset, addCommand } = driver;
  let [text, code, isOfExecute]: [string | undefined, string | undefined, boolean] = [
    undefined,
    undefined,
    false,
  ];
  // Tracers that the driver was handed to go by how many arguments there are.
  driver.query = (...args) => {
    text = textOf(args[0]);
    const isTemplate = watcher.reading.isTemplate(text, args[1]) &&
      watcher.reading.isTemplate(text, valuesOf(args[0]));
    code = isTemplate ? text : undefined;
    try {
      return query.apply(driver, args);
    } finally {
      text = code = undefined;
    }
  };
  driver.execute = (...args) => {
    isOfExecute = true;
    try {
      return execute.apply(driver, args);
    } finally {
      isOfExecute = false;
    }
  };
  driver.changeUser = (options, callback) => {
    watcher.wipe("changeUser");
    return changeUser.call(driver, options, callback);
  };
  driver.reset = (callback) => {
    watcher.wipe("reset");
    return reset.call(driver, callback);
  };
  // All that is sent goes through it, handles that are executed too.
  driver.addCommand = (command) => {
    if (watcher.isFirst) {
      driver._commands.unshift(command);
      return command;
    }
    watcher.take({ command, text, code, isOfExecute });
    return addCommand.call(driver, command);
  };
}

/**
 * Tells of what is sent and of the packets that come. `derailed` is called when the driver has
 * given up an answer in the middle, so that it would take the rest of it for the answer to the
 * next statement.
 */
export function watchPackets(
  driver: DriverInternals,
  watcher: Watcher,
  derailed: (error: Error) => void,
): void {
  const { handlePacket, _handleFatalError } = driver;
  /** Ends it with an error that the command at hand gets, whoever has sent that. */
  const refuse = (error: Error): void => {
    driver._handleFatalError(error);
    derailed(error);
  };
  /** The first byte of the packet that is being read. */
  let marker: number | undefined;
  driver.handlePacket = (packet) => {
    watcher.isAtRow = false;
    marker = undefined;
    const command = driver._command;
    if (packet === undefined) {
      handlePacket.call(driver, packet);
      // One that sends nothing has ended by now.
      if (command?.next && driver._command === command) watcher.begin(command);
      return;
    }
    // Packets that are held back come here again.
    if (driver._paused) return holdBack(packet, driver);
    if (isOutOfOrder(packet, driver)) {
      return refuse(nonsense("The server's packets came out of order"));
    }
    const demand = strangeDemand(packet, command);
    if (demand !== undefined) return refuse(demand);
    const mustGoOn = isRow(packet, command);
    if (!mustGoOn) watcher.read(packet, command);
    watcher.isAtRow = mustGoOn;
    marker = packet.buffer[packet.offset];
    handlePacket.call(driver, packet);
    watcher.isAtRow = false;
    marker = undefined;
    if (mustGoOn && driver._command !== command) {
      derailed(derailment("A row could not be read, so the rest of the answer cannot either"));
    }
  };
  driver._handleFatalError = (error) => {
    const isReading = marker !== undefined;
    const isServers = isReading && marker !== 0xff && isReadByDriver(driver);
    const told = isServers && !isNonsense(error) ? unreadable(error) : error;
    _handleFatalError.call(driver, told, isReading);
  };
}

/** Tells whether nobody's code but the driver's gets to see a packet before it has been read. */
function isReadByDriver({ authorized, _command }: DriverInternals): boolean {
  return _command?.onResult !== undefined || !authorized;
}

function textOf(sql: unknown): string {
  if (typeof sql === "string") return sql;
  const text = typeof sql === "object" && sql !== null && "sql" in sql ? sql.sql : undefined;
  return typeof text === "string" ? text : "";
}

function valuesOf(sql: unknown): unknown {
  return typeof sql === "object" && sql !== null && "values" in sql ? sql.values : undefined;
}

/** Returns an error that says that the session has to be ended on this side. */
function derailment(message: string): Error {
  return Object.assign(new Error(message), { code: "ECONNABORTED" });
}
