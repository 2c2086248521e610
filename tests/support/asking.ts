/** Helpers for queries, errors and statistics of a pool, on any runtime. */

import assert from "node:assert/strict";
import { type ErrorCode, type Field, type Pool, type Row, SubletError } from "../../mod.ts";
import { until } from "./wait.ts";

/** An object that runs statements: a pool, a virtual connection or a lease. */
export interface Asked {
  /** Sends a statement as text. */
  query(sql: string, values?: unknown): Promise<[rows: Row[], fields: Field[]]>;
}

/** An object with statistics: a pool with any virtual connections. */
export type Counted = Pick<Pool, "stats">;

/** A query that runs practically for ever on either server. */
export const endless = `SELECT COUNT(*) FROM information_schema.columns a,
  information_schema.columns b, information_schema.columns c, information_schema.columns d`;

/** Runs a statement and returns the first column of its first row. */
export async function one(asked: Asked, sql: string, values?: unknown): Promise<unknown> {
  const [rows] = await asked.query(sql, values);
  return Object.values(rows[0] ?? {})[0];
}

/** Returns the thread id of the connection that a statement runs on. */
export async function threadOf(asked: Asked): Promise<number> {
  return Number(await one(asked, "SELECT CONNECTION_ID()"));
}

/** Makes the pool look up stored objects by name; the pool caches the result for a while. */
export async function looked(asked: Asked, ...names: readonly string[]): Promise<void> {
  const list = ["1", ...names.map((name) => `1 AS \`${name}\``)].join(", ");
  await asked.query(`SELECT ${list} FROM DUAL`);
}

/** Expects a promise to reject with an error code of the pool; returns the error. */
export async function refused(promise: Promise<unknown>, code: ErrorCode): Promise<SubletError> {
  const error = await failure(promise);
  assert.ok(error instanceof SubletError, `Expected ${code}, received ${error}`);
  assert.equal(error.code, code, error.message);
  return error;
}

/** Expects a promise to reject; returns its error. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise]);
  assert.equal(outcome.status, "rejected", "Expected an error, received an answer");
  return outcome.reason;
}

/** Tells whether an error of the driver or of the pool reports a lost connection. */
export function isLoss(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  // MySQL sends this error to a client that uses a session that it has ended as inactive.
  const silent = ["4031", "ER_CLIENT_INTERACTION_TIMEOUT"];
  const lost = ["CONNECTION_LOST", "PROTOCOL_CONNECTION_LOST", "ECONNRESET", "EPIPE", ...silent];
  return lost.includes(String(code));
}

/** Expects that a pool has no leases and no waiters. */
export function assertFree(db: Counted): void {
  const { leased, waiting, blocked } = db.stats();
  assert.deepEqual({ leased, waiting, blocked }, { leased: 0, waiting: 0, blocked: 0 });
}

/** Waits until all connections of a pool are idle and no request waits. */
export async function atRest(db: Counted): Promise<void> {
  await until(() => {
    const { size, idle, waiting } = db.stats();
    return size === idle && waiting === 0;
  }, "the pool is at rest");
}

/** Returns how long a promise takes to settle, in ms. */
export async function timed(promise: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await Promise.allSettled([promise]);
  return performance.now() - began;
}
