/** Nested and parallel transactions: savepoints, their order, and deadlocks between them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEADLOCK, FakeServerError } from "./support/fake_connector.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

test("a transaction within a transaction is a savepoint", async () => {
  const world = createWorld();
  const { db, connector } = world;
  await db.transaction(async () => {
    await db.transaction(() => seen(db, "SELECT a"));
    await assert.rejects(db.transaction(() => {
      return db.transaction(() => seen(db, "FAIL 1062"));
    }));
    await seen(db, "SELECT b");
  });
  assert.deepEqual(connector.log.map((line) => line.slice(3)), [
    "START TRANSACTION",
    "SAVEPOINT sublet_1",
    "SELECT a",
    "RELEASE SAVEPOINT sublet_1",
    "SAVEPOINT sublet_1",
    "SAVEPOINT sublet_2",
    "FAIL 1062",
    "ROLLBACK TO SAVEPOINT sublet_2",
    "ROLLBACK TO SAVEPOINT sublet_1",
    "SELECT b",
    "COMMIT",
  ]);
  await endsEmpty(world);
});

test("parallel transactions in different units run at the same time", async () => {
  const world = createWorld();
  const { db } = world;
  const threads = await Promise.all([1, 2].map(() => {
    return db.transaction(async () => {
      await settled();
      return (await seen(db)).threadId;
    });
  }));
  assert.notEqual(threads[0], threads[1]);
  await endsEmpty(world);
});

test("a statement of the code around a savepoint waits until the savepoint has ended", async () => {
  const world = createWorld();
  const { db, connector } = world;
  await db.transaction(async () => {
    const inner = db.transaction(async () => {
      await seen(db, "SELECT inner1");
      await settled();
      await seen(db, "SELECT inner2");
    });
    const beside = seen(db, "SELECT beside");
    await Promise.all([inner, beside]);
  });
  const order = connector.log.map((line) => line.slice(3));
  assert.ok(order.indexOf("SELECT beside") > order.indexOf("RELEASE SAVEPOINT sublet_1"));
  await endsEmpty(world);
});

test("a unit can be a transaction on several virtual connections", async () => {
  const world = createWorld({ connections: { a: {}, b: {} } });
  const { db, connector } = world;
  const [a, b] = [db.connection("a"), db.connection("b")];
  await db.unit(async () => {
    assert.equal((await seen(a)).inTransaction, true);
    assert.equal((await seen(b)).inTransaction, true);
  }, { transaction: ["a", "b"] });
  assert.equal(connector.log.filter((line) => line.endsWith("COMMIT")).length, 2);
  await refused(db.unit(() => 1, { transaction: "c" as never }), "OPTION_INVALID");
  await endsEmpty(world);
});

test("a deadlock in a savepoint ends the outer transaction, which does not commit", async () => {
  const world = createWorld();
  const { db, connector } = world;
  const error = await refused(
    db.transaction(async () => {
      await assert.rejects(db.transaction(() => seen(db, `FAIL ${DEADLOCK}`)), FakeServerError);
      await refused(seen(db, "SELECT late"), "TRANSACTION_LOST");
    }),
    "TRANSACTION_LOST",
  );
  assert.ok(error.cause instanceof FakeServerError);
  assert.ok(!connector.log.some((line) => /late|COMMIT/.test(line)));
  await endsEmpty(world);
});

test("the pool refuses a transaction inside the caller's own BEGIN", async () => {
  const world = createWorld();
  const { db, connector } = world;
  await db.unit(async () => {
    await seen(db, "BEGIN");
    await refused(db.transaction(() => seen(db)), "TRANSACTION_OPEN");
    assert.equal((await seen(db)).inTransaction, true);
    await seen(db, "COMMIT");
    await db.transaction(() => seen(db));
  });
  assert.equal(connector.log.length, 6);
  await endsEmpty(world);
});

test("of two savepoints that wait for each other, the pool refuses one at once", async () => {
  const world = createWorld({ connections: { a: {}, b: {} } });
  const [a, b] = [world.db.connection("a"), world.db.connection("b")];
  await a.transaction(() =>
    b.transaction(async () => {
      const first = a.transaction(async () => {
        await settled();
        await seen(b);
      });
      const second = b.transaction(async () => {
        await settled();
        const error = await refused(seen(a), "LEASE_DEADLOCK");
        assert.match(error.message, /open on "a", as it waits for a transaction that this code/);
      });
      await Promise.all([first, second]);
    })
  );
  await endsEmpty(world);
});
