/**
 * What has been seen of a session: a witness stands between the driver and its user, and
 * between the driver and its socket, so that it sees statements that others send as well.
 *
 * It never asks the server anything. What it has not been told for certain it takes to be so.
 */

import { classOf, type Make } from "./errors.ts";
import { strangeDemand } from "./infile.ts";
import type { DriverCommand, DriverInternals, Packet } from "./internals.ts";
import { isNonsense, nonsense, unreadable } from "./nonsense.ts";
import { MODE_UNKNOWN } from "./lexer.ts";
import { holdBack, isOutOfOrder } from "./order.ts";
import { modeOf, readSqlMode } from "./sql_mode.ts";
import { type Analyser, analyserOf } from "./statement.ts";
import { areHarmless } from "./statement_values.ts";
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
  /** What reads the texts of statements: for its server, and its target. */
  analyser: Analyser = analyserOf("", []);
  /** Why only a new login wipes what was left, if that is so and known. */
  renewalReason: string | undefined;
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
  #sqlMode = MODE_UNKNOWN;
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

  /** How the server reads texts now, by the bits of lexer.ts. */
  get mode(): number {
    return modeOf(this.#sqlMode, this.#flags);
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
    return this.isInTransaction || this.isChanged || this.#isMoved || this.#isUnsure ||
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
    this.renewalReason = undefined;
  }

  #watchStatements(driver: DriverInternals): void {
    const { query, execute, prepare, changeUser, reset } = driver;
    // Tracers that the driver was handed to go by how many arguments there are.
    driver.query = (...args) => {
      const [sql, values] = args;
      const command = query.apply(driver, args);
      const text = textOf(sql);
      const isTemplate = driver.config.queryFormat === undefined &&
        areHarmless(text, values, this.mode) && areHarmless(text, valuesOf(sql), this.mode);
      this.#note(isTemplate ? text : command.sql ?? text);
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
      this.#sqlMode = MODE_UNKNOWN;
      return changeUser.call(driver, options, callback);
    };
    // It takes away what a session begins with, and session tracking with that.
    driver.reset = (callback) => {
      this.#isChanged = true;
      this.#sqlMode = MODE_UNKNOWN;
      return reset.call(driver, callback);
    };
  }

  #note(sql: string): void {
    this.#hasRun = true;
    this.statementCount++;
    const { effect, reason, countsRows, setsId } = this.analyser.analyse(sql, this.mode);
    if (countsRows) this.echoCount++;
    if (setsId) this.idCount++;
    if (effect === "none") return;
    if (effect !== "renewed") this.#isChanged = true;
    if (effect === "state") return;
    this.#isMoved = true;
    this.renewalReason ??= reason;
  }

  #watchPackets(driver: DriverInternals, derailed: (error: Error) => void): void {
    const { handlePacket, _handleFatalError } = driver;
    /** Ends it with an error that the command at hand gets, whoever has sent that. */
    const refuse = (error: Error): void => {
      driver._handleFatalError(error);
      derailed(error);
    };
    /** The first byte of the packet that is being read. */
    let marker: number | undefined;
    driver.handlePacket = (packet) => {
      this.#isAtRow = false;
      marker = undefined;
      if (packet === undefined) return handlePacket.call(driver, packet);
      // Packets that are held back come here again.
      if (driver._paused) return holdBack(packet, driver);
      if (isOutOfOrder(packet, driver)) {
        return refuse(nonsense("The server's packets came out of order"));
      }
      const command = driver._command;
      const demand = strangeDemand(packet, command);
      if (demand !== undefined) return refuse(demand);
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
      const isServers = marker !== undefined && marker !== 0xff && isReadByDriver(driver);
      _handleFatalError.call(driver, isServers && !isNonsense(error) ? unreadable(error) : error);
    };
  }

  #read(packet: Packet, command: DriverCommand | null | undefined, make: Make): void {
    const status = readStatus(packet, command);
    if (status === UNTOLD) return this.#readError(packet, make);
    this.#flags = status;
    this.#sqlMode = readSqlMode(packet, status) ?? this.#sqlMode;
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
