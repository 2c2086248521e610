/**
 * The state of a session, tracked from the wire: the class sees every command that the driver's
 * connection gets and every packet from the server, so it sees the holder's own statements too.
 *
 * It sends nothing, except a ping after an error that leaves open whether the transaction goes on.
 * When in doubt, it assumes that the session is dirty.
 */

import { Doubt, isDoubtful } from "./doubt.ts";
import { isOfNoStatement } from "./commands.ts";
import { classOf, type Flavor } from "./errors.ts";
import { type Given, keepsTransaction, TransactionState, wiping } from "./transaction_state.ts";
import type { Taken, Watcher } from "./mysql2_hooks.ts";
import type { DriverCommand, DriverInternals, Packet } from "./mysql2_internals.ts";
import { forgetPrepared, leaveToUser } from "./prepared.ts";
import {
  AUTOCOMMIT,
  CHANGED,
  HAS_ID,
  IN_TRANSACTION,
  MORE_RESULTS,
  MOVED,
  noReport,
  ONE_ROW,
  readError,
  readStatus,
  RECODED,
  RESULT_INFO,
  type ServerError,
  type TransactionReport,
  UNCLEAR,
  UNTOLD,
} from "./status.ts";
import { TextReading } from "./text_reading.ts";

/** The key under which a driver command keeps its statement. */
const GIVEN: unique symbol = Symbol("given");

/** A command of the driver, with its statement if it has one. */
interface NotedCommand extends DriverCommand {
  [GIVEN]?: Given;
}

/** Tracks the state of one session. */
export class SessionState implements Watcher {
  /** Whether the server reports changes of state; if not, any statement may have left some. */
  hasTracking = true;
  /** Whether the server also reports changes of transactions, sql_mode and collations. */
  hasFullTracking = true;
  /** How many answers left something for LAST_INSERT_ID(), SHOW WARNINGS … to read. */
  resultInfoCount = 0;
  /** How many statements were certain to clear the warnings of those before them. */
  clearingCount = 0;
  /** How many answers have set the value of LAST_INSERT_ID() or LASTVAL(). */
  idCount = 0;
  /** Whether the driver reads a row at this moment. */
  isAtRow = false;
  /** The transaction of the session. */
  readonly transaction: TransactionState = new TransactionState();
  /** How the server of the session reads texts. */
  readonly reading: TextReading;
  /** The ping after an error that may have ended the transaction. */
  readonly doubt: Doubt;
  readonly #driver: DriverInternals;
  /** What the last packet reported of the transaction. */
  readonly #report: TransactionReport = { ...noReport };
  /** The statement that runs, or ran last. */
  #running: Given | undefined;
  #flags = AUTOCOMMIT;
  #initialFlags = AUTOCOMMIT;
  #isChanged = false;
  /** Whether a SET TRANSACTION still waits for the next transaction. */
  #isNextSet = false;
  /** Why a reset would not wipe everything; undefined if it would. */
  #moved: string | undefined;
  #isUnsure = false;
  /** Whether only the next report shows whether a SELECT has changed the session. */
  #isUnclear = false;
  /** Whether a reset or a new login has switched reports off. */
  #isWiped = false;
  /** Whether an error came in place of an answer that would have reported changes. */
  #isUntold = false;
  #hasRun = false;
  #sawReport = false;
  #isUnusable = false;
  #outlivesLogin = false;

  /**
   * Watches the commands and packets of a connection. Calls `onDesync` if the server does not
   * answer what became of a transaction.
   */
  constructor(driver: DriverInternals, onDesync: (error: Error) => void) {
    this.#driver = driver;
    this.reading = new TextReading(driver);
    this.doubt = new Doubt(driver, onDesync);
  }

