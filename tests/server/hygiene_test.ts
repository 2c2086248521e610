/**
 * On a real server: nobody gets what another one has left.
 *
 * Each kind of session state is kept for the unit that made it, and is gone for the next
 * holder of the very same connection: the limit is 1.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { Server } from "../support/server.ts";
import {
  type Asked,
  assertFree,
  connected,
  one,
  poolAt,
  prepareServer,
  threadOf,
  valuesIn,
} from "./support/fixture.ts";
import { startProxy } from "../support/proxy.ts";

let server: Server;

before(async () => {
  server = await prepareServer([
    "CREATE DATABASE other",
    "CREATE TABLE t (v INT) ENGINE = InnoDB",
    "CREATE TABLE u (v INT) ENGINE = InnoDB",
    "CREATE ROLE clerk",
    "GRANT clerk TO app",
  ]);
});

afterEach(async () => {
  await connected(server, 0);
  await server.query("TRUNCATE test.t");
});

after(async () => await server?.remove());

/** A kind of state that belongs to one session. */
interface State {
  /** What makes it. */
  readonly made: readonly string[];
  /** Asks for it. */
  readonly asked: string;
  /** What the answer is for who has it, and for who has not; an error is known by its number. */
  readonly answers: readonly [own: unknown, other: unknown];
}

const states: Readonly<Record<string, State>> = {
  "an open transaction": {
    made: ["START TRANSACTION", "INSERT INTO t VALUES (1)"],
    asked: "SELECT COUNT(*) FROM t",
    answers: [1, 0],
  },
  "a transaction of SET autocommit": {
    made: ["SET autocommit = 0", "INSERT INTO t VALUES (1)"],
    asked: "SELECT CONCAT(@@autocommit + 0, ' ', COUNT(*)) FROM t",
    answers: ["0 1", "1 0"],
  },
  "a user variable of SET": { made: ["SET @a = 7"], asked: "SELECT @a", answers: [7, null] },
  "a user variable of SELECT": {
    made: ["SELECT @a := 7"],
    asked: "SELECT @a",
    answers: [7, null],
  },
  "a user variable of INTO": {
    made: ["SELECT 7 INTO @a"],
    asked: "SELECT @a",
    answers: [7, null],
  },
  "a session variable": {
    made: ["SET SESSION time_zone = '+05:00'"],
    asked: "SELECT @@time_zone",
    answers: ["+05:00", "SYSTEM"],
  },
  "a session variable that the server does not track": {
    made: ["SET SESSION group_concat_max_len = 77"],
    asked: "SELECT @@group_concat_max_len = 77",
    answers: [1, 0],
  },
  "SET NAMES": {
    made: ["SET NAMES latin1"],
    asked: "SELECT @@character_set_client",
    answers: ["latin1", "utf8mb4"],
  },
  "a temporary table": {
    made: ["CREATE TEMPORARY TABLE tmp (v INT)", "INSERT INTO tmp VALUES (7)"],
    asked: "SELECT v FROM tmp",
    answers: [7, 1146],
  },
  "a temporary table in the place of another": {
    made: ["CREATE TEMPORARY TABLE t (v INT)", "INSERT INTO t VALUES (7)"],
    asked: "SELECT COUNT(*) FROM t",
    answers: [1, 0],
  },
  "LOCK TABLES": {
    made: ["LOCK TABLES t WRITE"],
    asked: "SELECT COUNT(*) FROM u",
    answers: [1100, 0],
  },
  "GET_LOCK": {
    made: ["SELECT GET_LOCK('till', 0)"],
    asked: "SELECT IS_USED_LOCK('till') = CONNECTION_ID()",
    answers: [1, null],
  },
  "USE": { made: ["USE other"], asked: "SELECT DATABASE()", answers: ["other", "test"] },
  "a prepared statement in text": {
    made: ["PREPARE p FROM 'SELECT 7'"],
    asked: "EXECUTE p",
    answers: [7, 1243],
  },
  "a role": {
    made: ["SET ROLE clerk"],
    asked: "SELECT CURRENT_ROLE() LIKE '%clerk%'",
    answers: [1, null],
  },
};

/** Returns what a question brings: its answer, or the number of its error. */
async function answer(asked: Asked, sql: string): Promise<unknown> {
  try {
    return await one(asked, sql);
  } catch (error) {
    return (error as { errno?: unknown }).errno ?? error;
  }
}

