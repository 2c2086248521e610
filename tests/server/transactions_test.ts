/** On a real server: a transaction commits or rolls back before its lease ends. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Server } from "../support/server.ts";
import {
  assertFree,
  failure,
  one,
  poolAt,
  refused,
  serverOfFile,
  threadOf,
  valuesIn,
} from "./support/fixture.ts";
import { startProxy } from "../support/proxy.ts";

let server: Server;
const mine = new Error("mine");

serverOfFile((started) => server = started, {
  statements: [
    "CREATE TABLE t (v INT PRIMARY KEY) ENGINE = InnoDB",
    "CREATE TABLE stock (id INT PRIMARY KEY, v INT) ENGINE = InnoDB",
  ],
  tables: ["t"],
});

/** Throws the error of this file, after a turn of the event loop. */
async function fail(): Promise<never> {
  await turn();
  throw mine;
}

test("other sessions see a transaction's writes after its end, and not before", async () => {
  await using db = poolAt(server);
  const answer = await db.transaction(async () => {
    await db.execute("INSERT INTO t VALUES (1)");
    assert.deepEqual(await valuesIn(server, "t"), []);
    return "done";
  });
  assert.equal(answer, "done");
  assert.deepEqual(await valuesIn(server, "t"), [1]);
  assertFree(db);
});

test("a transaction whose code throws is rolled back, and rejects with that error", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const transaction = db.transaction(async () => {
    await db.execute("INSERT INTO t VALUES (1)");
    await fail();
  });
  await assert.rejects(transaction, mine);
  assertFree(db);
  assert.equal(await one(db, "SELECT COUNT(*) FROM t"), 0);
});

test("a transaction with a failed statement can go on, and commits the others", async () => {
  await using db = poolAt(server);
  await db.transaction(async () => {
    await db.execute("INSERT INTO t VALUES (1)");
    await assert.rejects(db.execute("INSERT INTO t VALUES (1)"), { errno: 1062 });
    await db.execute("INSERT INTO t VALUES (2)");
  });
  assert.deepEqual(await valuesIn(server, "t"), [1, 2]);
});

test("a nested transaction that throws is rolled back alone", async () => {
  await using db = poolAt(server);
  await db.transaction(async () => {
    await db.execute("INSERT INTO t VALUES (1)");
    const inner = db.transaction(async () => {
      await db.execute("INSERT INTO t VALUES (2)");
      await db.transaction(() => db.execute("INSERT INTO t VALUES (3)"));
      await fail();
    });
    await assert.rejects(inner, mine);
    await db.transaction(() => db.execute("INSERT INTO t VALUES (4)"));
    assert.deepEqual(await valuesIn(server, "t"), []);
  });
  assert.deepEqual(await valuesIn(server, "t"), [1, 4]);
});

test("a transaction that throws rolls back the nested transactions that succeeded", async () => {
  await using db = poolAt(server);
  const outer = db.transaction(async () => {
    await db.transaction(() => db.execute("INSERT INTO t VALUES (1)"));
    await fail();
  });
  await assert.rejects(outer, mine);
  assert.deepEqual(await valuesIn(server, "t"), []);
});

test("parallel statements in a transaction run one after another, on its connection", async () => {
  await using db = poolAt(server, { connectionLimit: 5 });
  await db.transaction(async () => {
    const thread = await threadOf(db);
    const values = Array.from({ length: 10 }, (_, i) => i);
    const counts = await Promise.all(values.map(async (v) => {
      await db.execute("INSERT INTO t VALUES (?)", [v]);
      return [await threadOf(db), await one(db, "SELECT COUNT(*) >= ? FROM t", [v + 1])];
    }));
    assert.deepEqual(counts, values.map(() => [thread, 1]));
  });
  assert.equal(db.stats().size, 1);
});

test("parallel transactions in one unit run at once, each to its own end", async () => {
  await using db = poolAt(server);
  await db.unit(async () => {
    let waiting = 4;
    const all = Promise.withResolvers<void>();
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map((v) =>
      db.transaction(async () => {
        await db.execute("INSERT INTO t VALUES (?)", [v]);
        if (--waiting === 0) all.resolve();
        await all.promise;
        await db.execute("INSERT INTO t VALUES (?)", [v + 10]);
        if (v % 2 === 0) await fail();
      })
    ));
    const ends = outcomes.map(({ status }) => status === "fulfilled");
    assert.deepEqual(ends, [true, false, true, false]);
  });
  assert.deepEqual(await valuesIn(server, "t"), [1, 3, 11, 13]);
});

test("a statement that its transaction does not await is still part of it", async () => {
  await using db = poolAt(server);
  let unawaited: Promise<unknown> = Promise.resolve();
  await db.transaction(() => {
    unawaited = db.query("INSERT INTO t VALUES (1)");
  });
  await unawaited;
  assert.deepEqual(await valuesIn(server, "t"), [1]);
  assertFree(db);
});

test("a statement after the end of its transaction is refused, and never runs", async () => {
  await using db = poolAt(server);
  await db.unit(async () => {
    const ended = Promise.withResolvers<void>();
    const late: Promise<unknown>[] = [];
    await db.transaction(async () => {
      await db.execute("INSERT INTO t VALUES (1)");
      late.push(ended.promise.then(() => db.query("INSERT INTO t VALUES (2)")));
      late.push(
        ended.promise.then(() => db.transaction(() => db.query("INSERT INTO t VALUES (3)"))),
      );
    });
    ended.resolve();
    for (const promise of late) await refused(promise, "LEASE_ENDED");
    await db.query("INSERT INTO t VALUES (4)");
  });
  assert.deepEqual(await valuesIn(server, "t"), [1, 4]);
});

