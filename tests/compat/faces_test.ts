/** On a real server: mysql2 pools over a virtual connection of a Sublet pool, and units of work. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import driver from "mysql2";
import { createPool, type Pool } from "../../mod.ts";
import { compat, dbOf } from "../../src/entries/compat.ts";
import { compat as compatPromise, dbOf as dbOfPromise } from "../../src/entries/compat_promise.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { asked, ended, newsOf, one, poolAt, taken } from "./support/fixture.ts";

type Name = "shop" | "reports";

let server: Server;

before(async () => {
  server = await startServer();
  await server.query("CREATE TABLE test.t (v INT)");
  await server.query("CREATE DATABASE tenant");
});

after(async () => await server?.remove());

/** Creates a pool with two virtual connections. */
function poolWithFaces(connectionLimit: number): Pool<Name> {
  const connections = { shop: {}, reports: { database: "mysql" } };
  return createPool({ uri: server.url(), shared: false, connectionLimit, connections });
}

test("a compat pool of a virtual connection shares its pool, and does not end it", async () => {
  const db = poolWithFaces(1);
  const shop = compat(db, "shop");
  assert.equal(compat(db, "shop"), shop);
  const news = newsOf(shop);
  assert.deepEqual(await asked((done) => shop.query("SELECT 1 AS n", done)), [{ n: 1 }]);
  await db.connection("reports").query("SELECT 1");
  const held = await taken(shop);
  assert.equal(held.config.database, "test");
  const waiting = taken(shop);
  waiting.catch(() => undefined);
  const over = ended(shop);
  await assert.rejects(waiting, { code: "POOL_CLOSED" });
  held.release();
  await over;
  await assert.rejects(taken(shop), { code: "POOL_CLOSED" });
  assert.deepEqual((await db.connection("shop").query("SELECT 2 AS n"))[0], [{ n: 2 }]);
  assert.deepEqual(news.map((item) => item.replace(/ .*/, "")), [
    ...["connection", "acquire", "release", "acquire", "enqueue", "release", "acquire", "release"],
  ]);
  const promised = compatPromise(db, "reports");
  assert.deepEqual((await promised.query("SELECT DATABASE() AS d"))[0], [{ d: "mysql" }]);
  assert.throws(() => compat(db, "shops" as "shop"), /did you mean "shop"\?/);
  await db.drain();
});

test("a compat pool shows the target of its virtual connection in its config", async () => {
  const uri = `${server.url()}?timezone=%2B02:00`;
  const db = createPool({ uri, shared: false, idleTimeout: 3_000, rowsAsArray: true });
  const face = compat(db);
  const { connectionConfig } = face.config as unknown as { connectionConfig: object };
  const { host, user, database, idleTimeout, timezone } = connectionConfig as never;
  const told = { host, user, database, idleTimeout, timezone };
  const target = { host: server.host, user: "app", database: "test", timezone: "+02:00" };
  assert.deepEqual(told, { ...target, idleTimeout: 3_000 });
  assert.equal(face.format("?", [new Date(0)]), "'1970-01-01 02:00:00.000'");
  assert.deepEqual(await asked((done) => face.query("SELECT 1", done)), [[1]]);
  await db.drain();
});

test("statements of a compat pool go to the target that their unit binds", async () => {
  const db = poolWithFaces(2);
  const shop = compat(db, "shop");
  const databases = await db.unit(async () => {
    const ofPool = await asked((done) => shop.query("SELECT DATABASE() AS d", done));
    const lent = await shop.promise().getConnection();
    const [ofLent] = await lent.query("SELECT DATABASE() AS d");
    lent.release();
    return [ofPool, ofLent];
  }, { bind: { shop: { database: "tenant" } } });
  assert.deepEqual(databases, [[{ d: "tenant" }], [{ d: "tenant" }]]);
  await db.drain();
});

