/**
 * Everything that replaces methods of the driver's connection and of its inner objects. The order
 * decides which code sees what, so this file alone sets it; other modules offer the functions that
 * are called here. For each method, the steps in order, and why:
 *
 * - `query`: note the text; the driver's method, which puts values into the text.
 * - `execute`: mark the commands that it gives; the driver's method.
 * - `changeUser`, `reset`: note that the session is wiped; the driver's method. From then on the
 *   server reports nothing.
 * - `addCommand`: hide secrets; put the ping after an error before all waiting commands; note the
 *   command; the driver's method. So no code sees a secret, and no command goes before the ping.
 * - `handlePacket`: drop rows beyond the limit; refuse packets that are out of order, and requests
 *   for files that the statement does not name; note the packet; the driver's method. Nothing else
 *   reads a dropped row, and the driver does not end a connection whose packets are out of order.
 * - `_handleFatalError`: leave the session to the server; the driver's method, which destroys the
 *   socket.
 * - `_notifyError`: tell the commands without a callback; the driver's method, which forgets them.
 * - `_addCommandClosedState`: tell the command the reason. The driver's method gives none.
 * - `end`, `destroy`, `close`: note that the holder did it; the driver's method, which gives no
 *   reason.
 * - `startTLS`: the runtime's upgrade, or the driver's and a check of the other side; count the
 *   bytes that come, on the stream that decrypts.
 * - `push` of `largePacketParts`: limit packets; where packets are compressed, read such a frame by
 *   itself.
 *
 * {@linkcode upgradeBy} or {@linkcode lookAfterUpgrade} comes before {@linkcode patchDriver};
 * {@linkcode shutGate} and {@linkcode keepStream} last for a while. Other modules, such as
 * commands.ts and prepared.ts, change the commands and handles that the driver makes for
 * statements.
 */

import { strangeDemand } from "./infile.ts";
import type { End, Hooks, Limit, Watcher } from "./mysql2_hooks.ts";
import type { DriverInternals, LiveCommand, Packet } from "./mysql2_internals.ts";
import { isProtocolError, protocolError, unreadable } from "./errors.ts";
import { holdBack, isOutOfOrder, readAlone } from "./order.ts";
import { hideSecrets, hideSecretsOf } from "./redact.ts";
import { isRow } from "./status.ts";
import { isOwnExecute } from "./prepared.ts";

/**
 * Replaces the methods of a connection. Returns a function that tells whether other code wraps the
 * driver's own `execute`.
 */
export function patchDriver(driver: DriverInternals, hooks: Hooks): () => boolean {
  const { watcher, end, limit } = hooks;
  hideSecrets(driver);
  patchEnds(driver, end);
  patchWipes(driver, watcher);
  const isHooked = patchStatements(driver, watcher);
  patchPackets(driver, hooks);
  patchLogin(driver, hooks.countLogin);
  limitParts(driver.packetParser, limit);
  driver.once("connect", () => {
    if (driver._inflatedPacketsParser === undefined) return;
    limitParts(driver._inflatedPacketsParser, limit);
    driver.packetParser.largePacketParts.push = (body) => {
      readAlone(driver, body);
      return 0;
    };
  });
  return isHooked;
}

/** Every command goes through `addCommand`, even the execution of a handle. */
function patchStatements(driver: DriverInternals, watcher: Watcher): () => boolean {
  const { query, execute, addCommand } = driver;
  let text: string | undefined;
  let code: string | undefined;
  let isOfExecute = false;
  // Tracers that wrap the driver go by the number of arguments.
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
  const watched: typeof execute = (...args) => {
    isOfExecute = true;
    try {
      return execute.apply(driver, args);
    } finally {
      isOfExecute = false;
    }
  };
  driver.execute = watched;
  driver.addCommand = (command) => {
    hideSecretsOf(command);
    if (watcher.isFirst) {
      driver._commands.unshift(command);
      return command;
    }
    watcher.take({ command, text, code, isOfExecute });
    return addCommand.call(driver, command);
  };
  const isOwn = isOwnExecute(execute);
  return () => !isOwn || driver.execute !== watched;
}

function patchWipes(driver: DriverInternals, watcher: Watcher): void {
  const { changeUser, reset } = driver;
  driver.changeUser = (options, callback) => {
    watcher.wipe("changeUser");
    return changeUser.call(driver, options, callback);
  };
  driver.reset = (callback) => {
    watcher.wipe("reset");
    return reset.call(driver, callback);
  };
}

