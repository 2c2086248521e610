/**
 * Runs the statements of a pool: each on a connection that is lent for it, and released when the
 * statement has ended, whether or not it has failed.
 */

import type { PoolConnection } from "mysql2";
import { genuine } from "../mysql/loan.ts";
import { discard } from "./adopt.ts";
import { containCommand, contained } from "./callbacks.ts";
import type { Lease } from "./driver.ts";
import { isReadOnly } from "./errors.ts";
import { type Answer, type Command, hidden, internalsOf, type QueryCommand } from "./internals.ts";
import { whenQuiet } from "./internals.ts";
import type { Lender } from "./lending.ts";

/** Sends a statement as text; returns the driver's command at once, which emits its events. */
export function query(
  lender: Lender,
  sql: unknown,
  values: unknown,
  callback: unknown,
): QueryCommand {
  const command = hidden.Connection.createQuery(sql, values, callback, {});
  containCommand(command);
  const { onResult } = command;
  const fail = (error: unknown): void => {
    if (onResult === undefined) command.emit("error", error);
    else onResult.call(command, error);
  };
  lender.lend(true).then((lease) => {
    const stay = new Stay(lease);
    if (onResult === undefined) stay.follow(command);
    else command.onResult = stay.answering((...answer) => onResult.apply(command, answer));
    stay.run(() => internalsOf(stay.connection).query(inherited(command, stay.connection)), fail);
  }, (error: unknown) => queueMicrotask(() => fail(error)));
  return command;
}

/** Prepares a statement, once for each connection, and executes it. */
export function execute(lender: Lender, sql: unknown, values: unknown, callback: unknown): void {
  const [list, given] = typeof values === "function" ? [[], values] : [values, callback];
  const answer = contained((given ?? throwIfAny) as Answer);
  lender.lend(true).then((lease) => {
    const stay = new Stay(lease);
    stay.run(() => internalsOf(stay.connection).execute(sql, list, stay.answering(answer)), answer);
  }, (error: unknown) => queueMicrotask(() => answer(error)));
}

/** One statement's use of a lease, which ends with the statement. */
class Stay {
  readonly connection: PoolConnection;
  readonly #lease: Lease;
  #error: unknown;
  #isOver = false;

  constructor(lease: Lease) {
    this.connection = genuine(lease.connection) as PoolConnection;
    this.#lease = lease;
  }

  /** Sends the statement; if `send` throws, ends the use and calls `fail`. */
  run(send: () => Command, fail: (error: unknown) => void): void {
    try {
      send().prependOnceListener("end", () => this.#end());
    } catch (error) {
      this.#end();
      fail(error);
    }
  }

  /** Returns a callback that ends the use, and then passes the answer on. */
  answering(answer: Answer): Answer {
    return (error, ...results) => {
      this.#error = error;
      // If the connection is lost, the driver emits no "end" for the running command.
      this.#end();
      queueMicrotask(() => answer(error, ...results));
    };
  }

  /** Notes the error of a command without a callback. */
  follow(command: QueryCommand): void {
    command.once("error", (error: unknown) => this.#error = error);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    whenQuiet(this.connection, () => {
      if (isReadOnly(this.#error)) discard(this.connection);
      this.#lease.release();
    });
  }
}

/** Gives a command the options of its connection that it does not set itself. */
function inherited(command: QueryCommand, connection: PoolConnection): QueryCommand {
  const { config } = internalsOf(connection);
  command._queryOptions.rowsAsArray ??= config.rowsAsArray;
  command._streamFactory ??= config.infileStreamFactory;
  return command;
}

function throwIfAny(error: unknown): void {
  if (error) throw error;
}