test("callbacks run in their unit of work, those of leased connections too", async () => {
  const db = poolWithFaces(3);
  const shop = compat(db, "shop", { unit: "separate" });
  await db.unit(() =>
    db.connection("shop").transaction(async () => {
      await db.connection("shop").query("INSERT INTO t VALUES (1)");
      await new Promise<void>((resolve, reject) => {
        shop.getConnection((_error, connection) => {
          connection.query("SELECT 1", () => {
            connection.release();
            // This query joins the transaction of the unit, so it sees the row inserted there.
            db.connection("shop").query("SELECT COUNT(*) AS n FROM t").then(([[row]]) => {
              assert.equal(Number(row?.["n"]), 1);
              resolve();
            }).catch(reject);
          });
        });
      });
    })
  );
  await server.query("TRUNCATE test.t");
  await db.drain();
});

test("a lease of a unit may outlive the unit, and its code may query after its end", async () => {
  const db = poolWithFaces(1);
  const shop = compat(db, "shop");
  const lent = await db.unit(() => shop.promise().getConnection());
  await lent.query("SELECT 1");
  lent.release();
  let late: Promise<number> | undefined;
  await db.unit(() => {
    late = new Promise((resolve) => setImmediate(resolve)).then(() => {
      return one(shop.promise(), "SELECT 7");
    });
  });
  assert.equal(await late, 7);
  await db.drain();
});

test("with unit: join, a helper's statement joins the transaction, without deadlock", async () => {
  const db = poolWithFaces(1);
  const shop = compatPromise(db, "shop", { unit: "join" });
  const helper = (): Promise<number> => one(shop, "SELECT COUNT(*) FROM t");
  await db.unit(async () => {
    const connection = await shop.getConnection();
    await connection.beginTransaction();
    await connection.query("INSERT INTO t VALUES (1)");
    assert.equal(await helper(), 1);
    await connection.rollback();
    connection.release();
  });
  assert.equal(await helper(), 0);
  await db.drain();
});

test("with unit: join, statements outside the transaction or unit do not join", async () => {
  const db = poolWithFaces(2);
  const shop = compatPromise(db, "shop", { unit: "join" });
  assert.notEqual(shop.pool, compatPromise(db, "shop").pool);
  const id = () => one(shop, "SELECT CONNECTION_ID()");
  await db.unit(async () => {
    const connection = await shop.getConnection();
    assert.notEqual(await id(), connection.threadId);
    await connection.beginTransaction();
    assert.equal(await id(), connection.threadId);
    assert.deepEqual((await shop.execute("SELECT 5 AS n"))[0], [{ n: 5 }]);
    assert.notEqual(await db.unit(id), connection.threadId);
    await connection.rollback();
    assert.notEqual(await id(), connection.threadId);
    connection.release();
  });
  await db.drain();
  assert.throws(() => compat(db, "shop", { unit: "joins" as "join" }), { code: "OPTION_INVALID" });
});

test("with unit: join, a compat pool joins the transaction of its virtual connection", async () => {
  const db = poolWithFaces(1);
  const shop = compatPromise(db, "shop", { unit: "join" });
  const failure = new Error("The code has failed");
  const failing = db.connection("shop").transaction(async () => {
    await shop.execute("INSERT INTO t VALUES (?)", [3]);
    assert.equal(await one(shop, "SELECT COUNT(*) FROM t"), 1);
    throw failure;
  });
  await assert.rejects(failing, failure);
  assert.equal(await one(shop, "SELECT COUNT(*) FROM t"), 0);
  await db.drain();
});

test("by default, statements join db.transaction, where getConnection is refused", async () => {
  const db = poolWithFaces(1);
  const shop = compatPromise(db, "shop");
  assert.notEqual(compat(db, "shop"), compat(db, "shop", { unit: "separate" }));
  const failure = new Error("The code has failed");
  const refused = { code: "TRANSACTION_OPEN", message: /\{ unit: "separate" \}/ };
  const failing = db.connection("shop").transaction(async () => {
    await shop.query("INSERT INTO t VALUES (1)");
    await shop.execute("INSERT INTO t VALUES (?)", [2]);
    await asked((done) => compat(db, "shop").query("INSERT INTO t VALUES (3)", done));
    await assert.rejects(shop.getConnection(), refused);
    await assert.rejects(taken(compat(db, "shop")), refused);
    assert.equal(await one(shop, "SELECT COUNT(*) FROM t"), 3);
    throw failure;
  });
  await assert.rejects(failing, failure);
  assert.equal(await one(shop, "SELECT COUNT(*) FROM t"), 0);
  (await shop.getConnection()).release();
  await db.drain();
});

