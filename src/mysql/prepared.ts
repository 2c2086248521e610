/**
 * Hands statements to the driver, prepared ones above all: it keeps those of a connection in a
 * cache; where the cache and the server disagree, or the server has no room, that is put right and
 * the statement sent once more: the server has refused to begin it, so nothing of it has run.
 *
 * The server keeps with each the database, the sql_mode and the character set of the moment at
 * which it was prepared. So the cache is emptied whenever one of these may have changed.
 */

import { tracingChannel } from "node:diagnostics_channel";
import type { Statement } from "../port.ts";
import { isBusy } from "./commands.ts";
import {
  type DriverCalls,
  driverClassOf,
  type DriverCommand,
  type DriverInternals,
  type PreparedHandle,
} from "./mysql2_internals.ts";
import { errnoOf, isOfServer } from "./refusals.ts";
import type { TextReading } from "./text_reading.ts";

/** Gets what a statement brings. */
export type Answer = (error: unknown, rows: unknown, fields: unknown) => void;

/** How many statements each connection keeps prepared unless options say otherwise. */
export const preparedMax = 500;

/** ER_UNKNOWN_STMT_HANDLER: its holder has closed the handle, which the cache does not learn. */
const closed = 1243;
/** ER_MAX_PREPARED_STMT_COUNT_REACHED: that of all clients of the server together. */
const tooMany = 1461;

const advice =
  "a pool keeps up to connectionLimit times maxPreparedStatements of them; lower that, " +
  "or raise max_prepared_stmt_count of the server";

/** The handles that somebody has asked for by the driver's own `prepare`. */
const held: WeakSet<PreparedHandle> = new WeakSet();

/** Has one connection of the driver run statements. */
export class StatementSender {
  readonly #driver: DriverInternals;
  readonly #reading: TextReading;
  readonly #isHooked: () => boolean;

  /** Sends on a connection; `isHooked` tells whether code of others stands before `execute`. */
  constructor(driver: DriverInternals, reading: TextReading, isHooked: () => boolean) {
    this.#driver = driver;
    this.#reading = reading;
    this.#isHooked = isHooked;
  }

  /** Sends a statement; `answer` gets what it brings. */
  send(statement: Statement, answer: Answer): void {
    const { sql, values, isPrepared, options } = statement;
    const handle = isPrepared && options === undefined ? this.#handleOf(sql, values) : undefined;
    if (handle === undefined) this.#sendByText(statement, answer);
    else handle.execute(values, answer);
  }

  /**
   * Sends a statement once more if there is no reason any more for the error that it was refused
   * with; tells whether it has done so.
   */
  sendAgain(statement: Statement, error: unknown, answer: Answer): boolean {
    const isReprepared = statement.isPrepared && reprepare(this.#driver, textOf(statement), error);
    if (isReprepared) this.#sendByText(statement, answer);
    return isReprepared;
  }

  #sendByText(statement: Statement, answer: Answer): void {
    const values = statement.options === undefined ? statement.values : undefined;
    if (statement.isPrepared) this.#driver.execute(textOf(statement), values, answer);
    else this.#driver.query(textOf(statement), values, answer);
  }

  /**
   * Returns what was prepared of a text, if executing it is all that the driver's `execute` would
   * do, which makes one more command for each statement to find it.
   */
  #handleOf(sql: string, values: unknown): PreparedHandle | undefined {
    const driver = this.#driver;
    // What runs now may yet have the handle closed.
    if (isBusy(driver) || isTraced() || this.#isHooked()) return undefined;
    // The driver hands the factory to its own `execute` only.
    if (driver.config.infileStreamFactory !== undefined || !areTaken(values)) return undefined;
    const analysis = this.#reading.analyse(sql);
    return driver._statements.get(
      analysis.preparedKey ??= driverClassOf(driver).statementKey({ sql }),
    );
  }
}

/** Returns what the driver gets as the text of a statement. */
function textOf({ sql, values, options }: Statement): string | object {
  return options === undefined ? sql : { ...options, sql, values };
}

/** Tells whether the driver takes values as they are, and does not refuse them. */
function areTaken(values: unknown): boolean {
  if (values === undefined) return true;
  if (!Array.isArray(values)) return false;
  for (const value of values) {
    if (value === undefined || typeof value === "function") return false;
  }
  return true;
}

/** Tells whether the rows of a statement are read by the driver alone, and no code of a caller. */
export function isReadByDriver({ config }: DriverInternals, { options }: Statement): boolean {
  const { typeCast = config.typeCast } = options as { typeCast?: unknown } ?? {};
  return typeof typeCast !== "function";
}

/** Notes the handle that a command brings as one that its user closes himself. */
export function leaveToUser(command: DriverCommand): void {
  const { onResult } = command;
  if (typeof onResult !== "function") return;
  command.onResult = (error: unknown, handle?: PreparedHandle): void => {
    if (handle !== undefined) held.add(handle);
    Reflect.apply(onResult, command, [error, handle]);
  };
}

/** Lets no statement be executed by what was prepared before; closes all but its users' own. */
export function forgetPrepared({ _statements }: DriverInternals): void {
  if (_statements.size === 0) return;
  const kept = Array.from(_statements.values()).filter((handle) => held.has(handle));
  // The cache closes each handle that it throws out.
  for (const handle of kept) handle.close = () => undefined;
  _statements.clear();
  for (const handle of kept) Reflect.deleteProperty(handle, "close");
}

/** Tells whether there is no reason any more for what the server has refused. */
function reprepare(driver: DriverInternals, sql: string | object, error: unknown): boolean {
  if (!(error instanceof Error) || !isOfServer(error)) return false;
  const errno = errnoOf(error);
  // A trigger can say the same number of something else.
  const isRefused = errno === closed && /mysqld?_stmt_/.test(error.message);
  if (isRefused) return driver.unprepare(sql) !== undefined;
  if (errno !== tooMany) return false;
  const { size } = driver._statements;
  forgetPrepared(driver);
  const hasRoom = driver._statements.size < size;
  if (!hasRoom) error.message += ` (${advice})`;
  return hasRoom;
}

/**
 * Tracers subscribe to this channel of the driver, or replace its method `execute`. What does not
 * go through `execute` must not escape them.
 */
const channel = tracingChannel("mysql2:execute");

/** Tells whether somebody subscribes to what the driver executes. */
export function isTraced(): boolean {
  // Bun tells it of the single channels only; the driver asks in the same way.
  return channel.hasSubscribers ?? channel.start.hasSubscribers;
}

/**
 * Tells whether a method is the driver's own `execute`, by its source text. What replaces it lacks
 * the driver's messages; what a tracer makes of the text when it is loaded passes `arguments` on.
 */
export function isOwnExecute(execute: DriverCalls["execute"]): boolean {
  const text = Function.prototype.toString.call(execute);
  return text.includes("Bind parameters must not contain undefined") &&
    !/\barguments\b|\bhasSubscribers\b/.test(text);
}
