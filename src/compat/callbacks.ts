/**
 * The user's code that the driver calls: callbacks and listeners.
 *
 * The driver calls them in the async context of the code that opened the socket, and treats an
 * error that they throw as an error of the connection. Here they run in the async context of the
 * code that passed them in, and an error that they throw becomes an uncaught exception.
 */

import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { inspect } from "node:util";
import type { PoolConnection } from "mysql2";
import { MODE_UNKNOWN } from "../mysql/lexer.ts";
import { analyserOf } from "../mysql/statement.ts";
import type { Command } from "./internals.ts";

/** Returns a function that calls `fn` in the present async context, and never throws. */
export function contained<Args extends unknown[]>(
  fn: (...args: Args) => unknown,
): (...args: Args) => void {
  // On Node this is far cheaper than AsyncLocalStorage.snapshot(); elsewhere the cost is equal.
  const context = new AsyncResource("SubletCallback");
  return function (this: unknown, ...args: Args): void {
    try {
      context.runInAsyncScope(fn, this, ...args);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}

/** Returns a function that calls `fn` on its first call only. */
export function once<Args extends unknown[]>(
  fn: (...args: Args) => unknown,
): (...args: Args) => void {
  let isCalled = false;
  return function (this: unknown, ...args: Args): void {
    if (isCalled) return;
    isCalled = true;
    fn.apply(this, args);
  };
}

/** Contains the callback of a command, or its listeners, in the present async context. */
export function containCommand(command: Command): void {
  if (command.onResult !== undefined) {
    command.onResult = contained(command.onResult);
    return;
  }
  const emit = command.emit.bind(command);
  const tell = contained(emit);
  command.emit = (name, ...args) => {
    // As in the driver, an "error" without a listener ends the connection.
    if (name === "error" && command.listenerCount(name) === 0) return emit(name, ...args);
    tell(name, ...args);
    return command.listenerCount(name) > 0;
  };
}

/** Statements by method, text and values; each with a function that sends it again. */
type Statements = Map<string, () => Promise<unknown>>;

/**
 * The statements that listeners to "connection" have sent to each session: code for mysql2's pool
 * sets the session's time zone or mode there. They run before the first holder gets the session,
 * and again after each reset, which undoes their effect.
 */
const beginnings: WeakMap<PoolConnection, Statements> = new WeakMap();

/** The connection that a listener to "connection" is handling. */
const told: AsyncLocalStorage<PoolConnection> = new AsyncLocalStorage();

/** Sets a session up: calls `tell` if it is new, else sends its listeners' statements again. */
export async function begin(connection: PoolConnection, tell: () => void): Promise<void> {
  const known = beginnings.get(connection);
  if (known !== undefined) {
    for (const send of known.values()) await send();
    return;
  }
  const statements: Statements = new Map();
  beginnings.set(connection, statements);
  told.run(connection, () => contained(tell)());
  // The server answers in order, so the ping returns after the listeners' statements.
  if (statements.size > 0) await connection.promise().ping();
}

/** Notes a statement that changes the session, if a listener to "connection" sends it. */
export function noteStatement(
  connection: PoolConnection,
  name: "query" | "execute",
  [given, more]: readonly unknown[],
): void {
  if (told.getStore() !== connection) return;
  const { sql, values } = statementOf(given, more);
  const { effect } = analyserOf("", []).analyse(sql, MODE_UNKNOWN);
  if (effect === "none" || effect === "renewed") return;
  const send = (): Promise<unknown> => {
    const again = connection.promise();
    return name === "query" ? again.query(sql, values) : again.execute(sql, values);
  };
  beginnings.get(connection)?.set(inspect([name, sql, values]), send);
}

function statementOf(given: unknown, more: unknown): { sql: string; values: never } {
  const isText = typeof given === "string";
  const own = isText
    ? { sql: given, values: undefined }
    : given as { sql: string; values: unknown };
  const values = typeof more === "function" || more === undefined ? own.values : more;
  return { sql: own.sql, values: values as never };
}
