/** On a real server: leases: how long they last, and what a late release does. */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { after, before, test } from "node:test";
import mysql, { type PoolConnection, type RowDataPacket } from "mysql2";
import { type Server, startServer } from "../support/server.ts";
import { collectUntil } from "./orms/support/garbage.ts";
import { asked, ended, newsOf, one, poolAt, promisesAt, taken } from "./support/fixture.ts";

let server: Server;

before(async () => {
  server = await startServer();
  await server.query("CREATE TABLE test.t (v INT)");
});

after(async () => await server?.remove());

test("a leased connection is the driver's, and the same object at each lease", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const first = await taken(pool);
  assert.ok(first instanceof mysql.Connection && first instanceof mysql.PoolConnection);
  assert.equal(first.state, "authenticated");
  assert.ok(first.threadId > 0);
  Object.assign(first, { __knexUid: "a" });
  first.release();
  const second = await taken(pool);
  assert.equal(second, first);
  assert.equal(Reflect.get(second, "__knexUid"), "a");
  const promised = second.promise();
  assert.deepEqual((await promised.query("SELECT 1 AS n"))[0], [{ n: 1 }]);
  promised.release();
  (await taken(pool)).release();
  await ended(pool);
});

test("end releases a connection without a warning, and destroy closes it", async (context) => {
  const warn = context.mock.method(console, "warn");
  const pool = poolAt(server, { connectionLimit: 1 });
  const first = await taken(pool);
  await asked((done) => first.end(done));
  const second = await taken(pool);
  assert.equal(second.threadId, first.threadId);
  second.destroy();
  const third = await taken(pool);
  assert.notEqual(third.threadId, second.threadId);
  await asked((done) => third.promise().end().then(() => done(null), done));
  using fourth = await taken(pool);
  assert.equal(fourth.threadId, third.threadId);
  fourth.release();
  assert.equal(warn.mock.callCount(), 0);
  await ended(pool);
});

test("with gracefulEnd, end on a leased connection closes it", async () => {
  const pool = promisesAt(server, { connectionLimit: 1, gracefulEnd: true });
  const first = await pool.getConnection();
  const { threadId } = first;
  const last = first.query("INSERT INTO t VALUES (1)");
  await first.end();
  await last;
  assert.notEqual(await one(pool, "SELECT CONNECTION_ID()"), threadId);
  await pool.end();
});

test("releaseConnection releases callback and promise connections", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  pool.releaseConnection(await taken(pool));
  pool.releaseConnection(await pool.promise().getConnection());
  const promises = pool.promise();
  promises.releaseConnection(await promises.getConnection());
  promises.releaseConnection(await taken(pool) as never);
  (await taken(pool)).release();
  await ended(pool);
});

test("statements that a holder sends before its release still run, as with mysql2", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const connection = await taken(pool);
  connection.query("DO SLEEP(0.1)");
  connection.query("INSERT INTO t VALUES (2)");
  connection.release();
  const rows = await asked((done) => pool.query("SELECT COUNT(*) AS n FROM t WHERE v = 2", done));
  assert.deepEqual(rows, [{ n: 1 }]);
  assert.equal((await taken(pool)).threadId, connection.threadId);
  connection.release();
  await ended(pool);
});

test("a connection that a callback releases after a failed statement is free at once", async () => {
  const pool = poolAt(server, { connectionLimit: 1, waitForConnections: false });
  const connection = await taken(pool);
  const again = await new Promise<PoolConnection>((resolve, reject) => {
    connection.query("SELECT nope", () => {
      connection.release();
      pool.getConnection((error, next) => error ? reject(error) : resolve(next));
    });
  });
  assert.equal(again.threadId, connection.threadId);
  again.release();
  // The connection is free in the callback of a failed pool statement, too.
  await asked((done) => {
    pool.query("SELECT nope", () => pool.execute("SELECT nope", () => pool.query("DO 1", done)));
  });
  await ended(pool);
});

test("a second release of a promise connection takes nothing from the next holder", async () => {
  const pool = promisesAt(server, { connectionLimit: 1 });
  const first = await pool.getConnection();
  first.release();
  const second = await pool.getConnection();
  assert.notEqual(second, first);
  assert.equal(second.connection, first.connection);
  first.release();
  await first.end();
  first.destroy();
  pool.releaseConnection(first);
  await assert.rejects(first.query("SELECT 1"), { code: "LEASE_ENDED" });
  await assert.rejects(first.beginTransaction(), { code: "LEASE_ENDED" });
  const waiting = pool.getConnection();
  assert.equal(await one(second, "SELECT CONNECTION_ID()"), second.threadId);
  second.release();
  (await waiting).release();
  await pool.end();
});

