/** Code of a unit beside a transaction of the same unit: it is no part of it, and loses nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

const mine = new Error("mine");

/** A transaction that its test ends. */
function begun(): {
  readonly isOpen: Promise<void>;
  open(): void;
  end(): void;
  ended: Promise<void>;
} {
  const [opened, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  return { isOpen: opened.promise, open: opened.resolve, end: ended.resolve, ended: ended.promise };
}

test("a statement beside a transaction of its unit runs on a connection of its own", async () => {
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

test("who waited before a transaction runs before it, although one before gave up", async () => {
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

test("at the limit a sibling waits until the transaction has ended, and is done", async () => {
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

test("a statement that was asked for before a transaction of its unit is no part of it", async () => {
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

test("transactions side by side in one unit run at once, each on a connection of its own", async () => {
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

test("at the limit transactions side by side in one unit run in turn", async () => {
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

test("at the limit such a batch is refused in time, and the error names the holder", async () => {
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

test("session state is on one connection: a sibling of a transaction waits for that", async () => {
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

test("a sibling does not wait for ever for the transaction that has the state", async () => {
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

test("a unit's end is final for transactions that still wait, and a drain ends", async () => {
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
