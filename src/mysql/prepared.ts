/**
 * Hands statements to the driver, above all prepared ones, which the driver caches for each
 * connection. If the cache and the server disagree, or the server has no room, this module corrects
 * the cache and sends the statement once more. The server has refused to begin the statement, so
 * nothing of it has run.
 *
 * The server keeps with each prepared statement the database, the sql_mode and the character set at
 * the time of the prepare. So the session empties the cache when any of these may have changed.
 */

import { tracingChannel } from "node:diagnostics_channel";
import type { Statement } from "../port/session.ts";
import { isBusy } from "./commands.ts";
import {
  type DriverCalls,
  driverClassOf,
  type DriverCommand,
  type DriverInternals,
  type PreparedHandle,
} from "./mysql2_internals.ts";
import { isOfServer } from "./refusals.ts";
import { errnoOf } from "./errors.ts";
import { toBigints } from "./big_integers.ts";
import type { Target } from "./target.ts";
import type { TargetOptions } from "./target_options.ts";
import type { TextReading } from "./text_reading.ts";

/** The callback that gets the answer to a statement. */
export type Answer = (error: unknown, rows: unknown, fields: unknown) => void;

/** How many prepared statements each connection caches unless options say otherwise. */
export const preparedMax = 500;

/** ER_UNKNOWN_STMT_HANDLER: a holder has closed the handle, and the cache does not know it. */
const closed = 1243;
/** ER_NEED_REPREPARE: tables changed while the server prepared the statement anew by itself. */
const outdated = 1615;
/** ER_MAX_PREPARED_STMT_COUNT_REACHED: the maximum for all clients of the server together. */
const tooMany = 1461;

const advice =
  "a pool keeps up to connectionLimit times maxPreparedStatements of them; lower one " +
  "of the two, or raise max_prepared_stmt_count of the server";

/** The handles that a holder got from the driver's own `prepare`. */
const held: WeakSet<PreparedHandle> = new WeakSet();

/** Runs statements on one connection of the driver. */
export class StatementSender {
  readonly #driver: DriverInternals;
  readonly #reading: TextReading;
  readonly #isHooked: () => boolean;
  readonly #options: TargetOptions;

  /** Sends on a connection; `isHooked` tells whether other code wraps the driver's `execute`. */
  constructor(
    driver: DriverInternals,
    reading: TextReading,
    isHooked: () => boolean,
    { options }: Target,
  ) {
    this.#driver = driver;
    this.#reading = reading;
    this.#isHooked = isHooked;
    this.#options = options;
  }

  /**
   * Returns a statement as the driver takes it: checks the values of a prepared one, and expands
   * its lists.
   *
   * @throws {TypeError} `PARAMETER_INVALID` if the values do not fit the parameters.
   */
  bound(statement: Statement): Statement {
    if (!statement.isPrepared) return statement;
    const own = statement.options as TargetOptions | undefined;
    const isNamed = own?.namedPlaceholders ?? this.#options.namedPlaceholders;
    const parameters = this.#reading.analyse(statement.sql).parameters();
    return parameters.bound(statement, isNamed === true);
  }

  /** Sends a statement; calls `answer` with the result. */
  send(statement: Statement, given: Answer): void {
    const answer = this.#options.bigint === "bigint" ? this.#converting(statement, given) : given;
    const { sql, values, isPrepared, options } = statement;
    const handle = isPrepared && options === undefined ? this.#handleOf(sql, values) : undefined;
    if (handle === undefined) this.#sendByText(statement, answer);
    else handle.execute(values, answer);
  }

  /**
   * Sends a refused statement once more, if the cause of the refusal could be removed; tells
   * whether it has done so.
   */
  sendAgain(statement: Statement, error: unknown, answer: Answer): boolean {
    const isReprepared = statement.isPrepared && reprepare(this.#driver, textOf(statement), error);
    if (isReprepared) this.send(statement, answer);
    return isReprepared;
  }

  /** Returns a callback that makes a BigInt of each BIGINT in the answer. */
  #converting({ options }: Statement, answer: Answer): Answer {
    const { nestTables = this.#options.nestTables } = options as TargetOptions ?? {};
    return (error, rows, fields) => {
      if (!error) toBigints(rows, fields, nestTables);
      answer(error, rows, fields);
    };
  }

  #sendByText(statement: Statement, answer: Answer): void {
    const values = statement.options === undefined ? statement.values : undefined;
    if (statement.isPrepared) this.#driver.execute(textOf(statement), values, answer);
    else this.#driver.query(textOf(statement), values, answer);
  }

