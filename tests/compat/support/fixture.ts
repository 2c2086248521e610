/** Compat pools at a real server, and helpers that await their callbacks. */

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

/** Takes a connection by a callback; code after the await runs outside the callback's context. */
export function taken(pool: Pick<Pool, "getConnection">): Promise<PoolConnection> {
  return new Promise((resolve, reject) => {
    pool.getConnection((error, connection) => error ? reject(error) : resolve(connection));
  });
}

/** Ends a pool with callbacks. */
export function ended(pool: Pick<Pool, "end">): Promise<void> {
  return new Promise((resolve, reject) => pool.end((error) => error ? reject(error) : resolve()));
}

/** Calls a function with a callback; returns the callback's result, or throws its error. */
export function asked<T = unknown>(
  ask: (done: (error: Error | null, ...answer: unknown[]) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((error, answer) => error ? reject(error) : resolve(answer as T));
  });
}

/** Records the events of a pool, in order, with the thread ids of their connections. */
export function newsOf(pool: EventEmitter): string[] {
  const news: string[] = [];
  for (const event of ["connection", "acquire", "release", "enqueue"]) {
    pool.on(event, (connection?: PoolConnection) => {
      news.push(connection === undefined ? event : `${event} ${connection.threadId}`);
    });
  }
  return news;
}

/** Runs a statement and returns the first value of its first row as a number. */
export async function one(
  runner: { query(sql: string): Promise<unknown[]> },
  sql: string,
): Promise<number> {
  const [rows] = await runner.query(sql);
  return Number(Object.values((rows as Record<string, unknown>[])[0] ?? {})[0]);
}

/** Waits until the server runs a SLEEP of a pool, and returns the id of its connection. */
export async function sleeper(server: Server): Promise<number> {
  return await until(async () => {
    const [row] = await server.query<{ id: number }>(
      "SELECT id FROM information_schema.processlist WHERE user = 'app' AND info LIKE '%SLEEP%' " +
        "AND command <> 'Killed'",
    );
    return row && Number(row.id);
  }, "the server is at it");
}