test("the server refuses the writes of a readOnly transaction", async () => {
  await using db = poolAt(server);
  const transaction = db.transaction(() => db.query("INSERT INTO t VALUES (1)"), {
    readOnly: true,
  });
  await assert.rejects(transaction, { errno: 1792 });
  await db.query("INSERT INTO t VALUES (2)");
  assert.deepEqual(await valuesIn(server, "t"), [2]);
});

test("an isolation applies to its own transaction, and to no other", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const readers = [["read committed", 1], ["repeatable read", 0], [undefined, 0]] as const;
  for (const [isolation, seen] of readers) {
    await db.transaction(async () => {
      assert.equal(await one(db, "SELECT COUNT(*) FROM t"), 0);
      await server.query("INSERT INTO test.t VALUES (1)");
      assert.equal(await one(db, "SELECT COUNT(*) FROM t"), seen, isolation);
    }, isolation === undefined ? {} : { isolation });
    await server.query("DELETE FROM test.t");
  }
});

test("a whole unit can be a transaction, on several virtual connections", async () => {
  await using db = poolAt(server, { connections: { a: {}, b: {} } });
  const [a, b] = [db.connection("a"), db.connection("b")];
  const unit = (end: () => unknown): Promise<unknown> =>
    db.unit(async () => {
      await a.execute("INSERT INTO t VALUES (1)");
      await b.execute("INSERT INTO t VALUES (2)");
      await end();
    }, { transaction: ["a", "b"] });
  await assert.rejects(unit(fail), mine);
  assert.deepEqual(await valuesIn(server, "t"), []);
  await unit(turn);
  assert.deepEqual(await valuesIn(server, "t"), [1, 2]);
});

/** Runs two transactions that lock two rows in opposite orders, at first at the same time. */
async function cross(
  run: (transfer: () => Promise<void>) => Promise<unknown>,
  update: (id: number) => Promise<unknown>,
): Promise<PromiseSettledResult<unknown>[]> {
  await server.query("REPLACE INTO test.stock VALUES (1, 0), (2, 0)");
  const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  return await Promise.allSettled([1, 2].map((from) =>
    run(async () => {
      await update(from);
      both[from === 1 ? 0 : 1].resolve();
      await Promise.all(both.map(({ promise }) => promise));
      await update(3 - from);
    })
  ));
}

const increment = "UPDATE stock SET v = v + 1 WHERE id = ?";

test("a unit with retries is repeated after a server deadlock, and both succeed once", async () => {
  await using db = poolAt(server);
  const outcomes = await cross(
    (transfer) => db.unit(transfer, { transaction: "main", retries: 3 }),
    (id) => db.execute(increment, [id]),
  );
  assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "fulfilled"]);
  assert.deepEqual(await valuesIn(server, "stock"), [2, 2]);
});

test("code that goes on after a rollback by the server runs nothing more", async () => {
  await using db = poolAt(server);
  const outcomes = await cross(
    (transfer) =>
      db.transaction(async () => {
        await transfer();
        await db.execute("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE v = 2");
      }),
    (id) => db.execute(increment, [id]).catch((error) => assert.equal(error.errno, 1213)),
  );
  const errors = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason] : []
  );
  assert.deepEqual(errors.map(({ code, cause }) => [code, cause.errno]), [[
    "TRANSACTION_LOST",
    1213,
  ]]);
  assert.deepEqual(await valuesIn(server, "stock"), [1, 1]);
  assert.deepEqual(await valuesIn(server, "t"), [1]);
});

test("a transaction whose connection is lost fails, and none of its writes stay", async () => {
  await using db = poolAt(server);
  const transaction = db.transaction(async () => {
    await db.execute("INSERT INTO t VALUES (1)");
    await server.query(`KILL ${await threadOf(db)}`);
    await failure(db.execute("INSERT INTO t VALUES (2)"));
    await refused(db.execute("INSERT INTO t VALUES (3)"), "CONNECTION_LOST");
  });
  await refused(transaction, "CONNECTION_LOST");
  assert.deepEqual(await valuesIn(server, "t"), []);
  assertFree(db);
});

test("a connection lost before the answer to COMMIT is COMMIT_UNKNOWN", async () => {
  await using proxy = await startProxy(server, {
    forwards: (command) => command !== "QUERY COMMIT",
  });
  await using db = poolAt(server, { uri: proxy.uri });
  let runs = 0;
  const unit = db.unit(async () => {
    runs++;
    await db.execute("INSERT INTO t VALUES (1)");
  }, { transaction: "main", retries: 3 });
  const { stage, cause } = await refused(unit, "COMMIT_UNKNOWN");
  assert.equal(stage, "commit");
  assert.ok(cause instanceof Error);
  assert.equal(runs, 1);
  assert.deepEqual(await valuesIn(server, "t"), []);
});

test("a transaction begun by hand is its unit's, and is rolled back if left open", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const unit = db.unit(async () => {
    await db.query("START TRANSACTION");
    await db.query("INSERT INTO t VALUES (1)");
    assert.equal(db.stats().leased, 1);
    await refused(db.transaction(() => db.query("INSERT INTO t VALUES (2)")), "TRANSACTION_OPEN");
    await db.query("COMMIT");
    await db.query("START TRANSACTION");
    await db.query("INSERT INTO t VALUES (3)");
  });
  await refused(unit, "TRANSACTION_OPEN");
  assert.equal(await one(db, "SELECT COUNT(*) FROM t"), 1);
  assert.deepEqual(await valuesIn(server, "t"), [1]);
});
