/**
 * A network that goes silent: which waits the pool bounds in time although no error arrives, and
 * which it does not, because only the server knows the outcome.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "../../mod.ts";
import { failure, refused, threadOf, timed } from "../support/asking.ts";
import { lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";
import { Scene } from "./support/scene.ts";

/** How long a ping may take, and how long an abandoned session may count, in ms. */
const pingMs = 1_000;
const givenUpMs = 5_000;
/** How long the pool awaits the answer to a COMMIT or ROLLBACK after an abort, in ms. */
const lastWordMs = 1_000;
/** How much longer a busy machine may take, in ms. */
const slackMs = 700;

/** Gives a pool some idle connections. */
async function rest(db: Pool<"main">, count: number): Promise<void> {
  const leases = await Promise.all(Array.from({ length: count }, () => db.lease()));
  for (const lease of leases) lease.release();
}

/** Expects a promise to settle after a time, or a little later on a busy machine. */
async function settlesIn(expectedMs: number, promise: Promise<unknown>): Promise<void> {
  const ms = await timed(promise);
  assert.ok(ms > expectedMs - 10 && ms < expectedMs + slackMs, `it took ${ms} ms`);
}

/** The pool pings idle connections before it lends them. */
async function servesAfterPing(scene: Scene): Promise<void> {
  const db = scene.pool({ connectionLimit: 3, validateAfter: 0 });
  await rest(db, 3);
  scene.proxy.end("silence");
  const answers = Promise.all([1, 2, 3].map(() => threadOf(db)));
  await settlesIn(pingMs, answers);
  await answers;
}

/** A statement has a timeout, and the pool counts an abandoned connection for a limited time. */
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

/** Sends a COMMIT that gets no answer; returns the error of its transaction. */
async function commitInVain(
  { proxy }: Scene,
  db: Pool<"main">,
  signal?: AbortSignal,
): Promise<{ error: Promise<unknown> }> {
  const error = failure(db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    proxy.end("silence");
  }, { signal }));
  await until(() => proxy.commands.includes("QUERY COMMIT"), "it is committing");
  return { error };
}

/** Without a signal, a COMMIT waits for its answer, as only the server knows the outcome. */
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

/** An aborted transaction that is committing rejects in time with COMMIT_UNKNOWN. */
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

/** A transaction whose callback throws waits for its ROLLBACK a limited time after an abort. */
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

/** An abort rolls an idle transaction back; the caller does not wait long for the ROLLBACK. */
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

/** The end of a savepoint is aborted like any statement. */
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

/** A connect has a timeout. */
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

// The tests of the two servers run concurrently, because they mostly wait.
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

      test("requests succeed after pings of half-open connections fail", () =>
        servesAfterPing(scene));

      test("a statement on a half-open connection times out, and the pool replaces it in time", () =>
        freesPlace(scene));

      test("a COMMIT on a half-open connection waits until the deadline of a drain", () =>
        waitsForCommit(scene));

      test("a COMMIT on a half-open connection is unknown one second after an abort", () =>
        givesCommitUp(scene));

      test("a ROLLBACK on a half-open connection ends one second after an abort", () =>
        givesRollbackUp(scene));

      test("an aborted transaction on a half-open connection ends after one second", () =>
        givesAbortedUp(scene));

      test("a savepoint on a half-open connection ends within two seconds of an abort", () =>
        givesSavepointUp(scene));

      test("a connect without an answer times out, and the waiter gets the cause", () =>
        givesConnectUp(scene));
    });
  }
});
