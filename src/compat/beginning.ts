/**
 * What listeners to "connection" do to a new session: code that knows mysql2's pool sets its time
 * zone or its mode there. It belongs to how the session begins: who has it first does not get it
 * before, and after a reset, which takes it away, it is done again.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";
import type { PoolConnection } from "mysql2";
import { effectOf } from "../mysql/statement.ts";
import { contained } from "./callbacks.ts";

/** Statements, by what they say, and how each is sent once more. */
type Statements = Map<string, () => Promise<unknown>>;

/** What was done to each session that has begun. */
const beginnings: WeakMap<PoolConnection, Statements> = new WeakMap();

/** Which connection the code at hand is told of as a new one. */
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
  // What was sent is answered before this is.
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
  if (effectOf(sql).effect === "none") return;
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
