/**
 * All that stands in the place of methods of the driver's connection, and of what it is made of.
 * The order decides who sees what, so it is set in this file alone; other modules offer what is
 * called here. From first to last, and why:
 *
 * - `query`, `execute`: note the text; the driver's. It puts values into the text.
 * - `changeUser`, `reset`: note that the session is wiped; the driver's. From then on the server
 *   reports nothing.
 * - `addCommand`: hide secrets; send the question after an error before all that waits; note the
 *   command; the driver's. Nobody sees a secret, and nothing is sent before that is answered.
 * - `handlePacket`: pass over rows beyond the limit; refuse what is out of order, and demands of
 *   files; note the packet; the driver's. A row that is passed over has no other reader, and the
 *   driver does not end what it finds out of order.
 * - `_handleFatalError`: leave the session to the server; the driver's, which destroys the socket.
 * - `_notifyError`: tell the commands without a callback; the driver's, which forgets them.
 * - `_addCommandClosedState`: tell the command why. The driver's tells no reason.
 * - `end`, `destroy`, `close`: note that the holder did it; the driver's, which tells no reason.
 * - `startTLS`: the runtime's, or the driver's and a look at the other side; count what comes, by
 *   the stream that decrypts.
 * - `push` of `largePacketParts`: limit packets; where packets are compressed, read frames alone.
 *
 * {@linkcode upgradeBy} or {@linkcode lookAfterUpgrade} comes before {@linkcode patchDriver};
 * {@linkcode shutGate} and {@linkcode keepStream} last for a while. Commands and handles, which the
 * driver makes for statements, are changed where the reason is: commands.ts, prepared.ts.
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
 * Puts all in the place of a connection's own methods. Returns what tells whether code of others
 * stands before the driver's own `execute`.
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

/** All that is sent goes through `addCommand`, handles that are executed too. */
function patchStatements(driver: DriverInternals, watcher: Watcher): () => boolean {
  const { query, execute, addCommand } = driver;
  let text: string | undefined;
  let code: string | undefined;
  let isOfExecute = false;
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
  /** Ends it with an error that the command at hand gets, whoever has sent that. */
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
      // One that sends nothing has ended by now.
      if (command?.next && driver._command === command) watcher.begin(command);
      return;
    }
    // Packets that are held back come here again.
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
    _handleFatalError.call(
      driver,
      isServers && !isProtocolError(error) ? unreadable(error) : error,
    );
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
    // The driver has put another stream in the place of the first.
    if (!driver.stream.listeners("data").includes(count)) driver.stream.on("data", count);
  };
  driver.stream.on("data", count);
  driver.once("connect", () => driver.stream.off("data", count));
}

/** Limits the parts of packets that take several; parts beyond the limit are not kept. */
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

/** Has a connection upgraded to TLS by the stream itself. */
export function upgradeBy(driver: DriverInternals, upgrade: () => Promise<void>): void {
  driver.startTLS = (done) => {
    upgrade().then(() => done(), done);
  };
}

/** Has the driver upgrade a connection to TLS, and fail with what `look` finds to be wrong then. */
export function lookAfterUpgrade(driver: DriverInternals, look: () => Error | undefined): void {
  const upgrade = driver.startTLS.bind(driver);
  driver.startTLS = (done) => {
    upgrade((error) => done(error || look()));
  };
}

/** Has a connection take no command, but hand each to `refuse`; returns what ends that. */
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
    // Where the connection has ended meanwhile, the driver has put something else there.
    if (driver.addCommand === refusing) driver.addCommand = addCommand;
  };
}

/** Keeps the driver, which is about to destroy its stream, from doing so in this turn. */
export function keepStream({ stream }: DriverInternals): void {
  const { destroy } = stream;
  stream.destroy = () => stream;
  queueMicrotask(() => stream.destroy = destroy);
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
function desyncError(message: string): Error {
  return Object.assign(new Error(message), { code: "ECONNABORTED" });
}
