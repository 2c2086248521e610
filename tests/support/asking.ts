/** What tests ask of a pool, and of what it says, in whatever runtime they run. */

import assert from "node:assert/strict";
import { type ErrorCode, type Field, type Pool, type Row, SubletError } from "../../mod.ts";
import { until } from "./wait.ts";

/** What takes statements: a pool, a virtual connection or a lease. */
export interface Asked {
  /** Sends a statement as text. */
  query(sql: string, values?: unknown): Promise<[rows: Row[], fields: Field[]]>;
}

/** What tells how it is: a pool of whatever virtual connections. */
export type Counted = Pick<Pool, "stats">;

/** Runs as long as it is let, on either server. */
export const endless = `SELECT COUNT(*) FROM information_schema.columns a,
  information_schema.columns b, information_schema.columns c, information_schema.columns d`;

/** Runs a statement and returns the first column of its first row. */
export async function one(asked: Asked, sql: string, values?: unknown): Promise<unknown> {
  const [rows] = await asked.query(sql, values);
  return Object.values(rows[0] ?? {})[0];
}

/** Returns the server's name for the connection that a statement runs on. */
export async function threadOf(asked: Asked): Promise<number> {
  return Number(await one(asked, "SELECT CONNECTION_ID()"));
}

/** Has the pool look up what some names are, which it then knows a while. */
export async function looked(asked: Asked, ...names: readonly string[]): Promise<void> {
  const list = ["1", ...names.map((name) => `1 AS \`${name}\``)].join(", ");
  await asked.query(`SELECT ${list} FROM DUAL`);
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
  // MySQL gives its reason for ending a silent session to whoever asks at that moment.
  const silent = ["4031", "ER_CLIENT_INTERACTION_TIMEOUT"];
  const lost = ["CONNECTION_LOST", "PROTOCOL_CONNECTION_LOST", "ECONNRESET", "EPIPE", ...silent];
  return lost.includes(String(code));
}

/** Expects that a pool has lent nothing and that nobody waits for it. */
export function assertFree(db: Counted): void {
  const { leased, waiting, blocked } = db.stats();
  assert.deepEqual({ leased, waiting, blocked }, { leased: 0, waiting: 0, blocked: 0 });
}

/** Waits until a pool is not busy with anything. */
export async function atRest(db: Counted): Promise<void> {
  await until(() => {
    const { size, idle, waiting } = db.stats();
    return size === idle && waiting === 0;
  }, "the pool is at rest");
}

/** Returns how long a promise takes to be settled, in ms. */
export async function timed(promise: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await Promise.allSettled([promise]);
  return performance.now() - began;
}
