/**
 * On real servers: the driver's cache of prepared statements agrees with the server, whatever a
 * holder does; and a pool does not use up all statements that a server can prepare.
 */

import assert from "node:assert/strict";
import { createPool, type Pool, type PoolOptions } from "../../mod.ts";
import { onBoth, serversOf } from "../support/both.ts";
import { failure, threadOf } from "../support/asking.ts";
import { startProxy } from "../support/proxy.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";

const sql = "SELECT ? + 1 AS n";

const withServer = onBoth(serversOf([]));

function testOnBoth(
  name: string,
  fn: (db: Pool<"main">, server: Server) => Promise<void>,
  options: PoolOptions = {},
): void {
  withServer(name, async (server) => {
    await until(async () => await preparedCount(server) === 0, "nothing is prepared");
    const uri = server.url();
    await using db = createPool({ uri, shared: false, connectionLimit: 1, ...options });
    await fn(db, server);
  });
}

/** How many statements the server has prepared, over all connections. */
async function preparedCount(server: Server): Promise<number> {
  return await server.status("Prepared_stmt_count");
}

async function expectRight(db: Pool<"main">, value: number): Promise<void> {
  assert.deepEqual((await db.execute(sql, [value]))[0], [{ n: value + 1 }]);
}

testOnBoth("a statement that its holder closed is prepared anew for the next", async (db) => {
  const thread = await threadOf(db);
  const lease = await db.lease();
  const handle = await lease.connection.promise().prepare(sql);
  await handle.execute([1]);
  await handle.close();
  lease.release();
  for (const value of [2, 3]) await expectRight(db, value);
  assert.equal(await threadOf(db), thread);
});

testOnBoth("a statement prepared anew in a transaction loses no write", async (db) => {
  await db.query("CREATE TABLE IF NOT EXISTS kept (v INT) ENGINE = InnoDB");
  await db.query("DELETE FROM kept");
  const lease = await db.lease();
  const handle = await lease.connection.promise().prepare("INSERT INTO kept VALUES (?)");
  await handle.close();
  lease.release();
  await db.transaction(async () => {
    await db.query("INSERT INTO kept VALUES (1)");
    await db.execute("INSERT INTO kept VALUES (?)", [2]);
  });
  assert.deepEqual((await db.query("SELECT v FROM kept ORDER BY v"))[0], [{ v: 1 }, { v: 2 }]);
});

testOnBoth("the cache agrees after a reset, a new login and a lost connection", async (
  db,
  server,
) => {
  for (const sql of ["SET @a = 1", "USE information_schema"]) {
    for (const value of [1, 2]) await expectRight(db, value);
    const thread = await threadOf(db);
    await db.unit(() => db.query(sql));
    for (const value of [3, 4]) await expectRight(db, value);
    assert.equal(await threadOf(db), thread);
    assert.equal(await preparedCount(server), 1);
  }
  await server.query(`KILL ${await threadOf(db)}`);
  await until(() => db.stats().size === 0, "the loss is noticed");
  for (const value of [5, 6]) await expectRight(db, value);
  assert.equal(await preparedCount(server), 1);
});

testOnBoth("a prepared statement kept over a reset is refused, and the next works", async (
  db,
) => {
  const lease = await db.lease();
  const handle = await lease.connection.promise().prepare(sql);
  await lease.connection.promise().reset();
  assert.equal(Object(await failure(handle.execute([1]))).errno, 1243);
  lease.release();
  await expectRight(db, 1);
});

testOnBoth("the pool closes cached statements if the server can prepare no more", async (
  db,
  server,
) => {
  for (let i = 0; i < 5; i++) await db.execute(`SELECT ${i}, ?`, [i]);
  assert.equal(await preparedCount(server), 5);
  await server.query("SET GLOBAL max_prepared_stmt_count = 5");
  try {
    await expectRight(db, 1);
    assert.equal(await preparedCount(server), 1);
  } finally {
    await server.query("SET GLOBAL max_prepared_stmt_count = 16382");
  }
});

testOnBoth(
  "the pool closes no statement that the holder of a lease prepared himself",
  async (db, server) => {
    await using lease = await db.lease();
    const handle = await lease.connection.promise().prepare(sql);
    await lease.execute("SELECT 1, ?", [1]);
    await server.query("SET GLOBAL max_prepared_stmt_count = 2");
    try {
      await lease.execute("SELECT 2, ?", [2]);
      assert.deepEqual((await handle.execute([1]))[0], [{ n: 2 }]);
    } finally {
      await server.query("SET GLOBAL max_prepared_stmt_count = 16382");
    }
  },
);

testOnBoth("a statement that has begun is not sent again, whatever its error number", async (
  db,
) => {
  await db.query("CREATE TABLE IF NOT EXISTS once (v INT) ENGINE = MyISAM");
  await db.query("DELETE FROM once");
  await db.query("DROP TRIGGER IF EXISTS refusing");
  await db.query(
    `CREATE TRIGGER refusing BEFORE INSERT ON once FOR EACH ROW
       IF NEW.v = 6 THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1243; END IF`,
  );
  const error = await failure(db.execute("INSERT INTO once VALUES (5), (?)", [6]));
  assert.equal(Object(error).errno, 1243);
  assert.deepEqual((await db.query("SELECT v FROM once"))[0], [{ v: 5 }]);
});

testOnBoth(
  "if other sessions have prepared all, the error says what can be done",
  async (db, server) => {
    await threadOf(db);
    await server.query("SET GLOBAL max_prepared_stmt_count = 0");
    try {
      const error = Object(await failure(db.execute(sql, [1])));
      assert.equal(error.errno, 1461);
      assert.match(error.message, /lower one of the two, or raise max_prepared_stmt_count/);
      assert.doesNotMatch(error.sqlMessage, /lower one of the two/);
      await threadOf(db);
    } finally {
      await server.query("SET GLOBAL max_prepared_stmt_count = 16382");
    }
    await expectRight(db, 1);
  },
);

testOnBoth("a connection keeps the last used maxPreparedStatements", async (
  db,
  server,
) => {
  for (let i = 0; i < 10; i++) await db.execute(`SELECT ${i}, ?`, [i]);
  await threadOf(db);
  assert.equal(await preparedCount(server), 3);
}, { maxPreparedStatements: 3 });

testOnBoth("by default a connection keeps 500 prepared statements", async (db, server) => {
  for (let i = 0; i < 520; i++) await db.execute(`SELECT ${i}, ?`, [i]);
  await threadOf(db);
  assert.equal(await preparedCount(server), 500);
});

withServer(
  "a statement that the server cannot prepare anew by itself is prepared anew",
  async (server) => {
    const message = "Prepared statement needs to be re-prepared";
    let refusals = 0;
    await using proxy = await startProxy(server, {
      refuses: (command) =>
        command === "EXECUTE" && refusals-- > 0 ? { errno: 1615, message } : undefined,
    });
    await using db = createPool({ uri: proxy.uri, shared: false, connectionLimit: 1 });
    await expectRight(db, 1);
    refusals = 1;
    await expectRight(db, 2);
    refusals = 1;
    await db.transaction(() => expectRight(db, 3));
    refusals = 2;
    assert.equal(Object(await failure(db.execute(sql, [4]))).errno, 1615);
    await expectRight(db, 5);
  },
);