test("a second release by a former holder's callback takes nothing from the next", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const late = await asked<() => void>((done) => {
    pool.getConnection((_error, connection) => {
      connection.release();
      const again = AsyncLocalStorage.bind(() => {
        connection.release();
        connection.end();
        connection.destroy();
      });
      done(null, again);
    });
  });
  const next = await taken(pool);
  let isServed = false;
  const waiting = taken(pool).then((connection) => {
    isServed = true;
    return connection;
  });
  late();
  assert.equal(await one(next.promise(), "SELECT CONNECTION_ID()"), next.threadId);
  assert.equal(isServed, false);
  next.release();
  const last = await waiting;
  assert.equal(last.threadId, next.threadId);
  last.release();
  await ended(pool);
});

test("code started in a former holder's callback can release its later leases", async () => {
  const pool = poolAt(server, { connectionLimit: 1, acquireTimeout: 2_000 });
  await new Promise<void>((resolve, reject) => {
    pool.getConnection((_error, connection) => {
      connection.release();
      const later = async (): Promise<void> => {
        for (let i = 0; i < 3; i++) (await taken(pool)).release();
        const lent = await pool.promise().getConnection();
        lent.connection.destroy();
        (await taken(pool)).release();
      };
      later().then(resolve, reject);
    });
  });
  await ended(pool);
});

test("nested leases can be released in any order", async () => {
  const pool = poolAt(server, { connectionLimit: 2 });
  for (let round = 0; round < 3; round++) {
    await asked((done) => {
      pool.getConnection((_error, outer) => {
        pool.getConnection((_error, inner) => {
          assert.notEqual(inner.threadId, outer.threadId);
          outer.release();
          pool.getConnection((_error, again) => {
            assert.equal(again.threadId, outer.threadId);
            inner.release();
            again.release();
            done(null);
          });
        });
      });
    });
  }
  await ended(pool);
});

test("the pool takes back a lease whose handle is garbage-collected, as with drizzle", async () => {
  const pool = promisesAt(server, { connectionLimit: 1 });
  const news = newsOf(pool);
  await assert.rejects(async () => {
    const connection = await pool.getConnection();
    await connection.query("begin nonsense");
    connection.release();
  }, { errno: 1064 });
  await collectUntil(() => news.length === 3, "it is taken back");
  await pool.query("SELECT 1");
  await pool.end();
});

test("the pool takes back no lease whose callback connection is still referenced", async () => {
  const pool = promisesAt(server, { connectionLimit: 2 });
  const news = newsOf(pool);
  const connection = (await pool.getConnection()).connection as unknown as PoolConnection;
  await (async () => void await pool.getConnection())();
  await collectUntil(() => news.some((item) => item.startsWith("release")), "the other is");
  const [{ id }] = await asked<[RowDataPacket]>((done) => {
    connection.query("SELECT CONNECTION_ID() AS id", done);
  });
  assert.equal(id, connection.threadId);
  connection.release();
  await pool.end();
});

test("the pool does not take back a lease while a caller awaits its statement", async () => {
  const pool = promisesAt(server, { connectionLimit: 2 });
  const news = newsOf(pool);
  const slow = pool.getConnection().then((connection) =>
    connection.query("SELECT SLEEP(0.5) AS n")
  );
  await (async () => void await pool.getConnection())();
  await collectUntil(() => news.some((item) => item.startsWith("release")), "the other is");
  assert.deepEqual((await slow)[0], [{ n: 0 }]);
  await pool.end();
});

const nothing = (): void => undefined;

for (
  const [name, change] of Object.entries<(connection: PoolConnection) => unknown>({
    "a holder replaced a method": (connection) => Object.assign(connection, { query: nothing }),
    "a holder hid a class's method": (connection) => Object.assign(connection, { ping: nothing }),
    "a holder left a listener on it": (connection) => connection.on("end", nothing),
    "a holder changed its socket": (connection) => {
      Object.assign(Reflect.get(connection, "stream"), { write: nothing });
    },
  })
) {
  test(`the pool closes a connection at its release if ${name}`, async () => {
    const pool = promisesAt(server, { connectionLimit: 1 });
    pool.on("connection", (connection) => connection.on("error", nothing));
    const kept = await pool.getConnection();
    const { threadId } = kept;
    kept.release();
    const changed = await pool.getConnection();
    assert.equal(changed.threadId, threadId);
    change(changed.connection as unknown as PoolConnection);
    changed.release();
    const next = await pool.getConnection();
    assert.notEqual(next.threadId, threadId);
    assert.deepEqual((await next.query("SELECT 1 AS n"))[0], [{ n: 1 }]);
    next.release();
    await pool.end();
  });
}

test("the pool lends a connection again though a holder left an error listener on it", async () => {
  const pool = promisesAt(server, { connectionLimit: 1 });
  const threads = new Set<number>();
  for (let i = 0; i < 3; i++) {
    const lent = await pool.getConnection();
    threads.add(lent.threadId);
    lent.connection.on("error", nothing);
    lent.release();
  }
  assert.equal(threads.size, 1);
  await pool.end();
});
