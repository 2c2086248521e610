/** On a real server: a session's known state after each statement, and after a reset. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { nameFirst, one, open, run, targetAt, type TestSession } from "./fixture.ts";

let server: Server;
let session: TestSession;
let isMariaDb: boolean;

before(async () => {
  server = await startServer({ options: ["--log-bin-trust-function-creators=1"] });
  isMariaDb = /maria/i.test(String((await server.query("SELECT VERSION() v"))[0]?.["v"]));
  session = await open(targetAt(server));
  for (
    const sql of [
      "CREATE DATABASE other",
      "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT)",
      "CREATE TABLE triggering (v INT)",
      "CREATE TRIGGER tr BEFORE INSERT ON triggering FOR EACH ROW SET @triggered = NEW.v",
      "CREATE PROCEDURE locks() DO GET_LOCK('p', 1)",
      `CREATE PROCEDURE fails() BEGIN START TRANSACTION; INSERT INTO t (v) VALUES (1);
        SIGNAL SQLSTATE '45000'; END`,
    ]
  ) await run(session, sql);
  await session.reset();
  await nameFirst(session, "SELECT t.id, t.v FROM t, t AS nowhere LIMIT 0");
});

after(async () => {
  await session?.close();
  await server?.remove();
});

/** Runs statements on a clean session and returns the session's known state. */
async function seen(...statements: string[]): Promise<string> {
  await session.reset();
  assert.equal(session.condition, "clean");
  for (const sql of statements) await run(session, sql).catch(() => undefined);
  const { condition, isInTransaction, isPinned } = session;
  return `${condition}${isInTransaction ? " in transaction" : ""}${isPinned ? " pinned" : ""}`;
}

test("ordinary statements leave the session clean, as text and prepared", async () => {
  assert.equal(await seen("SELECT 1", "INSERT INTO t (v) VALUES (1)", "SELECT * FROM t"), "clean");
  await run(session, "SELECT * FROM t WHERE id = ?", [1], true);
  await run(session, "INSERT INTO t (v) VALUES (?)", [1], true);
  await assert.rejects(run(session, "SELECT * FROM nowhere"), { errno: 1146 });
  await assert.rejects(run(session, "SELECT * FROM nowhere", [], true), { errno: 1146 });
  assert.equal(session.condition, "clean");
});

test("the session sees an open transaction, by statements with and without rows", async () => {
  assert.equal(await seen("BEGIN"), "dirty in transaction");
  assert.equal(await seen("BEGIN", "SELECT * FROM t"), "dirty in transaction");
  assert.equal(await seen("BEGIN", "SELECT * FROM t FOR UPDATE", "COMMIT"), "clean");
  assert.equal(await seen("BEGIN", "SELECT 1", "ROLLBACK"), "clean");
  assert.equal(await seen("BEGIN", "SELECT * FROM nowhere"), "dirty in transaction");
  await session.reset();
  await run(session, "BEGIN");
  await run(session, "SELECT * FROM t", [], true);
  assert.equal(session.isInTransaction, true);
  await run(session, "COMMIT", [], true);
  assert.equal(session.isInTransaction, false);
});

test("each kind of session state makes the session dirty and pins it", async () => {
  for (
    const sql of [
      "SET @x = 1",
      "SELECT @x := 1",
      "SELECT 1 INTO @x",
      "SET time_zone = '+03:00'",
      "SET NAMES latin1",
      "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
      "CREATE TEMPORARY TABLE tmp (a INT)",
      "LOCK TABLES t READ",
      "SELECT GET_LOCK('a', 1)",
      "HANDLER t OPEN",
      "PREPARE s FROM 'SELECT 1'",
      "INSERT INTO triggering VALUES (1)",
      "CALL locks()",
      "USE other",
      "SET autocommit = 0",
    ]
  ) assert.equal(await seen(sql), "dirty pinned", sql);
  assert.equal(await seen("SET autocommit = 0", "SELECT * FROM t"), "dirty in transaction pinned");
});

test("a procedure that fails in a transaction does not leave the session clean", async () => {
  assert.equal(await seen("CALL fails()"), "dirty pinned");
  await run(session, "SELECT 1");
  assert.equal(session.isInTransaction, true);
});

