/**
 * A network that says nothing any more: what is bounded in time although nobody is told, and
 * what waits because only the server knows.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "../../mod.ts";
import { failure, refused, threadOf, timed } from "../support/asking.ts";
import { lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";
import { Scene } from "./support/scene.ts";

/** How long a ping may take, and a session that was given up may count, in ms. */
const pingMs = 1_000;
const givenUpMs = 5_000;
/** How long the answer that ends a transaction is waited for once it has been aborted, in ms. */
const lastWordMs = 1_000;
/** What a busy machine may add, in ms. */
const slackMs = 700;

/** Lets a pool have some idle connections. */
async function rest(db: Pool, count: number): Promise<void> {
  const leases = await Promise.all(Array.from({ length: count }, () => db.lease()));
  for (const lease of leases) lease.release();
}

/** Expects a promise to be settled at a time, or a little later on a busy machine. */
async function settlesIn(expectedMs: number, promise: Promise<unknown>): Promise<void> {
  const ms = await timed(promise);
  assert.ok(ms > expectedMs - 10 && ms < expectedMs + slackMs, `it took ${ms} ms`);
}

/** Idle connections are pinged before they are lent. */
async function servesAfterPing(scene: Scene): Promise<void> {
  const db = scene.pool({ connectionLimit: 3, validateAfter: 0 });
  await rest(db, 3);
  scene.proxy.end("silence");
  const answers = Promise.all([1, 2, 3].map(() => threadOf(db)));
  await settlesIn(pingMs, answers);
  await answers;
}

/** A statement has a time-out, and a connection that was given up has one too. */
async function freesPlace(scene: Scene): Promise<void> {
  const db = scene.pool({ connectionLimit: 1, acquireTimeout: 2 * givenUpMs });
  await threadOf(db);
  scene.proxy.end("silence");
  const statement = refused(db.query("SELECT 1", [], { timeout: 200 }), "STATEMENT_TIMEOUT");
  await settlesIn(200, statement);
  await statement;
  const next = threadOf(db);
  const placeMs = await timed(next);
  await next;
  assert.ok(placeMs < givenUpMs + slackMs, `it took ${placeMs} ms`);
}

/** Begins a COMMIT that is not answered; returns what becomes of it. */
async function commitInVain(
  { proxy }: Scene,
  db: Pool,
  signal?: AbortSignal,
): Promise<{ error: Promise<unknown> }> {
  const error = failure(db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    proxy.end("silence");
  }, { signal }));
  await until(() => proxy.commands.includes("QUERY COMMIT"), "it is committing");
  return { error };
}

/** Whoever gives no time waits for a COMMIT, as only the server knows what became of it. */
async function waitsForCommit(scene: Scene): Promise<void> {
  const db = scene.pool({ connectionLimit: 1 });
  const { error } = await commitInVain(scene, db);
  assert.equal(
    await Promise.race([error, sleep(lastWordMs + slackMs, "nothing yet")]),
    "nothing yet",
  );
  await settlesIn(300, db.drain({ timeout: 300 }));
  assert.equal(codeOf(await error), "COMMIT_UNKNOWN");
}

/** Whoever aborts a transaction that commits is told in time that nobody knows. */
async function givesCommitUp(scene: Scene): Promise<void> {
  const db = scene.pool({ connectionLimit: 1 });
  const abort = new AbortController();
  const { error } = await commitInVain(scene, db, abort.signal);
  const reason = new Error("too late");
  abort.abort(reason);
  await settlesIn(lastWordMs, error);
  const told = await error;
  assert.equal(codeOf(told), "COMMIT_UNKNOWN");
  assert.equal((told as Error).cause, reason);
}

/** A transaction whose code throws waits for its ROLLBACK no longer than it may take. */
async function givesRollbackUp(scene: Scene): Promise<void> {
  const db = scene.pool({ connectionLimit: 1 });
  const abort = new AbortController();
  const thrown = new Error("thrown");
  const error = failure(db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    scene.proxy.end("silence");
    throw thrown;
  }, { signal: abort.signal }));
  await until(() => scene.proxy.commands.includes("QUERY ROLLBACK"), "it is rolling back");
  abort.abort();
  await settlesIn(lastWordMs, error);
  assert.equal(await error, thrown);
}

/** An abort rolls an idle transaction back; its code is not kept waiting for that. */
async function givesAbortedUp(scene: Scene): Promise<void> {
  const db = scene.pool({ connectionLimit: 1 });
  const abort = new AbortController();
  const reason = new Error("too late");
  const error = failure(db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    scene.proxy.end("silence");
    abort.abort(reason);
  }, { signal: abort.signal }));
  await settlesIn(lastWordMs, error);
  assert.equal(await error, reason);
}

/** The end of a savepoint is no more than a statement. */
async function givesSavepointUp(scene: Scene): Promise<void> {
  for (const isThrown of [false, true]) {
    const db = scene.pool({ connectionLimit: 1 });
    const reason = new Error("too late");
    const abort = new AbortController();
    const error = failure(db.transaction(async () => {
      await db.transaction(async () => {
        await db.query("INSERT INTO t VALUES (1)");
        scene.proxy.end("silence");
        setTimeout(() => abort.abort(reason), 50);
        if (isThrown) throw new Error("thrown");
      });
    }, { signal: abort.signal }));
    const ms = await timed(error);
    assert.ok(ms < 2 * lastWordMs + slackMs, `it took ${ms} ms`);
    await error;
  }
}

/** A connect has its time. */
async function givesConnectUp(scene: Scene): Promise<void> {
  const db = scene.pool({ connectTimeout: 300 });
  scene.proxy.meet("toClient", { ends: { after: 0, by: "silence" } });
  const attempt = refused(threadOf(db), "CONNECT_FAILED");
  await settlesIn(300, attempt);
  assert.equal(codeOf((await attempt).cause), "ETIMEDOUT");
  scene.proxy.meet("toClient", {});
  const recoveryMs = await timed(until(() => threadOf(db), "it serves"));
  assert.ok(recoveryMs < 1_000, `it took ${recoveryMs} ms`);
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

// Nearly all that is done here is to wait, for which the two need not wait for each other.
describe("a half-open network", { concurrency: true }, () => {
  for (const flavor of ["mariadb", "mysql"] as const) {
    describe(flavor, { skip: lackOf(flavor) ?? false, concurrency: false }, () => {
      let scene: Scene;
      before(async () => {
        scene = await Scene.start(flavor);
      });
      afterEach(async () => {
        scene.proxy.reset();
        scene.proxy.forget();
        await scene.tidy();
      });
      after(() => scene?.[Symbol.asyncDispose]());

      test("who asks while all idle connections are half-open is served when a ping was in vain", () =>
        servesAfterPing(scene));

      test("a statement on a half-open connection ends by its time-out, and its place is free in time", () =>
        freesPlace(scene));

      test("a COMMIT on a half-open connection is waited for, until the pool ends by its deadline", () =>
        waitsForCommit(scene));

      test("a COMMIT on a half-open connection is unknown a second after its transaction was aborted", () =>
        givesCommitUp(scene));

      test("a ROLLBACK on a half-open connection keeps nobody for longer than a second after an abort", () =>
        givesRollbackUp(scene));

      test("a transaction that is aborted on a half-open connection ends within a second", () =>
        givesAbortedUp(scene));

      test("a savepoint on a half-open connection ends within its transaction's time", () =>
        givesSavepointUp(scene));

      test("a connect that hears nothing is given up in time, and who waits is told why", () =>
        givesConnectUp(scene));
    });
  }
});
