/**
 * Statements that a pool is given: each is run on a connection that is lent for it, and given
 * back when it has ended, however it has.
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

/** Sends a statement as text; returns the driver's command at once, which tells of it. */
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

/** One statement's stay on a connection. */
class Stay {
  readonly connection: PoolConnection;
  readonly #lease: Lease;
  #error: unknown;
  #isOver = false;

  constructor(lease: Lease) {
    this.connection = genuine(lease.connection) as PoolConnection;
    this.#lease = lease;
  }

  /** Begins it; one that cannot be sent has failed. */
  run(send: () => Command, fail: (error: unknown) => void): void {
    try {
      send().prependOnceListener("end", () => this.#end());
    } catch (error) {
      this.#end();
      fail(error);
    }
  }

  /** Returns what takes the answer, and passes it on when the connection has been given back. */
  answering(answer: Answer): Answer {
    return (error, ...results) => {
      this.#error = error;
      // Of what was under way when the connection was lost, the driver tells no end.
      this.#end();
      queueMicrotask(() => answer(error, ...results));
    };
  }

  /** Notes what fails. */
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

/** Gives a command what it takes from its connection if it does not say it itself. */
function inherited(command: QueryCommand, connection: PoolConnection): QueryCommand {
  const { config } = internalsOf(connection);
  command._queryOptions.rowsAsArray ??= config.rowsAsArray;
  command._streamFactory ??= config.infileStreamFactory;
  return command;
}

function throwIfAny(error: unknown): void {
  if (error) throw error;
}
