/** Asks through a proxy that cuts, and judges what came of it: no answer is ever a wrong one. */

import assert from "node:assert/strict";
import { createPool, type Pool, type PoolOptions, SubletError } from "../../../mod.ts";
import { isLoss } from "../../../src/mysql/errors.ts";
import { type Direction, type Proxy, startProxy } from "../../support/proxy.ts";
import type { Server } from "../../support/server.ts";
import { until } from "../../support/wait.ts";

/** How many cuts are tried at once. */
const concurrency = 8;

/** A pool of one behind a proxy of its own. */
export interface Line extends AsyncDisposable {
  /** The proxy. */
  readonly proxy: Proxy;
  /** The pool. */
  readonly db: Pool;
}

/** Opens a line to a server. */
export async function openLine(server: Server, options: PoolOptions = {}): Promise<Line> {
  const proxy = await startProxy(server);
  const db = createPool({ uri: proxy.uri, shared: false, connectionLimit: 1, ...options });
  return {
    proxy,
    db,
    async [Symbol.asyncDispose]() {
      await db.drain({ timeout: 0 });
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** Tries something at each number below a count, some at a time, until it fails. */
export async function eachBelow(
  count: number,
  step: number,
  attempt: (number: number) => Promise<void>,
): Promise<void> {
  const numbers = Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
  const work = async (): Promise<void> => {
    for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
      const at = number;
      await attempt(at).catch((cause: unknown) => {
        numbers.length = 0;
        throw new Error(`At byte ${at}`, { cause });
      });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
}

/** Returns how many bytes pass in a direction while something is done. */
export async function bytesOf(
  { proxy }: Line,
  direction: Direction,
  act: () => Promise<unknown>,
): Promise<number> {
  const before = proxy.received[direction];
  await act();
  return proxy.received[direction] - before;
}

/** Expects an answer to be right, or an error that says that no answer came. */
export async function assertNeverWrong(
  answer: Promise<[rows: object[], fields: unknown]>,
  right: readonly object[],
): Promise<void> {
  const [outcome] = await Promise.allSettled([answer]);
  if (outcome.status === "fulfilled") {
    const [rows] = outcome.value;
    return assert.deepEqual(rows.map((row) => ({ ...row })), right);
  }
  const { reason } = outcome;
  const sawReport = reason instanceof SubletError
    ? ["CONNECT_FAILED", "STATEMENT_TIMEOUT", "CONNECTION_LOST"].includes(reason.code)
    // What the driver cannot make sense of is an error of its own, which ends the connection.
    : isLoss(reason);
  assert.ok(sawReport, `it was told ${reason?.code}: ${reason?.stack}`);
}

/** Sets the way in a direction, and expects the pool to serve again when it is good. */
export async function recovers({ proxy, db }: Line, direction: Direction): Promise<void> {
  proxy.meet(direction, {});
  proxy.end("reset");
  await until(() => db.query("SELECT 1"), "the pool serves again", { timeoutMs: 3_000 });
  const { size, leased, waiting } = db.stats();
  assert.deepEqual({ size, leased, waiting }, { size: 1, leased: 0, waiting: 0 });
}
