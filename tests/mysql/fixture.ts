/** Sessions on a real server, and helpers that run statements on them. */

import { adapter } from "../../src/adapters/node.ts";
import { createConnector, type MysqlConnector, Target } from "../../src/mysql/mod.ts";
import type { MysqlSession } from "../../src/mysql/session.ts";
import type { Loss } from "../../src/port/session.ts";
import type { Server } from "../support/server.ts";

/** A session as tests use it. */
export type TestSession = MysqlSession;

/** The connector under test, over Node's sockets. */
export const port: MysqlConnector = createConnector(adapter);

/** A signal that is never aborted. */
export const never: AbortSignal = new AbortController().signal;

/** Returns a target on a server: user `app`, database `test`, unless `options` say otherwise. */
export function targetAt(server: Server, options: object = {}): Target {
  return new Target({ uri: server.url(), ...options });
}

/** Opens a session that adds its loss to `losses`. */
export async function open(target: Target, losses: Loss[] = []): Promise<TestSession> {
  return await port.connect(target, (loss) => losses.push(loss), never);
}

/** Runs a statement and returns its rows, or the driver's result header if there are none. */
export async function run(
  session: TestSession,
  sql: string,
  values?: unknown,
  isPrepared = false,
): Promise<Record<string, unknown>[]> {
  const [rows] = await session.run({ sql, values, isPrepared, options: undefined }, undefined);
  return rows as Record<string, unknown>[];
}

/** Runs a query and returns the first column of its first row. */
export async function one(session: TestSession, sql: string): Promise<unknown> {
  const [row] = await run(session, sql);
  return Object.values(row ?? {})[0];
}

/** Runs a text, so that the pool looks up the views and triggers behind its names; then resets. */
export async function nameFirst(session: TestSession, sql: string): Promise<void> {
  await run(session, sql);
  await session.reset();
}
