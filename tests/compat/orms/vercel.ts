/**
 * attachDatabasePool of @vercel/functions on the pool: it keeps the instance awake while
 * connections are idle; once the instance may sleep, no connection is left.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { attachDatabasePool } from "@vercel/functions";
import { until } from "../../support/wait.ts";
import { type Place, work } from "./support/place.ts";

/** How long connections may lie idle, in ms. */
const idleTimeout = 500;

/** The promises that a request passed to `waitUntil`: they keep the instance awake. */
type Kept = Promise<unknown>[];

/** Sets the environment and request context that Vercel sets around requests. */
function beVercel(kept: Kept): void {
  Object.assign(process.env, { VERCEL_URL: "shop.vercel.app", VERCEL_REGION: "fra1" });
  const request = { waitUntil: (work: Promise<unknown>) => void kept.push(work) };
  Reflect.set(globalThis, Symbol.for("@vercel/request-context"), { get: () => request });
}

/** Every lease keeps the instance awake, also those of waiters, statements and failures. */
async function keepsAwake(place: Place, kept: Kept): Promise<void> {
  kept.length = 0;
  const { pool, promises } = place;
  const requests: (() => Promise<unknown>)[] = [
    () => promises.query("SELECT 1"),
    () => promises.execute("SELECT ?", [1]),
    () => promises.query("SELECT nothing").catch(() => undefined),
    async () => (await promises.getConnection()).release(),
    () =>
      new Promise<void>((resolve, reject) => {
        pool.getConnection((error, connection) => {
          if (error) return reject(error);
          connection.release();
          resolve();
        });
      }),
  ];
  const all = Array.from({ length: 4 }, () => requests).flat();
  await place.crowd(all);
  await place.free();
  assert.equal(kept.length, all.length);
}

await work(async (place) => {
  const { pool } = place;
  const kept: Kept = [];
  beVercel(kept);
  attachDatabasePool(pool);
  for (let round = 0; round < 2; round++) {
    const began = performance.now();
    await keepsAwake(place, kept);
    assert.ok(await place.connectionCount() > 0, "There is nothing to be kept awake for");
    await Promise.all(kept);
    const awakeMs = performance.now() - began;
    assert.ok(awakeMs >= idleTimeout, `It slept after ${awakeMs} ms, before they closed`);
    await until(async () => await place.connectionCount() === 0, "none is left", {
      timeoutMs: 2_000,
    });
  }
}, { idleTimeout });
