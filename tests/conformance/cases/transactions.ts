/** Transactions: all of their statements take effect or none, and never more than once. */

import assert from "node:assert/strict";
import { assertFree, failure, isLoss, one, refused, threadOf } from "../../support/asking.ts";
import { both, Suite } from "../suite/suite.ts";

/** Tests of transactions. */
export const transactions: Suite = new Suite();

const mine = new Error("mine");

transactions.test("a transaction whose code succeeds is committed", { on: both }, async (world) => {
  const { server } = world;
  await server.table("t", "v INT");
  const db = world.pool();
  const answer = await db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    await db.execute("INSERT INTO t VALUES (?)", [2]);
    assert.deepEqual(await server.values("t"), []);
    return "done";
  });
  assert.equal(answer, "done");
  assert.deepEqual(await server.values("t"), [1, 2]);
  assertFree(db);
});

transactions.test("a transaction whose code throws is rolled back", { on: both }, async (world) => {
  await world.server.table("t", "v INT");
  const db = world.pool({ connectionLimit: 1 });
  const thread = await threadOf(db);
  const transaction = db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    throw mine;
  });
  await assert.rejects(transaction, mine);
  assert.equal(await one(db, "SELECT COUNT(*) FROM t"), 0);
  assert.equal(await threadOf(db), thread);
});

transactions.test(
  "an inner transaction that throws undoes only its own changes",
  { on: both },
  async (world) => {
    await world.server.table("t", "v INT");
    const db = world.pool();
    await db.transaction(async () => {
      await db.query("INSERT INTO t VALUES (1)");
      const inner = db.transaction(async () => {
        await db.query("INSERT INTO t VALUES (2)");
        throw mine;
      });
      await assert.rejects(inner, mine);
      await db.transaction(() => db.query("INSERT INTO t VALUES (3)"));
    });
    assert.deepEqual(await world.server.values("t"), [1, 3]);
  },
);

transactions.test(
  "an outer transaction that throws undoes the inner one too",
  {},
  async (world) => {
    await world.server.table("t", "v INT");
    const db = world.pool();
    const outer = db.transaction(async () => {
      await db.transaction(() => db.query("INSERT INTO t VALUES (1)"));
      throw mine;
    });
    await assert.rejects(outer, mine);
    assert.deepEqual(await world.server.values("t"), []);
  },
);

transactions.test(
  "isolation and read-only hold for one transaction",
  { on: both },
  async (world) => {
    await world.server.table("t", "v INT");
    const db = world.pool({ connectionLimit: 1 });
    const write = (): Promise<unknown> => db.query("INSERT INTO t VALUES (1)");
    const error = await failure(db.transaction(write, { readOnly: true }));
    assert.equal((error as { errno?: unknown }).errno, 1792);
    await db.transaction(async () => {
      assert.equal(await one(db, "SELECT COUNT(*) FROM t"), 0);
      await world.server.query("INSERT INTO test.t VALUES (2)");
      assert.equal(await one(db, "SELECT COUNT(*) FROM t"), 1);
    }, { isolation: "read committed" });
    await write();
    assert.deepEqual(await world.server.values("t"), [1, 2]);
  },
);

transactions.test(
  "of two transactions in a deadlock the server aborts one, and its unit runs again",
  {
    on: both,
  },
  async (world) => {
    await world.server.table("t", "id INT PRIMARY KEY, v INT");
    await world.server.query("INSERT INTO test.t VALUES (1, 0), (2, 0)");
    const db = world.pool({ connectionLimit: 2 });
    const bothHaveOne = Promise.withResolvers<void>();
    let [runs, holders] = [0, 0];
    const add = "UPDATE t SET v = v + 1 WHERE id = ?";
    const cross = (first: number, second: number): Promise<void> =>
      db.unit(async () => {
        runs++;
        await db.query(add, [first]);
        if (++holders === 2) bothHaveOne.resolve();
        await bothHaveOne.promise;
        await db.query(add, [second]);
      }, { transaction: "main", retries: 5 });
    await Promise.all([cross(1, 2), cross(2, 1)]);
    assert.deepEqual(await world.server.values("t"), [2, 2]);
    assert.ok(runs > 2);
  },
);

transactions.test("a kill of the connection ends its transaction without a commit", {
  on: both,
}, async (world) => {
  const { server } = world;
  await server.table("t", "v INT");
  const db = world.pool();
  const transaction = db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    await server.query(`KILL ${await threadOf(db)}`);
    await failure(db.query("INSERT INTO t VALUES (2)"));
    await db.query("INSERT INTO t VALUES (3)");
  });
  assert.ok(isLoss(await failure(transaction)));
  assert.deepEqual(await server.values("t"), []);
  assertFree(db);
});

transactions.test("a COMMIT whose answer is lost rejects with COMMIT_UNKNOWN, and does not rerun", {
  on: both,
}, async (world) => {
  await world.server.table("t", "v INT");
  const { uri } = await world.proxy({ cutAt: "QUERY COMMIT" });
  const db = world.pool({ uri });
  let runs = 0;
  const unit = db.unit(async () => {
    runs++;
    await db.query("INSERT INTO t VALUES (1)");
  }, { transaction: "main", retries: 3 });
  await refused(unit, "COMMIT_UNKNOWN");
  assert.equal(runs, 1);
  await world.server.count(0);
  assert.deepEqual(await world.server.values("t"), []);
});

transactions.test("a transaction that is aborted is rolled back, and its locks are free", {
  on: both,
}, async (world) => {
  await world.server.table("t", "v INT PRIMARY KEY");
  const db = world.pool();
  const abort = new AbortController();
  const transaction = db.transaction(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    abort.abort(mine);
    await db.query("INSERT INTO t VALUES (2)");
  }, { signal: abort.signal });
  await assert.rejects(transaction, mine);
  await world.server.query("INSERT INTO test.t VALUES (1)");
  assert.deepEqual(await world.server.values("t"), [1]);
});

transactions.test(
  "a transaction that a statement began does not outlast its unit",
  { on: both },
  async (world) => {
    await world.server.table("t", "v INT");
    const db = world.pool({ connectionLimit: 1 });
    const unit = db.unit(async () => {
      await db.query("START TRANSACTION");
      await db.query("INSERT INTO t VALUES (1)");
      await refused(db.transaction(() => db.query("SELECT 1")), "TRANSACTION_OPEN");
    });
    await refused(unit, "TRANSACTION_OPEN");
    assert.equal(await one(db, "SELECT COUNT(*) FROM t"), 0);
  },
);
