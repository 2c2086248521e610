/**
 * On real servers: what a holder leaves on the driver's own connection, which a lease hands out,
 * and how the pool handles it; the rows of the hygiene table that need tests of their own.
 */

import assert from "node:assert/strict";
import { after } from "node:test";
import { createPool } from "../../mod.ts";
import { looked, one, threadOf } from "../support/asking.ts";
import { until } from "../support/wait.ts";
import { roundTrips } from "./rows.ts";
import { removeServers, testOnBoth } from "./support/fixture.ts";

/** A statement with a result of nine megabytes. */
const long = `WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900)
  SELECT REPEAT('x', 10000) AS rest FROM n`;

after(removeServers);

testOnBoth(
  "the unread rest of a long stream reaches no other unit: its connection ends",
  async (place) => {
    const { server } = place;
    await using db = createPool({ uri: server.url(), shared: false, connectionLimit: 1 });
    const lease = await db.lease();
    const { threadId } = lease;
    const stream = lease.connection.query(long).stream({ highWaterMark: 1 });
    for await (const row of stream) {
      assert.equal((row as { rest: string }).rest.length, 10_000);
      break;
    }
    lease.release();
    assert.equal(await one(db, "SELECT 'mine'"), "mine");
    assert.notEqual(await threadOf(db), threadId);
    await until(async () => await server.connectionCount() === 1, "the server has let it go");
  },
);

testOnBoth("a short stream that has arrived does not end its connection", async (place) => {
  const { db, proxy } = place;
  const thread = await threadOf(db);
  const lease = await db.lease();
  const stream = lease.connection.query("SELECT 1 AS n UNION SELECT 2").stream();
  for await (const row of stream) {
    assert.equal((row as { n: number }).n, 1);
    break;
  }
  await until(() => stream.destroyed, "the stream has ended");
  proxy.forget();
  lease.release();
  assert.equal(await one(db, "SELECT 'mine'"), "mine");
  assert.equal(await threadOf(db), thread);
  assert.deepEqual(proxy.forget(), ["QUERY SELECT 'mine'", "QUERY SELECT CONNECTION_ID()"]);
});

testOnBoth("an abandoned prepared statement costs nothing, and the next unit reuses it", async (
  { db, proxy, server },
) => {
  const sql = "SELECT ? + 1 AS n";
  const thread = await threadOf(db);
  const before = await server.status("Prepared_stmt_count");
  const lease = await db.lease();
  const handle = await lease.connection.promise().prepare(sql);
  assert.deepEqual((await handle.execute([1]))[0], [{ n: 2 }]);
  lease.release();
  proxy.forget();
  assert.deepEqual((await db.execute(sql, [2]))[0], [{ n: 3 }]);
  assert.deepEqual(proxy.forget(), ["EXECUTE"]);
  assert.equal(await server.status("Prepared_stmt_count"), before + 1);
  assert.equal(await threadOf(db), thread);
});

/** How a server records statements, how to read them, and which flavor keeps them over a login. */
const keeping = [
  ["SET profiling = 1", "SHOW PROFILES", "mariadb"],
  [
    "SET optimizer_trace = 'enabled=on'",
    "SELECT query FROM information_schema.optimizer_trace",
    "mysql",
  ],
] as const;

