/**
 * What has been seen of a session: a witness stands between the driver and its user, and
 * between the driver and its socket, so that it sees statements that others send as well.
 *
 * It never asks the server anything. What it has not been told for certain it takes to be so.
 */

import { classOf, type Make } from "./errors.ts";
import type { DriverCommand, DriverInternals, Packet } from "./internals.ts";
import { isNonsense, nonsense, unreadable } from "./nonsense.ts";
import { countsRows, effectOf } from "./statement.ts";
import {
  AUTOCOMMIT,
  CHANGED,
  ECHO,
  IN_TRANSACTION,
  isRow,
  MOVED,
  readError,
  readStatus,
  UNTOLD,
} from "./status.ts";

/** Watches one connection of the driver. */
export class Witness {
  /** Whether the server reports changes of state; else whatever ran may have left some. */
  canTell = true;
  /** How many answers have left something to ask for. */
  echoCount = 0;
  /** How many statements it was given. */
  statementCount = 0;
  /** How many of them may have become permanent. */
  permanentCount = 0;
  /** How many answers may have set what LAST_INSERT_ID() returns. */
  idCount = 0;
  /** The statement at which the last transaction ended. */
  transactionEndedBy: string | undefined;
  #flags = AUTOCOMMIT;
  #flagsAtHome = AUTOCOMMIT;
  #isChanged = false;
  #isMoved = false;
  #isUnsure = false;
  #hasRun = false;
  #isTold = false;
  #isUnfit = false;
  #isAtRow = false;

  /**
   * Begins to watch. `derailed` is called when the driver has given up an answer in the
   * middle, so that it would take the rest of it for the answer to the next statement.
   */
  constructor(driver: DriverInternals, derailed: (error: Error) => void) {
    this.#watchStatements(driver);
    this.#watchPackets(driver, derailed);
  }

  /** A number of the transaction that is open, 0 if none is. */
  get transaction(): number {
    return this.isInTransaction ? 1 : 0;
  }

  /** Whether a transaction is open. */
  get isInTransaction(): boolean {
    return (this.#flags & IN_TRANSACTION) !== 0;
  }

  /** Whether there is state, other than a transaction, that belongs to this session alone. */
  get isChanged(): boolean {
    return this.#isChanged || ((this.#flags ^ this.#flagsAtHome) & AUTOCOMMIT) !== 0;
  }

  /** Whether there may be state that a reset does not wipe: another role or current database. */
  get isMoved(): boolean {
    return this.#isMoved || !this.canTell && this.#hasRun;
  }

  /** Whether anything must be wiped before somebody else may have the session. */
  get isDirty(): boolean {
    return this.isInTransaction || this.isChanged || this.#isUnsure ||
      !this.canTell && this.#hasRun;
  }

  /** Whether the server has reported a change since the session was settled. */
  get isTold(): boolean {
    return this.#isTold;
  }

  /** Whether its server has said that it only reads, or is not ready: it is to be left. */
  get isUnfit(): boolean {
    return this.#isUnfit;
  }

  /** Whether it is a row that is being read at this moment. */
  get isAtRow(): boolean {
    return this.#isAtRow;
  }

  /** Takes the session as it is now to be as it should be. */
  settle(): void {
    this.#flagsAtHome = this.#flags;
    this.#isChanged = false;
    this.#isMoved = false;
    this.#isUnsure = false;
    this.#hasRun = false;
    this.#isTold = false;
  }

  #watchStatements(driver: DriverInternals): void {
    const { query, execute, prepare, changeUser, reset } = driver;
    // Tracers that the driver was handed to go by how many arguments there are.
    driver.query = (...args) => {
      const [sql, values] = args;
      const command = query.apply(driver, args);
      const isText = isLiteral(sql, values) && driver.config.queryFormat === undefined;
      this.#note(isText ? textOf(sql) : command.sql ?? textOf(sql));
      return command;
    };
    driver.execute = (...args) => {
      this.#note(textOf(args[0]));
      return execute.apply(driver, args);
    };
    driver.prepare = (sql, callback) => {
      this.#note(textOf(sql));
      return prepare.call(driver, sql, callback);
    };
    driver.changeUser = (options, callback) => {
      this.#isChanged = true;
      this.#isMoved = true;
      return changeUser.call(driver, options, callback);
    };
    // It takes away what a session begins with, and session tracking with that.
    driver.reset = (callback) => {
      this.#isChanged = true;
      return reset.call(driver, callback);
    };
  }

