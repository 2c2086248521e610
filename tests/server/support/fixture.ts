/** Pools on a real server, and what tests ask of them, seen from both sides. */

import assert from "node:assert/strict";
import {
  createPool,
  type ErrorCode,
  type Field,
  type Pool,
  type PoolOptions,
  type Row,
  SubletError,
} from "../../../mod.ts";
import { type Server, startServer } from "../../support/server.ts";
import { until } from "../../support/wait.ts";

/** What takes statements: a pool, a virtual connection or a lease. */
export interface Asked {
  /** Sends a statement as text. */
  query(sql: string, values?: unknown): Promise<[rows: Row[], fields: Field[]]>;
}

/** Runs as long as it is let, on either server. */
export const endless = `SELECT COUNT(*) FROM information_schema.columns a,
  information_schema.columns b, information_schema.columns c, information_schema.columns d`;

/** Starts a server that has gone through some statements of root in the database `test`. */
export async function prepareServer(
  statements: readonly string[] = [],
  options: readonly string[] = [],
): Promise<Server> {
  const server = await startServer({ options });
  await server.query("USE test");
  for (const sql of statements) await server.query(sql);
  return server;
}

/** Creates a pool at a server, for one test. */
export function poolAt<const Name extends string = "main">(
  server: Server,
  options: PoolOptions<Name> = {},
): Pool<Name> {
  return createPool<Name>({ uri: server.url(), shared: false, ...options });
}

/** Runs a statement and returns the first column of its first row. */
export async function one(asked: Asked, sql: string, values?: unknown): Promise<unknown> {
  const [rows] = await asked.query(sql, values);
  return Object.values(rows[0] ?? {})[0];
}

/** Returns the server's name for the connection that a statement runs on. */
export async function threadOf(asked: Asked): Promise<number> {
  return Number(await one(asked, "SELECT CONNECTION_ID()"));
}

/** Returns the numbers in a column of a table in the database `test`, as root sees them. */
export async function valuesIn(server: Server, table: string): Promise<number[]> {
  const rows = await server.query<{ v: number }>(`SELECT v FROM test.${table} ORDER BY v`);
  return rows.map(({ v }) => v);
}

/** Returns which connections of pools the server has. */
export async function threadsOf(server: Server): Promise<number[]> {
  const rows = await server.query<{ id: number }>(
    "SELECT id FROM information_schema.processlist WHERE user = 'app' ORDER BY id",
  );
  return rows.map(({ id }) => Number(id));
}

/** Returns which of the pool's connections the server has a statement of running in. */
export async function busyThreads(server: Server): Promise<number[]> {
  const rows = await server.query<{ id: number }>(
    "SELECT id FROM information_schema.processlist " +
      "WHERE user = 'app' AND command IN ('Query', 'Execute') AND info IS NOT NULL",
  );
  return rows.map(({ id }) => Number(id));
}

/** Waits until the server runs a statement of the pool and returns the connection it runs in. */
export async function busyThread(server: Server): Promise<number> {
  return await until(async () => (await busyThreads(server))[0], "the server is at it");
}

/** Waits until the server has so many connections of pools. */
export async function connected(server: Server, count: number): Promise<void> {
  await until(
    async () => await server.connectionCount() === count,
    `the server has ${count} connections of pools`,
  );
}

/** Expects a promise to be rejected with an error of the pool. */
export async function refused(promise: Promise<unknown>, code: ErrorCode): Promise<SubletError> {
  const error = await failure(promise);
  assert.ok(error instanceof SubletError, `Expected ${code}, received ${error}`);
  assert.equal(error.code, code, error.message);
  return error;
}

/** Expects a promise to be rejected, and returns with what. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise]);
  assert.equal(outcome.status, "rejected", "Expected an error, received an answer");
  return outcome.reason;
}

/** Tells whether an error says that a connection was lost, as the driver or the pool says it. */
export function isLoss(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return ["CONNECTION_LOST", "PROTOCOL_CONNECTION_LOST", "ECONNRESET", "EPIPE"].includes(
    String(code),
  );
}

/** Expects that a pool has lent nothing and that nobody waits for it. */
export function assertFree(db: { census: Pool["census"] }): void {
  const { leased, waiting, blocked } = db.census();
  assert.deepEqual({ leased, waiting, blocked }, { leased: 0, waiting: 0, blocked: 0 });
}

/** Waits until a pool is not busy with anything. */
export async function atRest(db: { census: Pool["census"] }): Promise<void> {
  await until(() => {
    const { size, idle, waiting } = db.census();
    return size === idle && waiting === 0;
  }, "the pool is at rest");
}

/** Returns how long a promise takes to be settled, in ms. */
export async function timed(promise: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await Promise.allSettled([promise]);
  return performance.now() - began;
}
