/** Pools with mysql2's members at a real server, and what tests ask of them. */

import type { EventEmitter } from "node:events";
import type { Pool, PoolConnection } from "mysql2";
import mysql, { type CompatOptions } from "../../../src/entries/compat.ts";
import promises from "../../../src/entries/compat_promise.ts";
import type { Server } from "../../support/server.ts";
import { until } from "../../support/wait.ts";

/** A pool of mysql2/promise. */
export type PromisePool = promises.Pool;

/** Creates a pool with callbacks, for one test. */
export function poolAt(server: Server, options: CompatOptions = {}): Pool {
  return mysql.createPool({ uri: server.url(), ...options });
}

/** Creates a pool with promises, for one test. */
export function promisesAt(server: Server, options: CompatOptions = {}): PromisePool {
  return promises.createPool({ uri: server.url(), ...options });
}

/** Takes a connection by a callback; the code that awaits it is not that of the callback. */
export function taken(pool: Pick<Pool, "getConnection">): Promise<PoolConnection> {
  return new Promise((resolve, reject) => {
    pool.getConnection((error, connection) => error ? reject(error) : resolve(connection));
  });
}

/** Ends a pool with callbacks. */
export function ended(pool: Pick<Pool, "end">): Promise<void> {
  return new Promise((resolve, reject) => pool.end((error) => error ? reject(error) : resolve()));
}

/** Asks by a callback, and returns what that is given but for the error. */
export function asked<T = unknown>(
  ask: (done: (error: Error | null, ...answer: unknown[]) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((error, answer) => error ? reject(error) : resolve(answer as T));
  });
}

/** Notes what a pool tells of, in order; connections by their names at the server. */
export function newsOf(pool: EventEmitter): string[] {
  const news: string[] = [];
  for (const event of ["connection", "acquire", "release", "enqueue"]) {
    pool.on(event, (connection?: PoolConnection) => {
      news.push(connection === undefined ? event : `${event} ${connection.threadId}`);
    });
  }
  return news;
}

/** Returns one number that a statement asks for. */
export async function one(
  runner: { query(sql: string): Promise<unknown[]> },
  sql: string,
): Promise<number> {
  const [rows] = await runner.query(sql);
  return Number(Object.values((rows as Record<string, unknown>[])[0] ?? {})[0]);
}

/** Waits until the server sleeps for a pool, and returns the connection that it does so in. */
export async function sleeper(server: Server): Promise<number> {
  return await until(async () => {
    const [row] = await server.query<{ id: number }>(
      "SELECT id FROM information_schema.processlist WHERE user = 'app' AND info LIKE '%SLEEP%' " +
        "AND command <> 'Killed'",
    );
    return row && Number(row.id);
  }, "the server is at it");
}
