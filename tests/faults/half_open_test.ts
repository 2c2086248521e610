/**
 * A network that says nothing any more: what is bounded in time although nobody is told, and
 * what waits because only the server knows.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Pool } from "../../mod.ts";
import { failure, refused, threadOf, timed } from "../support/asking.ts";
import { until } from "../support/wait.ts";
import { Scene } from "./support/scene.ts";

/** How long a ping may take, and a session that was given up may count, in ms. */
const pingMs = 1_000;
const givenUpMs = 5_000;
/** What a busy machine may add, in ms. */
const slackMs = 700;

let scene: Scene;
before(async () => {
  scene = await Scene.start("mariadb");
});
afterEach(async () => {
  scene.proxy.reset();
  await scene.tidy();
});
after(() => scene?.[Symbol.asyncDispose]());

/** Lets a pool have some idle connections. */
async function rest(db: Pool, count: number): Promise<void> {
  const leases = await Promise.all(Array.from({ length: count }, () => db.lease()));
  for (const lease of leases) lease.release();
}

test("who asks while all idle connections are half-open is served when a ping was in vain", async () => {
  const db = scene.pool({ connectionLimit: 3, validateAfter: 0 });
  await rest(db, 3);
  scene.proxy.end("silence");
  const answers = [1, 2, 3].map(() => threadOf(db));
  const ms = await timed(Promise.all(answers));
  await Promise.all(answers);
  assert.ok(ms > pingMs - 10 && ms < pingMs + slackMs, `it took ${ms} ms`);
});

test("a statement on a half-open connection ends by its time-out, and its place is free in time", async () => {
  const db = scene.pool({ connectionLimit: 1, acquireTimeout: 2 * givenUpMs });
  await threadOf(db);
  scene.proxy.end("silence");
  const statement = db.query("SELECT 1", [], { timeout: 200 });
  const ms = await timed(statement);
  await refused(statement, "STATEMENT_TIMEOUT");
  assert.ok(ms > 190 && ms < 200 + slackMs, `it took ${ms} ms`);
  const next = threadOf(db);
  const placeMs = await timed(next);
  await next;
  assert.ok(placeMs < givenUpMs + slackMs, `it took ${placeMs} ms`);
});

test("a COMMIT on a half-open connection is waited for, until the pool ends by its deadline", async () => {
  const db = scene.pool({ connectionLimit: 1 });
  const abort = new AbortController();
  const transaction = failure(db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    scene.proxy.end("silence");
  }, { signal: abort.signal }));
  await until(() => scene.proxy.commands.includes("QUERY COMMIT"), "it is committing");
  abort.abort();
  const drainMs = await timed(db.drain({ timeout: 300 }));
  assert.ok(drainMs > 290 && drainMs < 300 + slackMs, `it took ${drainMs} ms`);
  const error = await transaction;
  assert.ok(error instanceof Error && "code" in error);
  assert.equal(error.code, "COMMIT_UNKNOWN");
});

test("a connect that hears nothing is given up in time, and who waits is told why", async () => {
  const db = scene.pool({ connectTimeout: 300 });
  scene.proxy.meet("toClient", { ends: { after: 0, by: "silence" } });
  const attempt = threadOf(db);
  const ms = await timed(attempt);
  const { cause } = await refused(attempt, "CONNECT_FAILED");
  assert.equal((cause as { code?: unknown }).code, "ETIMEDOUT");
  assert.ok(ms > 290 && ms < 300 + slackMs, `it took ${ms} ms`);
  scene.proxy.meet("toClient", {});
  const recoveryMs = await timed(until(() => threadOf(db), "it serves"));
  assert.ok(recoveryMs < 1_000, `it took ${recoveryMs} ms`);
});
