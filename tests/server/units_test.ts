/** On a real server: a unit keeps the connection with its state, and never uses another unit's. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Server } from "../support/server.ts";
import {
  assertFree,
  atRest,
  one,
  poolAt,
  refused,
  serverOfFile,
  threadOf,
  valuesIn,
} from "./support/fixture.ts";

let server: Server;

serverOfFile((started) => server = started, {
  statements: ["CREATE TABLE t (v INT) ENGINE = InnoDB"],
  tables: ["t"],
});

test("different units never use a connection at once, and each keeps its own", async () => {
  await using db = poolAt(server, { connectionLimit: 5 });
  const owners = new Map<number, number>();
  await Promise.all(Array.from({ length: 50 }, (_, unit) =>
    db.unit(async () => {
      await db.query("SET @owner = ?", [unit]);
      const thread = await threadOf(db);
      assert.equal(owners.get(thread), undefined);
      owners.set(thread, unit);
      for (let i = 0; i < 3; i++) {
        await turn();
        const [rows] = await db.query("SELECT CONNECTION_ID() id, @owner owner");
        assert.deepEqual(rows, [{ id: thread, owner: unit }]);
      }
      owners.delete(thread);
    })));
  assertFree(db);
});

test("a unit keeps its connection inside a transaction, however deep the call", async () => {
  await using db = poolAt(server, { connectionLimit: 5 });
  const threadById = db.method<{ n: number }, { id: number }>("SELECT CONNECTION_ID() id, :n n");
  async function deep(n: number): Promise<number[]> {
    await turn();
    const [row] = await threadById({ n });
    return n === 0 ? [] : [row?.id ?? 0, await threadOf(db), ...await deep(n - 1)];
  }
  await Promise.all(Array.from({ length: 10 }, () =>
    db.unit(async () => {
      const threads = await db.transaction(async () => await deep(3));
      assert.equal(threads.length, 6);
      assert.equal(new Set(threads).size, 1);
    })));
});

test("a unit releases its connection between its statements", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  await db.unit(async () => {
    const thread = await threadOf(db);
    assertFree(db);
    assert.equal(await db.unit(() => threadOf(db)), thread);
    assert.equal(await threadOf(db), thread);
  });
});

test('hold: "unit" keeps the connection from the first statement to the end of the unit', async () => {
  await using db = poolAt(server, { connections: { main: { hold: "unit" } } });
  await db.unit(async () => {
    assertFree(db);
    const thread = await threadOf(db);
    assert.equal(db.stats().leased, 1);
    assert.notEqual(await db.unit(() => threadOf(db)), thread);
    assert.equal(await threadOf(db), thread);
  });
  assertFree(db);
});

test("a unit has different connections through different virtual connections", async () => {
  await using db = poolAt(server, { connections: { shop: {}, audit: {} } });
  const [shop, audit] = [db.connection("shop"), db.connection("audit")];
  await db.unit(async () => {
    await shop.transaction(async () => {
      await shop.execute("INSERT INTO t VALUES (1)");
      await audit.execute("INSERT INTO t VALUES (2)");
      assert.notEqual(await threadOf(shop), await threadOf(audit));
      assert.deepEqual(await valuesIn(server, "t"), [2]);
    });
  });
  assert.deepEqual(await valuesIn(server, "t"), [1, 2]);
});

test("each call of a handler is a unit of its own", async () => {
  await using db = poolAt(server, { connectionLimit: 4 });
  const handle = db.handler(async (owner: number) => {
    await db.query("SET @owner = ?", [owner]);
    await turn();
    return await one(db, "SELECT @owner");
  });
  const answers = await Promise.all([1, 2, 3, 4].map((owner) => handle(owner)));
  assert.deepEqual(answers, [1, 2, 3, 4]);
  assertFree(db);
});

test("parallel statements of a unit run one after another on one connection", async () => {
  await using db = poolAt(server, { connectionLimit: 5 });
  const threads = await db.unit(() => Promise.all(Array.from({ length: 5 }, () => threadOf(db))));
  assert.equal(new Set(threads).size, 1);
  assert.equal(db.stats().size, 1);
});

test("statements outside of any unit are units of their own", async () => {
  await using db = poolAt(server, { connectionLimit: 3 });
  const sql = "SELECT CONNECTION_ID() FROM (SELECT SLEEP(0.1)) s";
  const threads = await Promise.all([1, 2, 3].map(() => one(db, sql)));
  assert.equal(new Set(threads).size, 3);
});

test("a statement after the end of its unit is refused, and never runs", async () => {
  await using db = poolAt(server);
  const ended = Promise.withResolvers<void>();
  const late: Promise<unknown>[] = [];
  await db.unit(async () => {
    await db.query("INSERT INTO t VALUES (1)");
    late.push(ended.promise.then(() => db.query("INSERT INTO t VALUES (2)")));
    late.push(ended.promise.then(() => db.execute("INSERT INTO t VALUES (3)")));
    late.push(ended.promise.then(() => db.transaction(() => db.query("INSERT INTO t VALUES (4)"))));
    late.push(ended.promise.then(() => db.lease()));
  });
  ended.resolve();
  for (const promise of late) await refused(promise, "UNIT_ENDED");
  assert.deepEqual(await valuesIn(server, "t"), [1]);
  assertFree(db);
});

test("a statement that still waits when its unit ends is refused, and never runs", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const lease = await db.lease();
  let late: Promise<unknown> = Promise.resolve();
  await db.unit(() => {
    late = refused(db.query("INSERT INTO t VALUES (1)"), "UNIT_ENDED");
  });
  await late;
  assert.equal(db.stats().waiting, 0);
  lease.release();
  assert.deepEqual(await valuesIn(server, "t"), []);
});

test("a lease that is released, or whose unit has ended, refuses its statements", async () => {
  await using db = poolAt(server);
  const lease = await db.lease();
  lease.release();
  lease.release();
  await refused(lease.query("INSERT INTO t VALUES (1)"), "LEASE_ENDED");
  assert.throws(() => lease.connection, { code: "LEASE_ENDED" });
  const kept = await db.unit(() => db.lease());
  await refused(kept.execute("INSERT INTO t VALUES (2)"), "LEASE_ENDED");
  assert.deepEqual(await valuesIn(server, "t"), []);
  assertFree(db);
});

test("a lease of another unit refuses its statements", async () => {
  await using db = poolAt(server);
  await using lease = await db.lease();
  await db.unit(() => refused(lease.query("INSERT INTO t VALUES (1)"), "LEASE_FOREIGN"));
  await lease.query("INSERT INTO t VALUES (2)");
  assert.deepEqual(await valuesIn(server, "t"), [2]);
});

test("a lease is the connection of its unit, and hands out the driver's own", async () => {
  await using db = poolAt(server);
  await db.unit(async () => {
    await using lease = await db.lease();
    assert.equal(await threadOf(db), lease.threadId);
    assert.equal(lease.connection.threadId, lease.threadId);
    assert.equal(await threadOf(lease), lease.threadId);
    const rows: unknown[] = [];
    for await (const row of lease.connection.query("SELECT 1 a UNION SELECT 2").stream()) {
      rows.push(row);
    }
    assert.deepEqual(rows, [{ a: 1 }, { a: 2 }]);
  });
  assertFree(db);
});

test("a unit that throws releases everything, and rejects with its error", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const error = new Error("mine");
  const unit = db.unit(async () => {
    await db.query("SET @a = 1");
    await db.lease();
    throw error;
  });
  await assert.rejects(unit, error);
  assertFree(db);
  assert.equal(await one(db, "SELECT @a"), null);
});

test("a server error reaches the caller unchanged, and its stack names the caller", async () => {
  await using db = poolAt(server);
  async function placeOrder(): Promise<void> {
    await db.execute("SELECT * FROM nowhere");
  }
  await assert.rejects(db.unit(placeOrder), (error: Error & Record<string, unknown>) => {
    assert.deepEqual([error["errno"], error["code"]], [1146, "ER_NO_SUCH_TABLE"]);
    assert.match(error.stack ?? "", /placeOrder/);
    return true;
  });
  await atRest(db);
  assert.equal(db.stats().idle, 1);
});
