/** Statements of a unit beside a transaction of that unit are no part of the transaction. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

const mine = new Error("mine");

/** Returns two promises, `isOpen` and `ended`, and the functions that fulfill them. */
function begun(): {
  readonly isOpen: Promise<void>;
  open(): void;
  end(): void;
  ended: Promise<void>;
} {
  const [opened, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  return { isOpen: opened.promise, open: opened.resolve, end: ended.resolve, ended: ended.promise };
}

test("a statement beside a transaction of its unit runs on another connection", async () => {
  const world = createWorld();
  const { db, connector } = world;
  await db.unit(async () => {
    const { isOpen, open, end, ended } = begun();
    const transaction = db.transaction(async () => {
      await seen(db, "INSERT a");
      open();
      await ended;
      throw mine;
    });
    await isOpen;
    const beside = await seen(db, "INSERT b");
    assert.deepEqual([beside.threadId, beside.inTransaction], [2, false]);
    end();
    await assert.rejects(transaction, mine);
  });
  assert.ok(connector.log.includes("1: ROLLBACK"));
  await endsEmpty(world);
});

test("a statement queued before a transaction runs first, even after an abort", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db, connector } = world;
  const lease = await db.lease();
  await db.unit(async () => {
    const aborting = new AbortController();
    const first = db.query("INSERT a", [], { signal: aborting.signal });
    const second = seen(db, "INSERT b");
    aborting.abort(mine);
    await assert.rejects(first, mine);
    const transaction = db.transaction(() => Promise.reject(mine));
    await settled();
    lease.release();
    assert.equal((await second).inTransaction, false);
    await assert.rejects(transaction, mine);
  });
  assert.equal(connector.log.indexOf("1: INSERT b"), 0);
  await endsEmpty(world);
});

test("at the limit a statement beside a transaction runs after the transaction", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db, connector } = world;
  await db.unit(async () => {
    const transaction = db.transaction(async () => {
      await seen(db, "INSERT a");
      throw mine;
    });
    const beside = seen(db, "INSERT b");
    await assert.rejects(transaction, mine);
    assert.equal((await beside).inTransaction, false);
  });
  assert.deepEqual(connector.log, [
    "1: START TRANSACTION",
    "1: INSERT a",
    "1: ROLLBACK",
    "1: INSERT b",
  ]);
  await endsEmpty(world);
});

test("a statement that comes before a transaction of its unit is no part of it", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db, connector } = world;
  await db.unit(async () => {
    const before = seen(db, "INSERT a");
    await assert.rejects(db.transaction(() => Promise.reject(mine)), mine);
    assert.equal((await before).inTransaction, false);
  });
  assert.deepEqual(connector.log, ["1: INSERT a", "1: START TRANSACTION", "1: ROLLBACK"]);
  await endsEmpty(world);
});

test("parallel transactions in one unit run at once, each on its own connection", async () => {
  const world = createWorld();
  const { db } = world;
  const threads = await db.unit(() =>
    Promise.all(["a", "b", "c"].map((name) =>
      db.transaction(async () => {
        const { threadId } = await seen(db, `INSERT ${name}1`);
        await settled();
        assert.equal((await seen(db, `INSERT ${name}2`)).threadId, threadId);
        return threadId;
      })
    ))
  );
  assert.deepEqual(threads, [1, 2, 3]);
  await endsEmpty(world);
});

test("at the limit parallel transactions in one unit run one after another", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db, connector } = world;
  await db.unit(() =>
    Promise.all(["a", "b"].map((name) =>
      db.transaction(async () => {
        await seen(db, `SELECT ${name}1`);
        await settled();
        await seen(db, `SELECT ${name}2`);
      })
    ))
  );
  assert.deepEqual(connector.log.map((line) => line.slice(3)), [
    "START TRANSACTION",
    "SELECT a1",
    "SELECT a2",
    "COMMIT",
    "START TRANSACTION",
    "SELECT b1",
    "SELECT b2",
    "COMMIT",
  ]);
  await endsEmpty(world);
});

test("a batch scheduled outside a transaction and awaited inside is done beside it", async () => {
  const world = createWorld({ connectionLimit: 2 });
  const { db, connector } = world;
  await db.unit(async () => {
    const due = begun();
    const batch = due.isOpen.then(() => seen(db, "INSERT batched"));
    await db.transaction(async () => {
      await seen(db, "INSERT own");
      due.open();
      assert.equal((await batch).inTransaction, false);
    });
  });
  assert.ok(connector.log.includes("2: INSERT batched"));
  await endsEmpty(world);
});

test("at the limit such a batch times out, and the error names the holder", async () => {
  const world = createWorld({ connectionLimit: 1, acquireTimeout: 50 });
  const { db, clock } = world;
  await db.unit(async () => {
    const due = begun();
    const batch = due.isOpen.then(() => refused(seen(db, "INSERT batched"), "LEASE_TIMEOUT"));
    await db.transaction(async () => {
      due.open();
      await settled();
      await clock.pass(50);
      const error = await batch;
      assert.match(error.message, /a transaction of its own unit, on "main", holds/);
    });
  });
  await endsEmpty(world);
});

test("a statement of a unit with session state waits for the unit's transaction", async () => {
  const world = createWorld();
  const { db } = world;
  await db.unit(async () => {
    await seen(db, "SET @a = 1");
    const { isOpen, open, end, ended } = begun();
    const transaction = db.transaction(async () => {
      open();
      await ended;
    });
    await isOpen;
    const beside = seen(db, "SELECT @a");
    await settled();
    end();
    await transaction;
    const { threadId, inTransaction } = await beside;
    assert.deepEqual({ threadId, inTransaction }, { threadId: 1, inTransaction: false });
  });
  await endsEmpty(world);
});

test("a statement that waits for a transaction with session state times out", async () => {
  const world = createWorld({ acquireTimeout: 50 });
  const { db, clock } = world;
  await db.unit(async () => {
    await seen(db, "SET @a = 1");
    const due = begun();
    const batch = due.isOpen.then(() => refused(seen(db, "SELECT @a"), "LEASE_TIMEOUT"));
    await db.transaction(async () => {
      due.open();
      await settled();
      await clock.pass(50);
      assert.match((await batch).message, /Another transaction of its own unit, on "main"/);
    });
  });
  await endsEmpty(world);
});

test("the end of a unit refuses its waiting transactions, and a drain can end", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db, connector } = world;
  const holder = seen(db, "HANG");
  await settled();
  let late: Promise<unknown>[] = [];
  await db.unit(() => {
    late = [1, 2, 3].map(() => refused(db.transaction(() => seen(db)), "UNIT_ENDED"));
  });
  await Promise.all(late);
  connector.sessions[0]?.answer();
  await holder;
  assert.deepEqual(connector.log, ["1: HANG"]);
  await endsEmpty(world);
});