for (const [begin, read, keeper] of keeping) {
  testOnBoth(`no unit sees what another unit recorded by ${begin}`, async (place) => {
    const { db, server, flavor } = place;
    await server.query("SET GLOBAL log_bin_trust_function_creators = 1");
    await server.query("USE test");
    const quiet = "SET session_track_system_variables = ''";
    const made = [
      `PROCEDURE keeping() BEGIN ${begin}; END`,
      `PROCEDURE failing() BEGIN ${begin}; SIGNAL SQLSTATE '45000'; END`,
      `PROCEDURE quiet() BEGIN ${quiet}; ${begin}; END`,
      `FUNCTION kept() RETURNS INT BEGIN ${begin}; RETURN 1; END`,
    ];
    for (const sql of made) await server.query(`CREATE ${sql}`);
    const ways = [begin, "CALL keeping()", "CALL failing()", "CALL quiet()", "SELECT kept()"];
    for (const sql of ways) {
      // MySQL keeps no record if the function sets the variable.
      const isLasting = flavor === keeper && (flavor === "mariadb" || sql !== "SELECT kept()");
      const thread = await db.unit(async () => {
        await db.query(sql).catch((error: unknown) => assert.match(String(error), /Unhandled/));
        await db.query("SELECT 4242");
        const [own] = await db.query(read);
        if (isLasting) assert.match(JSON.stringify(own), /4242/, sql);
        return await threadOf(db);
      });
      const [kept] = await db.unit(() => db.query(read));
      assert.deepEqual(kept, [], sql);
      assert.equal(await threadOf(db) === thread, !isLasting, sql);
    }
    for (const sql of made) await server.query(`DROP ${sql.split("(")[0]}`);
  });
}

testOnBoth(
  "a session reads texts alike when it is new, after a reset and after a new login",
  async ({ db }) => {
    const read = (): Promise<unknown> => db.query("SELECT COUNT (*) FROM t");
    await read();
    await db.unit(() => db.query("SET @a = 1"));
    await read();
    await db.unit(() => db.query("SET ROLE NONE"));
    await read();
    assert.deepEqual(Object.keys(db.stats().renewals), ["SET ROLE"]);
  },
);

testOnBoth("the pool restores a session that its holder has reset", async (place) => {
  const { db, proxy, flavor } = place;
  const lease = await db.lease();
  const { threadId } = lease;
  await lease.connection.promise().reset();
  proxy.roundTrips = 0;
  lease.release();
  assert.equal(await threadOf(db), threadId);
  assert.equal(proxy.roundTrips - 1, roundTrips.reset[flavor]);
  await db.unit(async () => {
    await db.query("SET @a = 7");
    assert.equal(await one(db, "SELECT @a"), 7);
  });
  assert.equal(await one(db, "SELECT @a"), null);
});

testOnBoth("the pool restores the login after a holder's changeUser", async (place) => {
  const { db, proxy, flavor } = place;
  const lease = await db.lease();
  const { threadId } = lease;
  await lease.connection.promise().changeUser({ database: "other" });
  assert.equal(await one(lease, "SELECT DATABASE()"), "other");
  proxy.roundTrips = 0;
  lease.release();
  assert.equal(await one(db, "SELECT DATABASE()"), "test");
  assert.equal(proxy.roundTrips - 1, roundTrips.login[flavor]);
  assert.equal(await threadOf(db), threadId);
});

testOnBoth("a clean unit costs no round trip, even if it fails", async ({ db, proxy }) => {
  await looked(db, "t", "v", "nonsense");
  await threadOf(db);
  proxy.forget();
  proxy.roundTrips = 0;
  await db.unit(() => db.query("SELECT 1"));
  await db.unit(() => db.transaction(() => db.query("INSERT INTO t VALUES (1)")));
  const failing = db.unit(() => db.transaction(() => db.query("SELECT nonsense")));
  await assert.rejects(failing, { errno: 1054 });
  await db.unit(() => db.execute("DELETE FROM t WHERE v = ?", [1]));
  assert.deepEqual(proxy.forget(), [
    "QUERY SELECT 1",
    "QUERY START TRANSACTION",
    "QUERY INSERT INTO t VALUES (1)",
    "QUERY COMMIT",
    "QUERY START TRANSACTION",
    "QUERY SELECT nonsense",
    "QUERY ROLLBACK",
    "PREPARE DELETE FROM t WHERE v = ?",
    "EXECUTE",
  ]);
  assert.equal(proxy.roundTrips, 9);
});
