/** Queries through a proxy that cuts connections, and checks that no result is wrong. */

import assert from "node:assert/strict";
import { createPool, type Pool, type PoolOptions, SubletError } from "../../../mod.ts";
import { isLoss } from "../../../src/mysql/errors.ts";
import { type Direction, type Proxy, startProxy } from "../../support/proxy.ts";
import type { Server } from "../../support/server.ts";
import { until } from "../../support/wait.ts";

/** How many cuts run at once. */
const concurrency = 8;

/** A pool of one connection behind its own proxy. */
export interface Line extends AsyncDisposable {
  /** The proxy. */
  readonly proxy: Proxy;
  /** The pool. */
  readonly db: Pool<"main">;
}

/** Starts a proxy before a server, and creates a pool behind it. */
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

/** Runs an attempt at each step below a count, several at once, until one fails. */
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

/** Returns how many bytes the proxy receives for a direction during an action. */
export async function bytesOf(
  { proxy }: Line,
  direction: Direction,
  act: () => Promise<unknown>,
): Promise<number> {
  const before = proxy.received[direction];
  await act();
  return proxy.received[direction] - before;
}

/** Expects a right result, or an error that reports a missing answer. */
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
  const isExpected = reason instanceof SubletError
    ? ["CONNECT_FAILED", "STATEMENT_TIMEOUT", "CONNECTION_LOST"].includes(reason.code)
    // If the driver cannot parse an answer, it ends the connection with its own error.
    : isLoss(reason);
  assert.ok(isExpected, `it got ${reason?.code}: ${reason?.stack}`);
}

/** Removes the fault of a direction, and expects the pool to serve again. */
export async function recovers({ proxy, db }: Line, direction: Direction): Promise<void> {
  proxy.meet(direction, {});
  proxy.end("reset");
  await until(() => db.query("SELECT 1"), "the pool serves again", { timeoutMs: 3_000 });
  const { size, leased, waiting } = db.stats();
  assert.deepEqual({ size, leased, waiting }, { size: 1, leased: 0, waiting: 0 });
}