test("a deadlock ends the transaction, and leaves the session dirty", async () => {
  const other = await open(targetAt(server));
  await session.reset();
  await run(session, "REPLACE INTO t VALUES (1, 1), (2, 2)");
  for (const [at, id] of [[session, 1], [other, 2]] as const) {
    await run(at, "BEGIN");
    await run(at, `UPDATE t SET v = 3 WHERE id = ${id}`);
  }
  const answers = await Promise.allSettled([
    run(session, "UPDATE t SET v = 4 WHERE id = 2"),
    run(other, "UPDATE t SET v = 4 WHERE id = 1"),
  ]);
  const [victim, winner] = answers[0].status === "rejected" ? [session, other] : [other, session];
  assert.equal(answers.filter(({ status }) => status === "rejected").length, 1);
  assert.equal(victim.isInTransaction, false);
  assert.equal(victim.condition, "dirty");
  assert.equal(winner.isInTransaction, true);
  await run(victim, "ROLLBACK");
  assert.equal(victim.condition, "clean");
  await run(winner, "ROLLBACK");
  await other.close();
});

test("a reset by the holder leaves the session dirty", async () => {
  await session.reset();
  await session.driver.promise().reset();
  assert.equal(session.condition, "dirty");
  await session.reset();
  assert.equal(await seen("SET @a = 1"), "dirty pinned");
});

test("a reset wipes session state and restores what the target says", async () => {
  const target = targetAt(server, { initSql: ["SET time_zone = '+05:00'", "SET @home = 7"] });
  const own = await open(target);
  assert.equal(own.condition, "clean");
  await run(own, "SET NAMES latin1");
  await run(own, "SET time_zone = '+01:00', @home = 8, @other = 9");
  await run(own, "SELECT GET_LOCK('r', 0)");
  await run(own, "CREATE TEMPORARY TABLE tmp (a INT)");
  await run(own, "BEGIN");
  await run(own, "INSERT INTO t VALUES (99, 9)");
  await own.reset();
  assert.equal(own.condition, "clean");
  const [row] = await run(
    own,
    `SELECT @@time_zone zone, @home home, @other other, IS_FREE_LOCK('r') free,
      @@character_set_client client, @@character_set_results results,
      @@collation_connection collation, DATABASE() db`,
  );
  assert.deepEqual({ ...row }, {
    zone: "+05:00",
    home: 7,
    other: null,
    free: 1,
    client: "utf8mb4",
    results: "utf8mb4",
    collation: "utf8mb4_unicode_ci",
    db: "test",
  });
  assert.deepEqual(await run(own, "SELECT * FROM t WHERE id = 99"), []);
  await assert.rejects(run(own, "SELECT * FROM tmp"), { errno: 1146 });
  assert.equal(await one(own, "SELECT 'größe €'"), "größe €");
  await run(own, "SET @again = 1");
  assert.equal(own.condition, "dirty");
  await own.close();
});

test("a reset keeps the target's character set", async () => {
  const own = await open(targetAt(server, { charset: "latin1_german1_ci" }));
  await run(own, "SET NAMES utf8mb4");
  await own.reset();
  assert.equal(await one(own, "SELECT @@collation_connection"), "latin1_german1_ci");
  assert.equal(await one(own, "SELECT @@character_set_client"), "latin1");
  assert.equal(await one(own, "SELECT 'größe'"), "größe");
  await own.close();
});

test("a reset undoes a change of database, also if the target names none", async () => {
  await session.reset();
  await run(session, "USE other");
  await session.reset();
  assert.equal(await one(session, "SELECT DATABASE()"), "test");
  const own = await open(targetAt(server, { uri: server.url("app", "") }));
  await run(own, "USE other");
  await own.reset();
  assert.equal(await one(own, "SELECT DATABASE()"), null);
  await own.close();
});

test("a reset removes a role that a statement set", async () => {
  await server.query("CREATE ROLE helper");
  await server.query("GRANT helper TO app");
  await session.reset();
  await run(session, "SET ROLE helper");
  assert.match(String(await one(session, "SELECT CURRENT_ROLE()")), /helper/);
  await session.reset();
  assert.doesNotMatch(String(await one(session, "SELECT CURRENT_ROLE()")), /helper/);
});

