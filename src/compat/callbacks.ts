/**
 * Code of the user that the driver calls: callbacks and listeners.
 *
 * The driver calls them in the async context of whoever opened the socket, and takes an error
 * that they throw for one of the connection. Here they run in the context of whoever gave them,
 * and what they throw is an uncaught exception of its own.
 */

import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { inspect } from "node:util";
import type { PoolConnection } from "mysql2";
import { MODE_UNKNOWN } from "../mysql/lexer.ts";
import { analyserOf } from "../mysql/statement.ts";
import type { Command } from "./internals.ts";

/** Returns a function that calls `fn` in the context of now, and throws nothing. */
export function contained<Args extends unknown[]>(
  fn: (...args: Args) => unknown,
): (...args: Args) => void {
  // On Node far cheaper than a snapshot of AsyncLocalStorage, elsewhere the same.
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

/** Returns a function that calls `fn` the first time that it is called, and then no more. */
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

/** Has the callback of a command, or its listeners, run in the context of now, and contained. */
export function containCommand(command: Command): void {
  if (command.onResult !== undefined) {
    command.onResult = contained(command.onResult);
    return;
  }
  const emit = command.emit.bind(command);
  const tell = contained(emit);
  command.emit = (name, ...args) => {
    // One that nobody listens to is the end of the connection, as the driver has it.
    if (name === "error" && command.listenerCount(name) === 0) return emit(name, ...args);
    tell(name, ...args);
    return command.listenerCount(name) > 0;
  };
}

/** Statements, by what they say, and how each is sent once more. */
type Statements = Map<string, () => Promise<unknown>>;

/**
 * The statements that listeners to "connection" have sent to each session: code that knows mysql2's
 * pool sets its time zone or its mode there. They run before the first holder gets the session,
 * and again after each reset, which takes their effect away.
 */
const beginnings: WeakMap<PoolConnection, Statements> = new WeakMap();

/** The connection that a listener to "connection" is being given. */
const told: AsyncLocalStorage<PoolConnection> = new AsyncLocalStorage();

/** Begins a session: `tell` tells of it if it is new; else what was done then is done again. */
export async function begin(connection: PoolConnection, tell: () => void): Promise<void> {
  const known = beginnings.get(connection);
  if (known !== undefined) {
    for (const send of known.values()) await send();
    return;
  }
  const statements: Statements = new Map();
  beginnings.set(connection, statements);
  told.run(connection, () => contained(tell)());
  // The server answers in order, so this answer comes after those to the listeners' statements.
  if (statements.size > 0) await connection.promise().ping();
}

/** Notes a statement that changes a session, if it is sent because the session is new. */
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