for (const [name, { made, asked, answers: [own, other] }] of Object.entries(states)) {
  test(`${name} is kept for its unit, and is gone for the next one`, async () => {
    await using db = poolAt(server, { connectionLimit: 1 });
    const thread = await db.unit(async () => {
      for (const sql of made) await db.query(sql);
      assert.equal(db.census().leased, 1);
      assert.deepEqual(await answer(db, asked), own);
      return await threadOf(db);
    });
    assertFree(db);
    assert.deepEqual(await answer(db, asked), other);
    assert.equal(await threadOf(db), thread);
  });

  test(`${name}, made through a lease or by statements of their own, is gone as well`, async () => {
    await using db = poolAt(server, { connectionLimit: 1 });
    await using lease = await db.lease();
    for (const sql of made) await lease.connection.promise().query(sql);
    assert.deepEqual(await answer(lease, asked), own);
    lease.release();
    assert.deepEqual(await answer(db, asked), other);
    await db.query(made[0] ?? "");
    assert.deepEqual(await answer(db, asked), other);
  });

  test(`${name} is gone when the unit that made it has thrown`, async () => {
    await using db = poolAt(server, { connectionLimit: 1 });
    const error = new Error("mine");
    const unit = db.unit(async () => {
      for (const sql of made) await db.query(sql);
      throw error;
    });
    await assert.rejects(unit, error);
    assert.deepEqual(await answer(db, asked), other);
    assert.deepEqual(await valuesIn(server, "t"), []);
  });
}

test("locks are free for others at the server once their unit has ended", async () => {
  await using db = poolAt(server);
  await db.unit(async () => {
    await db.query("SELECT GET_LOCK('till', 0)");
    await db.query("LOCK TABLES t WRITE");
    assert.deepEqual(await server.query("SELECT GET_LOCK('till', 0) l"), [{ l: 0 }]);
  });
  assert.deepEqual(await server.query("SELECT GET_LOCK('till', 5) l"), [{ l: 1 }]);
  await server.query("INSERT INTO test.t VALUES (1)");
  await server.query("DO RELEASE_LOCK('till')");
});

test("a clean release costs no round trip", async () => {
  await using proxy = await startProxy(server);
  await using db = poolAt(server, { uri: proxy.uri, connectionLimit: 1, validateAfter: 60_000 });
  await db.query("SELECT 0");
  proxy.forget();
  for (let i = 0; i < 5; i++) await db.query(`SELECT ${i}`);
  await db.unit(() => db.query("INSERT INTO t VALUES (1)"));
  await db.unit(() => db.transaction(() => db.query("INSERT INTO t VALUES (2)")));
  (await db.lease()).release();
  assert.deepEqual(proxy.forget(), [
    ...[0, 1, 2, 3, 4].map((i) => `QUERY SELECT ${i}`),
    "QUERY INSERT INTO t VALUES (1)",
    "QUERY START TRANSACTION",
    "QUERY INSERT INTO t VALUES (2)",
    "QUERY COMMIT",
  ]);
});

test("what is left dirty is wiped once, by a reset, before the next one has it", async () => {
  await using proxy = await startProxy(server);
  await using db = poolAt(server, { uri: proxy.uri, connectionLimit: 1, validateAfter: 60_000 });
  await db.query("SELECT 0");
  proxy.forget();
  await db.query("SET @a = 1");
  await db.query("SELECT 1");
  const commands = proxy.forget();
  assert.deepEqual(commands.slice(0, 2), ["QUERY SET @a = 1", "RESET"]);
  assert.equal(commands.at(-1), "QUERY SELECT 1");
  assert.equal(commands.filter((command) => command === "RESET").length, 1);
});

test("where another connection is free, nobody waits for a reset", async () => {
  await using db = poolAt(server, { connectionLimit: 2 });
  const leases = await Promise.all([db.lease(), db.lease()]);
  await leases[0].query("SET @a = 1");
  const { threadId } = leases[1];
  for (const lease of leases) lease.release();
  assert.equal(db.census().resetting, 1);
  const next = db.lease();
  assert.equal(db.census().waiting, 0);
  const lease = await next;
  assert.equal(lease.threadId, threadId);
  lease.release();
});

test("a statement is prepared once on each connection, and again after a reset", async () => {
  await using proxy = await startProxy(server);
  await using db = poolAt(server, { uri: proxy.uri, connectionLimit: 1, validateAfter: 60_000 });
  const square = db.method<{ n: number }, { s: number }>("SELECT :n * :n s");
  const prepared = "PREPARE SELECT ? * ? s";
  for (const n of [2, 3]) assert.deepEqual(await square({ n }), [{ s: n * n }]);
  const first = proxy.forget().filter((command) => /^(PREPARE|EXECUTE)/.test(command));
  assert.deepEqual(first, [prepared, "EXECUTE", "EXECUTE"]);
  await db.query("SET @a = 1");
  assert.deepEqual(await square({ n: 4 }), [{ s: 16 }]);
  const second = proxy.forget().filter((command) => /^(PREPARE|EXECUTE)/.test(command));
  assert.deepEqual(second, [prepared, "EXECUTE"]);
});

test("a holder who leaves a statement under way gets nobody a busy connection", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const lease = await db.lease();
  const { threadId } = lease;
  const left = lease.connection.promise().query("SELECT SLEEP(1)");
  const ended = assert.rejects(left);
  lease.release();
  const thread = await threadOf(db);
  assert.notEqual(thread, threadId);
  await ended;
});