test("prepared statements work after a reset, and are prepared anew", async () => {
  const sql = "SELECT v FROM t WHERE id = ? /* prepared */";
  for (let round = 0; round < 3; round++) {
    await run(session, sql, [1], true);
    await run(session, sql, [1], true);
    await run(session, "SET @x = 1");
    await session.reset();
  }
  await run(session, "SELECT ? + 1", [1], true);
  assert.equal((await run(session, sql, [1], true)).length, 1);
});

test("the session sees what its holder does with the driver's own connection", async () => {
  await session.reset();
  await session.driver.promise().query("SELECT GET_LOCK(?, 0)", ["d"]);
  assert.equal(session.condition, "dirty");
  await session.reset();
  await session.driver.promise().beginTransaction();
  assert.equal(session.isInTransaction, true);
  await session.reset();
  const prepared = await session.driver.promise().prepare("SELECT @y := ?");
  await prepared.execute([1]);
  assert.equal(session.condition, "dirty");
  await session.reset();
  await session.driver.promise().changeUser({ database: "other" });
  assert.equal(session.condition, "dirty");
  await session.reset();
  assert.equal(await one(session, "SELECT DATABASE()"), "test");
});

test("the session sees values that the driver inserts into the text as code", async () => {
  const { raw } = await import("mysql2");
  await session.reset();
  await run(session, "SELECT ?", ["GET_LOCK('e', 0)"]);
  assert.equal(session.condition, "clean");
  await run(session, "SELECT ?", [raw("GET_LOCK('e', 0)")]);
  assert.equal(session.condition, "dirty");
  await session.reset();
  await run(session, "UPDATE t SET ? WHERE id = 1", [{ v: raw("@z := 4") }]);
  assert.equal(session.condition, "dirty");
});

test("the session reads the last status of several statements in one text", async () => {
  const own = await open(targetAt(server, { multipleStatements: true }));
  await run(own, "SELECT 1; BEGIN; SELECT 2");
  assert.equal(own.isInTransaction, true);
  await run(own, "SELECT 1; COMMIT; SELECT 2");
  assert.equal(own.condition, "clean");
  await run(own, "SELECT 1; SET @x = 1; SELECT 2");
  assert.equal(own.condition, "dirty");
  await own.close();
});

test("without reports of changes, every statement makes the session dirty", async () => {
  const own = await open(targetAt(server, { user: "root", password: "" }));
  const { query } = own.driver;
  // Acts as a server, or a proxy, that takes the assignment and reports nothing.
  Object.assign(own.driver, {
    query: (sql: unknown, values: unknown, callback: unknown): unknown => {
      const isTracking = typeof sql === "string" && sql.includes("session_track_state_change");
      return Reflect.apply(query, own.driver, [isTracking ? "DO 0" : sql, values, callback]);
    },
  });
  await run(own, "SET @x = 1");
  await own.reset();
  assert.equal(own.condition, "clean");
  await run(own, "SELECT 1");
  assert.equal(own.condition, "dirty");
  await own.reset();
  assert.equal(own.condition, "clean");
  await own.close();
});

test("the session sees a stored function's state if the server reports it", async () => {
  await run(session, "CREATE FUNCTION remembers() RETURNS INT BEGIN SET @f = 1; RETURN 1; END");
  assert.equal(await seen("INSERT INTO t (v) SELECT remembers()"), "dirty pinned");
  if (isMariaDb) assert.equal(await seen("SELECT remembers()"), "dirty pinned");
  await run(session, "DROP FUNCTION remembers");
});

test("the session reads the status behind compression, and behind delayed packets", async () => {
  const own = await open(targetAt(server, { compress: true }));
  await nameFirst(own, "SELECT t.id, t.v, REPEAT(1, 1) FROM t, t AS u, t AS w LIMIT 0");
  await run(own, "INSERT INTO t (v) VALUES (1), (2), (3)");
  assert.equal(own.condition, "clean");
  await run(own, "BEGIN");
  const rows = own.driver.query("SELECT t.v, REPEAT('x', 10000) FROM t, t u, t w LIMIT 300").stream(
    {
      highWaterMark: 1,
    },
  );
  let count = 0;
  for await (const row of rows) {
    if (count++ === 0) assert.equal(own.condition, "broken");
    assert.ok(row);
  }
  assert.ok(count > 20);
  await until(() => own.condition === "dirty", "the driver has read all");
  assert.equal(own.isInTransaction, true);
  await run(own, "COMMIT");
  assert.equal(own.condition, "clean");
  await own.close();
});