  /** Whether a transaction is open. */
  get isInTransaction(): boolean {
    return (this.#flags & IN_TRANSACTION) !== 0;
  }

  /** Whether the session has state of its own, other than a transaction. */
  get isChanged(): boolean {
    return this.#isChanged || this.#isNextSet ||
      ((this.#flags ^ this.#initialFlags) & AUTOCOMMIT) !== 0;
  }

  /** Why there may be state that a reset does not wipe, such as another role or database. */
  get renewalReason(): string | undefined {
    if (this.#moved !== undefined) return this.#moved;
    if (!this.hasTracking && this.#hasRun) return "no session tracking";
    return this.reading.renewalReason;
  }

  /** Whether the session must be wiped before its next holder gets it. */
  get isDirty(): boolean {
    return this.isInTransaction || this.isChanged || this.renewalReason !== undefined ||
      this.#isUnsure || this.#isUnclear || this.#isUntold || this.reading.hasHidden ||
      this.doubt.answered !== undefined;
  }

  /** Whether the server has reported a change since {@linkcode settle}. */
  get sawReport(): boolean {
    return this.#sawReport;
  }

  /**
   * Whether the session must not be used again: its server has answered that it is read-only or
   * not ready, or the session holds state that not even a new login wipes.
   */
  get isUnusable(): boolean {
    return this.#isUnusable || this.#outlivesLogin;
  }

  /** Whether the command that the driver is adding is the ping after an error. */
  get isFirst(): boolean {
    return this.doubt.isBeginning;
  }

  /** Takes the current state of the session to be clean. */
  settle(): void {
    this.#initialFlags = this.#flags;
    this.#isChanged = this.#isNextSet = false;
    this.#moved = undefined;
    this.#isUnsure = this.#isUnclear = this.#isUntold = false;
    this.#isWiped =
      this.#hasRun =
      this.#sawReport =
      this.#outlivesLogin =
        false;
    this.reading.forgetNames();
    this.transaction.unprovenReads.clear();
  }

  /** Notes a command that the connection was given. */
  take({ command, text, code, isOfExecute }: Taken): void {
    const { resultsetHeader, prepareHeader, statement } = command;
    if (resultsetHeader === undefined && prepareHeader === undefined) {
      if (!isOfNoStatement(command)) this.#move("a command of another kind");
      return;
    }
    const sent = command.sql ?? command.query ?? statement?.query ?? "";
    const analysis = this.reading.analyse(code ?? sent);
    const { effect, reason, outlivesLogin } = analysis;
    const behind = this.reading.behind(code, sent, analysis, this.#moved !== undefined);
    this.#moved ??= behind.reason ?? (analysis.isReadOnly ? undefined : behind.reasonOfTriggers);
    this.#hasRun = true;
    this.#outlivesLogin ||= outlivesLogin;
    if (prepareHeader === undefined) {
      if (analysis.isClearing && this.#isClearing(text, code)) this.clearingCount++;
      (command as NotedCommand)[GIVEN] = { text: text ?? sent, analysis, behind };
      if (analysis.leavesResultInfo) this.resultInfoCount++;
    } else if (!isOfExecute) leaveToUser(command);
    if (effect === "state" && analysis.isForNext) this.#isNextSet = true;
    else if (effect === "state") this.#isChanged = true;
    else if (effect === "identity") this.#move(reason);
    else if (effect === "renewed") this.#moved ??= reason;
  }

  /** Notes a reset or a new login, which also switches session tracking off. */
  wipe(by: "reset" | "changeUser"): void {
    this.#isChanged = this.#isWiped = true;
    this.reading.forget(by === "changeUser");
    if (by === "changeUser") this.#move(by);
  }

  /** Notes that a command has been sent. */
  begin(command: NotedCommand): void {
    const given = command[GIVEN];
    if (given === undefined) return;
    this.#running = given;
    this.reading.noteSent(given.analysis);
    this.transaction.begin(given, this.reading.changeCount);
  }

  /** Notes what a packet says about the session. */
  read(packet: Packet, command: NotedCommand | null | undefined): void {
    const status = readStatus(packet, command, this.#report);
    if (status === UNTOLD) return this.#readError(packet, command);
    const given = command?.[GIVEN];
    this.#seeTransaction(status, command, given);
    if (given?.analysis.transactionWord === "begin") this.#isNextSet = false;
    if (given !== undefined) this.reading.noteAnswered(given.analysis);
    this.#flags = status;
    this.reading.see(packet, status);
    this.#isUnsure = false;
    if ((status & RESULT_INFO) !== 0) this.resultInfoCount++;
    const idFlags = given?.analysis.isUpsert ? HAS_ID | ONE_ROW : HAS_ID;
    if ((status & idFlags) === idFlags || given?.analysis.setsId) this.idCount++;
    // A report covers all changes since the previous report.
    if (this.#report.isGiven) this.#isUnclear = false;
    const isUnclear = (status & UNCLEAR) !== 0;
    if (isUnclear && this.#isReporting) this.#isUnclear = true;
    else if (isUnclear || (status & CHANGED) !== 0) this.#isChanged = this.#sawReport = true;
    if ((status & MOVED) !== 0) this.#move("database");
    if (this.#isRecoded(status, given)) forgetPrepared(this.#driver);
  }

  /** Returns whether a text clears warnings even without the code that values put into it. */
  #isClearing(text: string | undefined, code: string | undefined): boolean {
    return text === code || text === undefined || this.reading.analyse(text).isClearing;
  }

  /** Whether full session tracking is switched on now. */
  get #isReporting(): boolean {
    return this.hasFullTracking && this.hasTracking && !this.#isWiped;
  }

  #move(reason = "unknown"): void {
    this.#isChanged = true;
    this.#moved ??= reason;
  }

  #seeTransaction(
    status: number,
    command: NotedCommand | null | undefined,
    given: Given | undefined,
  ): void {
    const isOpen = (status & IN_TRANSACTION) !== 0;
    const report = this.#isReporting ? this.#report : undefined;
    const { pingResponse, resetConnectionResponse, handshakeResult } = command ?? {};
    if (pingResponse !== undefined) {
      return this.transaction.seeAfter(isOpen, report, this.#running);
    }
    const isWiping = resetConnectionResponse !== undefined || handshakeResult !== undefined;
    const by = isWiping ? wiping : given;
    this.transaction.see(isOpen, report, by, (status & MORE_RESULTS) === 0);
  }

  /** Returns whether earlier prepared statements may be for another database, mode or role. */
  #isRecoded(status: number, given: Given | undefined): boolean {
    if ((status & (MOVED | RECODED)) !== 0) return true;
    if (given === undefined || given.analysis.effect === "none") return false;
    if (!this.#isReporting) return true;
    // MySQL does not report a change of role, MariaDB does not report SET @@name.
    if (!this.#driver._isMariaDB) return given.analysis.effect === "identity";
    if (given.analysis.effect === "state") return given.analysis.namesVariable;
    return (status & CHANGED) !== 0 || !given.analysis.isCall;
  }

  /** Notes an error. It has no status flags; some errors say that the transaction is gone. */
  #readError(packet: Packet, command: NotedCommand | null | undefined): void {
    const error = readError(packet);
    if (error === undefined) return;
    this.resultInfoCount++;
    const flavor: Flavor = this.#driver._isMariaDB ? "mariadb" : "mysql";
    const errorClass = classOf(error, flavor);
    const given = command?.[GIVEN];
    if (given !== undefined) this.#noteFailed(given);
    if (errorClass.serverState !== undefined) this.#isUnusable = true;
    if (given?.analysis.effect === "identity") forgetPrepared(this.#driver);
    this.transaction.fail(given, errorClass);
    if (errorClass.isRolledBack) {
      this.#flags &= ~IN_TRANSACTION;
      this.#isUnsure = true;
    } else if (!errorClass.isLoss && this.#mayHaveEnded(error, command, given)) {
      this.doubt.raise();
    }
  }

  /** Notes a failed statement: its error does not report what triggers did before it. */
  #noteFailed({ analysis, behind }: Given): void {
    this.reading.noteAnswered(analysis);
    this.#isUntold ||= !analysis.isReadOnly && (behind.runsTriggers || behind.unknown.length > 0);
  }

  #mayHaveEnded(
    error: ServerError,
    command: NotedCommand | null | undefined,
    given: Given | undefined,
  ): boolean {
    if (!this.isInTransaction || !command || isOfNoStatement(command)) return false;
    return isDoubtful(error) || given !== undefined && !keepsTransaction(given);
  }
}