test("by default, a compat pool joins no transaction of another kind", async () => {
  const db = poolWithFaces(2);
  const shop = compatPromise(db, "shop");
  await db.connection("reports").transaction(async () => (await shop.getConnection()).release());
  await db.unit(async () => {
    const connection = await shop.getConnection();
    await connection.beginTransaction();
    assert.notEqual(await one(shop, "SELECT CONNECTION_ID()"), connection.threadId);
    await connection.rollback();
    connection.release();
  });
  await db.drain();
});

test("with unit: separate, nothing joins db.transaction", async () => {
  const db = poolWithFaces(2);
  const shop = compatPromise(db, "shop", { unit: "separate" });
  await db.connection("shop").transaction(async (tx) => {
    const id = await one(tx, "SELECT CONNECTION_ID()");
    assert.notEqual(await one(shop, "SELECT CONNECTION_ID()"), id);
    const connection = await shop.getConnection();
    assert.notEqual(connection.threadId, id);
    connection.release();
  });
  await db.drain();
});

test("the signal of a unit ends its waits in a compat pool", async () => {
  const db = poolWithFaces(1);
  const shop = compat(db, "shop");
  const held = await taken(shop);
  const controller = new AbortController();
  const reason = new Error("The request was called off");
  const asks: Promise<unknown>[] = [];
  const unit = db.unit(async () => {
    asks.push(taken(shop), asked((done) => shop.query("SELECT 1", done)));
    await Promise.all(asks);
  }, { signal: controller.signal });
  const over = Promise.allSettled([unit, ...asks]);
  controller.abort(reason);
  for (const outcome of await over) assert.equal(Reflect.get(outcome, "reason"), reason);
  assert.equal(asks.length, 2);
  held.release();
  await db.drain();
});

test("compat's createPool makes a pool with units of work, and with unit: join", async () => {
  const pool = poolAt(server, { connectionLimit: 1, unit: "join" });
  const db = dbOf(pool);
  assert.equal(dbOfPromise(pool.promise() as never), db);
  const sum = "SELECT SUM(v) AS n FROM t";
  await db.unit(async () => {
    const connection = await taken(pool);
    await asked((done) => connection.beginTransaction(done));
    await asked((done) => pool.query("INSERT INTO t VALUES (40)", done));
    await asked((done) => pool.execute("INSERT INTO t VALUES (?)", [2], done));
    for await (const row of pool.query(sum).stream()) assert.deepEqual(row, { n: "42" });
    await assert.rejects(asked((done) => pool.query("SELECT nope", done)), { errno: 1054 });
    assert.equal(db.stats().leased, 1);
    await asked((done) => connection.rollback(done));
    connection.release();
  });
  assert.deepEqual(await asked((done) => pool.query(sum, done)), [{ n: null }]);
  assert.equal(db.stats().leased, 0);
  await ended(pool);
  const another = driver.createPool(server.url());
  assert.throws(() => dbOf(another), TypeError);
  another.end();
});

test("without unit: join, a helper waits for a connection until acquireTimeout", async () => {
  const options = { shared: false, connectionLimit: 1, acquireTimeout: 50 };
  const db = createPool({ uri: server.url(), ...options });
  const pool = compatPromise(db);
  await until(() => pool.query("SELECT 1"), "one is open, however long that takes");
  await db.unit(async () => {
    const connection = await pool.getConnection();
    await connection.beginTransaction();
    await assert.rejects(pool.query("SELECT 1"), { code: "LEASE_TIMEOUT" });
    await connection.rollback();
    connection.release();
  });
  await db.drain();
});
