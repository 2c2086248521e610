/**
 * On real servers: after an error that may have ended a transaction, the session asks the server
 * whether the transaction is open, before it sends anything else or gives its caller the error.
 */

import assert from "node:assert/strict";
import { type Proxy, startProxy } from "../support/proxy.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { onBoth, serversOf } from "../support/both.ts";
import { open, run, targetAt, type TestSession } from "./fixture.ts";

const testOnBoth = onBoth(serversOf(["--innodb-rollback-on-timeout=1"], async (server) => {
  await server.query("USE test");
  await server.query("CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE = InnoDB");
  await server.query("INSERT INTO t VALUES (1, 1), (2, 1), (3, 1)");
  await server.query("CREATE PROCEDURE commits_and_fails() BEGIN COMMIT; SELECT * FROM no_t; END");
}));

/** A session behind a proxy, in a transaction that has written; another session holds a lock. */
interface Place extends AsyncDisposable {
  readonly proxy: Proxy;
  readonly session: TestSession;
}

const locked = "UPDATE t SET v = 4 WHERE id = 1";
const failing = "CALL commits_and_fails()";

async function placeAt(server: Server): Promise<Place> {
  const proxy = await startProxy(server);
  const session = await open(targetAt(server, { uri: proxy.uri }));
  const other = await open(targetAt(server));
  await run(other, "BEGIN");
  await run(other, "UPDATE t SET v = 3 WHERE id = 1");
  await run(session, "SET innodb_lock_wait_timeout = 1");
  await run(session, "BEGIN");
  await run(session, "UPDATE t SET v = 2 WHERE id = 2");
  proxy.forget();
  return {
    proxy,
    session,
    async [Symbol.asyncDispose]() {
      await Promise.all([session.close(), other.close()]);
      await proxy[Symbol.asyncDispose]();
    },
  };
}

testOnBoth(
  "a lock timeout rejects once the session knows that its transaction has ended",
  async (server) => {
    await using place = await placeAt(server);
    const { session, proxy } = place;
    const { permanentCount } = session;
    await assert.rejects(run(session, locked), { errno: 1205 });
    assert.deepEqual([session.isInTransaction, session.transaction], [false, 0]);
    assert.equal(session.transactionEndedBy, locked);
    assert.equal(session.permanentCount, permanentCount);
    assert.deepEqual(proxy.forget(), [`QUERY ${locked}`, "PING"]);
    assert.equal(session.condition, "dirty");
    await session.reset();
    assert.equal(session.condition, "clean");
  },
);

testOnBoth("queued statements are sent after the check of the transaction", async (server) => {
  await using place = await placeAt(server);
  const { session, proxy } = place;
  const driver = session.driver.promise();
  const [failed, next] = await Promise.allSettled([
    driver.execute(failing),
    driver.query("UPDATE t SET v = 5 WHERE id = 3"),
  ]);
  assert.deepEqual([failed.status, next.status], ["rejected", "fulfilled"]);
  assert.deepEqual(proxy.forget(), [
    `PREPARE ${failing}`,
    "EXECUTE",
    "PING",
    "QUERY UPDATE t SET v = 5 WHERE id = 3",
  ]);
  assert.equal(session.transaction, 0);
});

testOnBoth("an error that ends its statement alone costs no check", async (server) => {
  await using place = await placeAt(server);
  const { session, proxy } = place;
  for (
    const sql of [
      "INSERT INTO t VALUES (2, 2)",
      "SELECT * FROM nowhere",
      "SELECT nonsense",
      "SELECT (SELECT id FROM t)",
      "ROLLBACK TO nowhere",
    ]
  ) {
    await assert.rejects(run(session, sql));
    assert.deepEqual(proxy.forget(), [`QUERY ${sql}`]);
  }
  assert.equal(session.isInTransaction, true);
});

testOnBoth("the session notices a statement that commits before it fails", async (server) => {
  for (
    const sql of [
      "ALTER TABLE nowhere ADD a INT",
      "CREATE TABLE t (v INT)",
      failing,
    ]
  ) {
    await using place = await placeAt(server);
    const { session, proxy } = place;
    const { permanentCount } = session;
    await assert.rejects(run(session, sql));
    assert.deepEqual(proxy.forget(), [`QUERY ${sql}`, "PING"]);
    assert.equal(session.isInTransaction, false, sql);
    assert.equal(session.transactionEndedBy, sql);
    assert.equal(session.permanentCount, permanentCount + 1, sql);
  }
});

testOnBoth("outside a transaction, and after a deadlock, there is no check", async (server) => {
  await using place = await placeAt(server);
  const { session, proxy } = place;
  const winner = await open(targetAt(server));
  await run(winner, "BEGIN");
  await run(winner, "UPDATE t SET v = 6 WHERE id = 3");
  const waits = run(winner, "UPDATE t SET v = 6 WHERE id = 2");
  waits.catch(() => undefined);
  const { transaction } = session;
  const mine = run(session, "UPDATE t SET v = 7 WHERE id = 3");
  const [first, second] = await Promise.allSettled([mine, waits]);
  const victim = first.status === "rejected" ? session : winner;
  assert.notEqual(first.status, second.status);
  assert.equal(victim.transaction, 0);
  assert.equal(session.transaction, victim === session ? 0 : transaction);
  await run(session, "ROLLBACK");
  await assert.rejects(run(session, locked), { errno: 1205 });
  assert.ok(!proxy.commands.includes("PING"), proxy.commands.join());
  await winner.close();
});

testOnBoth(
  "a late answer to the check loses the session, not the error",
  async (server) => {
    await using place = await placeAt(server);
    const { session, proxy } = place;
    proxy.hold("toClient");
    const failed = run(session, failing);
    let isSettled = false;
    failed.catch(() => isSettled = true);
    await until(() => proxy.commands.length === 1, "it is sent");
    proxy.hold("toServer");
    proxy.release("toClient");
    await until(() => proxy.commands.includes("PING"), "it is asked");
    assert.equal(isSettled, false);
    await assert.rejects(failed, { errno: 1146 });
    assert.equal(session.isAlive, false);
    assert.equal(session.condition, "broken");
    proxy.release("toServer");
  },
);

testOnBoth("a session that is released during the check is reset, not closed", async (
  server,
) => {
  await using place = await placeAt(server);
  const { session } = place;
  const condition = new Promise((resolve) => {
    session.driver.query(failing, () => setImmediate(() => resolve(session.condition)));
  });
  assert.equal(await condition, "dirty");
  await session.reset();
  assert.equal(session.condition, "clean");
});
