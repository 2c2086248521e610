/** Transactions: atomic, and only with the statements of their own code. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeServerError } from "./support/fake_connector.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

test("a transaction commits when its code returns, and rolls back when its code throws", async () => {
  const world = createWorld();
  const { db, connector } = world;
  assert.equal(await db.transaction(async () => (await seen(db, "SELECT a")).inTransaction), true);
  const error = new Error("mine");
  await assert.rejects(
    db.transaction(async () => {
      await seen(db, "SELECT b");
      throw error;
    }),
    error,
  );
  assert.doesNotMatch(error.stack ?? "", /caused at/);
  assert.deepEqual(connector.log, [
    "1: START TRANSACTION",
    "1: SELECT a",
    "1: COMMIT",
    "1: START TRANSACTION",
    "1: SELECT b",
    "1: ROLLBACK",
  ]);
  assert.equal(connector.sessions[0]?.resets, 0);
  await endsEmpty(world);
});

test("statements in a transaction's code join it at any call depth and at the limit", async () => {
  const world = createWorld({ connectionLimit: 1 });
  async function deep(depth: number): Promise<number> {
    await settled();
    return depth === 0 ? (await seen(world.db)).threadId : await deep(depth - 1);
  }
  await world.db.transaction(async () => assert.equal(await deep(5), 1));
  await endsEmpty(world);
});

test("a transaction begins with its isolation and readOnly; others are refused", async () => {
  const { db, connector } = createWorld();
  await db.transaction(() => 1, { isolation: "serializable", readOnly: true });
  assert.deepEqual(connector.log, [
    "1: SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "1: START TRANSACTION READ ONLY",
    "1: COMMIT",
  ]);
  await refused(db.transaction(() => 1, { isolation: "none" as never }), "OPTION_INVALID");
});

test("the pool refuses a statement that comes after its transaction, and runs none", async () => {
  const world = createWorld();
  const { db, connector } = world;
  await db.unit(async () => {
    const ended = Promise.withResolvers<void>();
    let late: Promise<unknown> = Promise.resolve();
    await db.transaction(() => {
      late = ended.promise.then(() => refused(seen(db, "SELECT late"), "LEASE_ENDED"));
    });
    ended.resolve();
    await late;
  });
  assert.ok(!connector.log.some((line) => line.includes("late")));
  await endsEmpty(world);
});

test("the pool rolls back a transaction that is open when its unit ends", async () => {
  const world = createWorld();
  const { db, connector } = world;
  let left: Promise<unknown> = Promise.resolve();
  const ended = Promise.withResolvers<void>();
  await db.unit(async () => {
    left = refused(
      db.transaction(async () => {
        await ended.promise;
        await seen(db, "SELECT late");
      }),
      "UNIT_ENDED",
    );
    await settled();
    assert.equal(db.stats().leased, 1);
  });
  await settled();
  assert.equal(db.stats().leased, 0);
  assert.equal(connector.sessions[0]?.resets, 1);
  assert.equal(connector.sessions[0]?.isInTransaction, false);
  ended.resolve();
  await left;
  assert.deepEqual(connector.log, ["1: START TRANSACTION"]);
  await endsEmpty(world);
});

test("if the answer to COMMIT is lost, the error says so and nothing is repeated", async () => {
  const world = createWorld();
  const { db, connector } = world;
  let runs = 0;
  const unit = db.unit(async () => {
    runs++;
    await db.transaction(async () => {
      await seen(db);
      Object.assign(connector.sessions[0] ?? {}, { hangsOn: "COMMIT" });
    }).catch((cause) => {
      throw new Error("wrapped", { cause });
    });
  }, { retries: 5 });
  const failed = unit.catch((error) => {
    throw error.cause;
  });
  const refusal = refused(failed, "COMMIT_UNKNOWN");
  await settled();
  connector.sessions[0]?.kill();
  const error = await refusal;
  assert.equal(error.stage, "commit");
  assert.equal(runs, 1);
  await endsEmpty(world);
});

test("a transaction fails if its connection is lost before COMMIT is sent", async () => {
  const world = createWorld();
  const { db, connector } = world;
  await refused(
    db.transaction(async () => {
      await seen(db);
      connector.sessions[0]?.kill();
      await refused(seen(db), "CONNECTION_LOST");
    }),
    "CONNECTION_LOST",
  );
  await endsEmpty(world);
});

test("the error has a failed rollback as `suppressed`; the connection is closed", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const error: Error & { suppressed?: unknown } = new Error("mine");
  const transaction = db.transaction(async () => {
    const [session] = connector.sessions;
    assert.ok(session);
    session.failNext = new FakeServerError(1180, "Cannot roll back");
    await Promise.resolve();
    throw error;
  });
  await assert.rejects(transaction, error);
  assert.match(String(error.suppressed), /Cannot roll back/);
  assert.equal((await seen(db)).threadId, 2);
  await endsEmpty(world);
});

test("an abort rolls a transaction back", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const abort = new AbortController();
  const reason = new Error("gone");
  const transaction = db.transaction(async () => {
    await seen(db);
    abort.abort(reason);
  }, { signal: abort.signal });
  await assert.rejects(transaction, reason);
  assert.deepEqual(connector.log.map((line) => line.slice(3)), [
    "START TRANSACTION",
    "SELECT",
    "ROLLBACK",
  ]);
  assert.equal((await seen(db)).threadId, 1);
  await endsEmpty(world);
});

test("an abort while COMMIT is under way does not interrupt COMMIT", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const abort = new AbortController();
  const transaction = db.transaction(async () => {
    await seen(db);
    Object.assign(connector.sessions[0] ?? {}, { hangsOn: "COMMIT" });
    return "committed";
  }, { signal: abort.signal });
  await settled();
  abort.abort();
  await settled();
  connector.sessions[0]?.answer();
  assert.equal(await transaction, "committed");
  await endsEmpty(world);
});

test("the error of a transaction that cannot begin has the caller in its stack", async () => {
  const { db, connector } = createWorld();
  connector.connectFailures.push(new FakeServerError(2003, "refused"));
  async function caller(): Promise<void> {
    await db.transaction(() => 1);
  }
  const error = await refused(caller(), "CONNECT_FAILED");
  assert.match(error.stack ?? "", /at async caller .*transaction_test\.ts/);
});

test("a transaction that is aborted while it waits leaves the queue", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db, connector } = world;
  const holder = seen(db, "HANG");
  await settled();
  const abort = new AbortController();
  const waiting = assert.rejects(db.transaction(() => 1, { signal: abort.signal }));
  await settled();
  assert.equal(db.stats().waiting, 1);
  abort.abort();
  await waiting;
  assert.equal(db.stats().waiting, 0);
  connector.sessions[0]?.answer();
  await holder;
  await endsEmpty(world);
});