function patchPackets(driver: DriverInternals, { watcher, end, limit }: Hooks): void {
  const { handlePacket, _handleFatalError } = driver;
  /** Ends the connection with an error, which the running command gets. */
  const refuse = (error: Error): void => {
    driver._handleFatalError(error);
    end.onDesync(error);
  };
  /** The first byte of the packet that is being read. */
  let marker: number | undefined;
  const pass = (packet: Packet | undefined): void => {
    watcher.isAtRow = false;
    marker = undefined;
    const command = driver._command;
    if (packet === undefined) {
      handlePacket.call(driver, packet);
      // A command that sends nothing has ended by now.
      if (command?.next && driver._command === command) watcher.begin(command);
      return;
    }
    // The driver passes the packets that it holds back to this function again.
    if (driver._paused) return holdBack(packet, driver);
    if (isOutOfOrder(packet, driver)) {
      return refuse(protocolError("The server's packets came out of order"));
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
      end.onDesync(desyncError("A row could not be read, so the rest of the answer cannot either"));
    }
  };
  driver.handlePacket = (packet) => {
    if (packet !== undefined && !driver._paused && limit.passesOver(packet)) return;
    pass(packet);
    limit.forget();
  };
  driver._handleFatalError = (error) => {
    const isReading = marker !== undefined;
    const isServers = isReading && marker !== 0xff && isReadByDriver(driver);
    end.onFatalError(isReading);
    const isUnreadable = isServers && !isProtocolError(error);
    _handleFatalError.call(driver, isUnreadable ? unreadable(error) : error);
  };
}

function patchEnds(driver: DriverInternals, end: End): void {
  const { _notifyError } = driver;
  driver._notifyError = (error) => {
    if (driver._fatalError !== null) return;
    end.onNotify(error);
    _notifyError.call(driver, error);
    driver._command = null;
  };
  driver._addCommandClosedState = (command) => {
    end.refuse(command);
    return command;
  };
  for (const name of ["end", "destroy", "close"] as const) {
    const call = driver[name].bind(driver);
    driver[name] = (...args: unknown[]): unknown => {
      end.onHolderEnd(name);
      return call(...args);
    };
  }
}

function patchLogin(driver: DriverInternals, count: (chunk: Uint8Array) => void): void {
  const { startTLS } = driver;
  driver.startTLS = (done) => {
    startTLS.call(driver, done);
    // The driver has replaced the first stream by another.
    if (!driver.stream.listeners("data").includes(count)) driver.stream.on("data", count);
  };
  driver.stream.on("data", count);
  driver.once("connect", () => driver.stream.off("data", count));
}

/** Limits packets that come in parts; keeps no part beyond the limit. */
function limitParts(
  { largePacketParts: parts }: DriverInternals["packetParser"],
  limit: Limit,
): void {
  let bytes = 0;
  parts.push = (part) => {
    bytes = part.length + (parts.length === 0 ? 0 : bytes);
    if (!limit.exceedsBy(bytes)) return Array.prototype.push.call(parts, part);
    parts.length = 0;
    return 0;
  };
}

/** Makes the stream itself upgrade a connection to TLS. */
export function upgradeBy(driver: DriverInternals, upgrade: () => Promise<void>): void {
  driver.startTLS = (done) => {
    upgrade().then(() => done(), done);
  };
}

/**
 * Makes the driver upgrade a connection to TLS, and fail with the error that `look` returns then.
 */
export function lookAfterUpgrade(driver: DriverInternals, look: () => Error | undefined): void {
  const upgrade = driver.startTLS.bind(driver);
  driver.startTLS = (done) => {
    upgrade((error) => done(error || look()));
  };
}

/** Makes a connection hand each new command to `refuse`; returns a function that ends this. */
export function shutGate(
  driver: DriverInternals,
  refuse: (command: LiveCommand) => void,
): () => void {
  const { addCommand } = driver;
  const refusing = (command: LiveCommand): LiveCommand => {
    refuse(command);
    return command;
  };
  driver.addCommand = refusing;
  return () => {
    // If the connection has ended meanwhile, the driver has replaced `addCommand`.
    if (driver.addCommand === refusing) driver.addCommand = addCommand;
  };
}

/**
 * Keeps the driver, which is about to destroy its stream, from doing so until the next microtask.
 */
export function keepStream({ stream }: DriverInternals): void {
  const { destroy } = stream;
  stream.destroy = () => stream;
  queueMicrotask(() => stream.destroy = destroy);
}

/** Tells whether only the driver's code sees a packet before the driver has read it. */
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

/** Returns an error for a session that this side has to end. */
function desyncError(message: string): Error {
  return Object.assign(new Error(message), { code: "ECONNABORTED" });
}