  #note(sql: string): void {
    this.#hasRun = true;
    this.statementCount++;
    if (countsRows(sql)) this.echoCount++;
    const effect = effectOf(sql);
    if (effect === "none") return;
    this.#isChanged = true;
    if (effect === "identity") this.#isMoved = true;
  }

  #watchPackets(driver: DriverInternals, derailed: (error: Error) => void): void {
    const { handlePacket, _handleFatalError } = driver;
    /** The first byte of the packet that is being read. */
    let marker: number | undefined;
    driver.handlePacket = (packet) => {
      this.#isAtRow = false;
      marker = undefined;
      // Packets that are held back come here again.
      if (packet === undefined || driver._paused) return handlePacket.call(driver, packet);
      if (isOutOfOrder(packet, driver)) {
        return derailed(nonsense("The server's packets came out of order"));
      }
      const command = driver._command;
      const mustGoOn = isRow(packet, command);
      if (!mustGoOn) this.#read(packet, command, driver._isMariaDB ? "mariadb" : "mysql");
      this.#isAtRow = mustGoOn;
      marker = packet.buffer[packet.offset];
      handlePacket.call(driver, packet);
      this.#isAtRow = false;
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

  #read(packet: Packet, command: DriverCommand | null | undefined, make: Make): void {
    const status = readStatus(packet, command);
    if (status === UNTOLD) return this.#readError(packet, make);
    this.#flags = status;
    this.#isUnsure = false;
    if ((status & ECHO) !== 0) this.echoCount++;
    if ((status & CHANGED) !== 0) this.#isChanged = this.#isTold = true;
    if ((status & MOVED) !== 0) this.#isMoved = true;
  }

  /** An error comes without flags. Some say that there is no transaction any more. */
  #readError(packet: Packet, make: Make): void {
    const error = readError(packet);
    if (error === undefined) return;
    this.echoCount++;
    const { isRolledBack, plight } = classOf(error, make);
    if (plight !== undefined) this.#isUnfit = true;
    if (!isRolledBack) return;
    this.#flags &= ~IN_TRANSACTION;
    this.#isUnsure = true;
  }
}

/** An error may come at any time: that of a server which ends an idle session answers nothing. */
function isOutOfOrder({ buffer, offset, sequenceId }: Packet, driver: DriverInternals): boolean {
  return sequenceId !== driver.sequenceId && buffer[offset] !== 0xff;
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

/** Tells whether values become literals, which cannot call anything, when put into the text. */
function isLiteral(sql: unknown, values: unknown): boolean {
  if (typeof sql === "string") return isLiteralList(values);
  return isLiteralList(values) &&
    (typeof sql !== "object" || sql === null || !("values" in sql) || isLiteralList(sql.values));
}

function isLiteralList(values: unknown): boolean {
  if (typeof values !== "object" || values === null) return true;
  if (isLiteralObject(values)) return true;
  for (const value of Array.isArray(values) ? values : Object.values(values)) {
    if (typeof value === "object" && value !== null && !isLiteralObject(value)) return false;
  }
  return true;
}

function isLiteralObject(value: object): boolean {
  return value instanceof Date || ArrayBuffer.isView(value);
}

/** Returns an error that says that the session has to be ended on this side. */
function derailment(message: string): Error {
  return Object.assign(new Error(message), { code: "ECONNABORTED" });
}