  /**
   * Returns the prepared handle of a text, if executing the handle is all that the driver's
   * `execute` would do. This saves the extra command by which `execute` finds the handle.
   */
  #handleOf(sql: string, values: unknown): PreparedHandle | undefined {
    const driver = this.#driver;
    // The commands under way may still make the cache close the handle.
    if (isBusy(driver) || isTraced() || this.#isHooked()) return undefined;
    // Only the driver's own `execute` passes the factory on.
    if (driver.config.infileStreamFactory !== undefined || !areTaken(values)) return undefined;
    const analysis = this.#reading.analyse(sql);
    return driver._statements.get(
      analysis.preparedKey ??= driverClassOf(driver).statementKey({ sql }),
    );
  }
}

/** Returns a statement in the form in which the driver takes its text. */
function textOf({ sql, values, options }: Statement): string | object {
  return options === undefined ? sql : { ...options, sql, values };
}

/** Tells whether the driver takes values as they are and does not refuse them. */
function areTaken(values: unknown): boolean {
  if (values === undefined) return true;
  if (!Array.isArray(values)) return false;
  for (const value of values) {
    if (typeof value === "function") return false;
  }
  return true;
}

/** Tells whether only the driver reads the rows of a statement, and no code of a caller. */
export function isReadByDriver({ config }: DriverInternals, { options }: Statement): boolean {
  const { typeCast = config.typeCast } = options as { typeCast?: unknown } ?? {};
  return typeof typeCast !== "function";
}

/** Marks the handle that a command returns as one that its user closes. */
export function leaveToUser(command: DriverCommand): void {
  const { onResult } = command;
  if (typeof onResult !== "function") return;
  command.onResult = (error: unknown, handle?: PreparedHandle): void => {
    if (handle !== undefined) held.add(handle);
    Reflect.apply(onResult, command, [error, handle]);
  };
}

/** Empties the cache of prepared statements; closes all handles except those that users close. */
export function forgetPrepared({ _statements }: DriverInternals): void {
  if (_statements.size === 0) return;
  const kept = Array.from(_statements.values()).filter((handle) => held.has(handle));
  // The cache closes each handle that it evicts.
  for (const handle of kept) handle.close = () => undefined;
  _statements.clear();
  for (const handle of kept) Reflect.deleteProperty(handle, "close");
}

/** Removes the cause for which the server refused a statement; tells whether it could. */
function reprepare(driver: DriverInternals, sql: string | object, error: unknown): boolean {
  if (!(error instanceof Error) || !isOfServer(error)) return false;
  const errno = errnoOf(error);
  // A trigger can raise an error with the same number.
  const isRefused = errno === closed && /mysqld?_stmt_/.test(error.message) ||
    errno === outdated && /re-prepared/.test(error.message);
  if (isRefused) return driver.unprepare(sql) !== undefined;
  if (errno !== tooMany) return false;
  const { size } = driver._statements;
  forgetPrepared(driver);
  const hasRoom = driver._statements.size < size;
  if (!hasRoom) error.message += ` (${advice})`;
  return hasRoom;
}

/**
 * Tracers subscribe to this channel of the driver, or replace its method `execute`. Then every
 * prepared statement goes through `execute`, so that they miss none.
 */
const channel = tracingChannel("mysql2:execute");

/** Tells whether a tracer subscribes to that channel. */
export function isTraced(): boolean {
  // Bun has `hasSubscribers` on the single channels only; the driver checks in the same way.
  return channel.hasSubscribers ?? channel.start.hasSubscribers;
}

/**
 * Tells whether a method is the driver's own `execute`, by its source text. A replacement lacks the
 * driver's messages; a text that a tracer changed on loading passes `arguments` on.
 */
export function isOwnExecute(execute: DriverCalls["execute"]): boolean {
  const text = Function.prototype.toString.call(execute);
  return text.includes("Bind parameters must not contain undefined") &&
    !/\barguments\b|\bhasSubscribers\b/.test(text);
}
