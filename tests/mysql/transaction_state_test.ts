/**
 * On real servers: what a session knows of its transaction, however it began and ended, and how
 * many of its statements may have become permanent.
 */

import assert from "node:assert/strict";
import { startProxy } from "../support/proxy.ts";
import { until } from "../support/wait.ts";
import { onBoth, serversOf } from "../support/both.ts";
import { open, run, targetAt, type TestSession } from "./fixture.ts";

const procedures: Readonly<Record<string, string>> = {
  commits: "COMMIT",
  rolls_back: "ROLLBACK",
  begins: "BEGIN START TRANSACTION; INSERT INTO t (v) VALUES (1); END",
  begins_anew: "BEGIN COMMIT; START TRANSACTION; END",
  chains: "BEGIN COMMIT AND CHAIN; INSERT INTO t (v) VALUES (1); END",
  begins_anew_and_does_the_same:
    "BEGIN COMMIT; START TRANSACTION; INSERT INTO t (v) VALUES (1); END",
  begins_anew_and_does_more: `BEGIN COMMIT; START TRANSACTION;
    INSERT INTO t (v) VALUES (1); SELECT COUNT(*) INTO @count FROM t; END`,
  writes: "INSERT INTO t (v) VALUES (1)",
  looks: "SELECT * FROM t LIMIT 1",
  remembers: "BEGIN INSERT INTO t (v) VALUES (1); SET @a = 1; END",
  divides: "BEGIN SAVEPOINT a; INSERT INTO t (v) VALUES (1); ROLLBACK TO a; END",
  commits_and_fails: "BEGIN COMMIT; SIGNAL SQLSTATE '45000'; END",
  fails: "SIGNAL SQLSTATE '45000'",
};

const testOnBoth = onBoth(serversOf(
  ["--innodb-rollback-on-timeout=1", "--log-bin-trust-function-creators=1"],
  async (server) => {
    await server.query("USE test");
    await server.query("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT) ENGINE = InnoDB");
    await server.query("INSERT INTO t VALUES (1, 1)");
    await server.query("CREATE TABLE s (v INT) ENGINE = MyISAM");
    for (const [name, body] of Object.entries(procedures)) {
      await server.query(`CREATE PROCEDURE ${name}() ${body}`);
    }
    await server.query("CREATE FUNCTION set_one() RETURNS INT BEGIN SET @f = 1; RETURN 1; END");
    await server.query("CREATE VIEW setting AS SELECT set_one() AS s");
  },
));

const insert = "INSERT INTO t (v) VALUES (1)";

/** Runs statements one by one; returns the transaction's number after each, counted from 1. */
async function numbers(session: TestSession, ...statements: string[]): Promise<number[]> {
  const before = session.transaction;
  const seen: number[] = [];
  for (const sql of statements) {
    await run(session, sql);
    assert.equal(session.transaction !== 0, session.isInTransaction, sql);
    seen.push(session.transaction);
  }
  assert.equal(before, 0);
  const first = seen.find((number) => number > 0) ?? 1;
  return seen.map((number) => number && number - first + 1);
}

testOnBoth("a transaction keeps its number until a statement ends it", async (server) => {
  const session = await open(targetAt(server));
  const innocent = [
    "SELECT * FROM t LIMIT 1",
    "DO 1",
    "SELECT * FROM t LIMIT 1 FOR UPDATE",
    insert,
    "INSERT INTO t (v) SELECT 1 FROM t LIMIT 1",
    "INSERT INTO t (v) VALUES (LENGTH(UUID()))",
    "SAVEPOINT x",
    insert,
    "ROLLBACK TO x",
    "RELEASE SAVEPOINT x",
    "CALL writes()",
    "CALL looks()",
    "CALL remembers()",
    "CALL divides()",
    "SELECT * FROM setting",
    "CREATE TEMPORARY TABLE tmp (v INT)",
    "INSERT INTO tmp VALUES (1)",
    "DROP TEMPORARY TABLE tmp",
    "SET @x = 1",
    "SET autocommit = 1",
    "SET NAMES latin1",
    "PREPARE p FROM 'SELECT 1'",
    "EXECUTE p",
    "SELECT GET_LOCK('a', 0)",
    "SHOW TABLES",
    "INSERT INTO s VALUES (1)",
    "USE test",
    "HANDLER t OPEN",
    "HANDLER t READ FIRST",
    "HANDLER t CLOSE",
  ];
  const found = await numbers(session, "BEGIN", ...innocent, "ROLLBACK");
  assert.deepEqual(found, [1, ...innocent.map(() => 1), 0]);
  await session.close();
});

testOnBoth("each transaction has a higher number, however it began", async (server) => {
  for (
    const [statements, expected] of [
      [["BEGIN", "COMMIT", "BEGIN", "ROLLBACK", "CALL begins()", "COMMIT"], [1, 0, 2, 0, 3, 0]],
      [["BEGIN", "BEGIN", "START TRANSACTION", insert, "BEGIN"], [1, 2, 3, 3, 4]],
      [["BEGIN", "COMMIT AND CHAIN", insert, "COMMIT AND CHAIN"], [1, 2, 2, 3]],
      [["BEGIN", insert, "ROLLBACK AND CHAIN", "SELECT * FROM t", "ROLLBACK AND CHAIN"], [
        1,
        1,
        2,
        2,
        3,
      ]],
      [["BEGIN", insert, "CALL begins_anew()", "CALL begins_anew()"], [1, 1, 2, 3]],
      [["BEGIN", "CALL chains()", "CALL chains()"], [1, 2, 3]],
      [["BEGIN", insert, "CALL begins_anew_and_does_the_same()"], [1, 1, 2]],
      [["BEGIN", insert, "CALL begins_anew_and_does_more()"], [1, 1, 2]],
      [["BEGIN", "SELECT * FROM t", "CALL begins_anew_and_does_more()"], [1, 1, 2]],
      [["BEGIN", insert, "CALL commits()", "BEGIN", "CALL rolls_back()"], [1, 1, 0, 2, 0]],
      [["BEGIN", "CREATE TEMPORARY TABLE a (v INT)", "CALL begins_anew()"], [1, 1, 2]],
      [["SET autocommit = 0", "SELECT * FROM t", insert, "COMMIT", insert], [0, 1, 1, 0, 2]],
      [["BEGIN", "SET autocommit = 0", insert, "SET autocommit = 1", "DO 1"], [1, 1, 1, 0, 0]],
      [["XA START 'x'", insert, "XA END 'x'", "XA ROLLBACK 'x'"], [1, 1, 1, 0]],
      [["BEGIN", "CREATE TABLE IF NOT EXISTS u (v INT)", "BEGIN", "TRUNCATE u"], [1, 0, 2, 0]],
      [["BEGIN", insert, "LOCK TABLES t WRITE", "UNLOCK TABLES"], [1, 1, 0, 0]],
    ] as const
  ) {
    const session = await open(targetAt(server));
    assert.deepEqual(await numbers(session, ...statements), expected, statements.join("; "));
    await session.close();
  }
});

testOnBoth("a session follows several statements in one text, prepared ones and a ping", async (
  server,
) => {
  const session = await open(targetAt(server, { multipleStatements: true }));
  const found = await numbers(session, "BEGIN", "COMMIT; BEGIN", `${insert}; COMMIT; ${insert}`);
  assert.deepEqual(found, [1, 2, 0]);
  await run(session, "BEGIN");
  const { transaction } = session;
  await run(session, insert, [], true);
  await session.driver.promise().ping();
  assert.equal(session.transaction, transaction);
  assert.ok(transaction > 2);
  await run(session, "CALL begins_anew()", [], true);
  assert.ok(session.transaction > transaction);
  await run(session, "COMMIT", [], true);
  assert.equal(session.transaction, 0);
  await session.close();
});

testOnBoth("without reports the text shows that a transaction began anew", async (server) => {
  await using proxy = await startProxy(server, {
    refuses: (command) => /session_track_transaction_info/.test(command) ? unknown : undefined,
  });
  const session = await open(targetAt(server, { uri: proxy.uri }));
  const statements = ["BEGIN", "BEGIN", insert, "COMMIT AND CHAIN", "SET @a = 1", "COMMIT"];
  assert.deepEqual(await numbers(session, ...statements), [1, 2, 2, 3, 3, 0]);
  await session.reset();
  assert.equal(session.condition, "clean");
  await run(session, "SET @a = 1");
  assert.equal(session.condition, "dirty");
  await session.close();
});

const unknown = { errno: 1193, message: "Unknown system variable" };

testOnBoth(
  "a session names the statement that ended its transaction, without values",
  async (server) => {
    const session = await open(targetAt(server));
    await run(session, "BEGIN");
    await run(session, insert);
    await run(session, "CREATE TABLE IF NOT EXISTS\n  u (v INT)");
    assert.equal(session.transactionEndedBy, "CREATE TABLE IF NOT EXISTS u (v INT)");
    await run(session, "BEGIN");
    const long = `SET autocommit = 0, @secret = ?, ${"@a = 1, ".repeat(20)} autocommit = 1`;
    await run(session, long, ["secret value"]);
    assert.match(session.transactionEndedBy ?? "", /^SET autocommit = 0, @secret = \?, .*…$/);
    assert.equal(session.transactionEndedBy?.length, 80);
    await run(session, "BEGIN");
    await session.driver.promise().reset();
    assert.match(session.transactionEndedBy ?? "", /a reset/);
    assert.equal(session.transaction, 0);
    await session.close();
  },
);

/** Returns by how much each statement raises `permanentCount`. */
async function permanent(session: TestSession, ...statements: string[]): Promise<number[]> {
  const counts: number[] = [];
  for (const sql of statements) {
    const before = session.permanentCount;
    await run(session, sql).catch(() => undefined);
    counts.push(session.permanentCount - before);
  }
  return counts;
}

testOnBoth("permanentCount counts statements that may be permanent", async (server) => {
  for (
    const [statements, expected] of [
      [["SELECT 1", insert, "UPDATE t SET v = 2", "SELECT * FROM t"], [0, 1, 1, 0]],
      [["BEGIN", insert, insert, "COMMIT", "COMMIT"], [0, 0, 0, 1, 0]],
      [["BEGIN", "SELECT * FROM t", "COMMIT"], [0, 0, 0]],
      [["BEGIN", insert, "ROLLBACK", "ROLLBACK"], [0, 0, 0, 0]],
      [["BEGIN", insert, "BEGIN", "COMMIT"], [0, 0, 1, 0]],
      [["BEGIN", insert, "COMMIT AND CHAIN", "COMMIT"], [0, 0, 1, 0]],
      [["BEGIN", insert, "SAVEPOINT a", "ROLLBACK TO a", "ROLLBACK"], [0, 0, 0, 0, 0]],
      [["BEGIN", "CREATE TABLE IF NOT EXISTS u (v INT)"], [0, 1]],
      [["BEGIN", insert, "ALTER TABLE nowhere ADD a INT"], [0, 0, 1]],
      [["BEGIN", "CALL writes()", "CALL commits()"], [0, 0, 1]],
      [["BEGIN", insert, "CALL begins_anew()", "COMMIT"], [0, 0, 1, 1]],
      [["BEGIN", insert, "CALL commits_and_fails()"], [0, 0, 1]],
      [["BEGIN", insert, "CALL fails()", "ROLLBACK"], [0, 0, 0, 0]],
      [["CALL writes()", "CALL fails()"], [1, 1]],
      [["SET autocommit = 0", "SELECT * FROM t", insert, "SET autocommit = 1"], [0, 0, 0, 1]],
    ] as const
  ) {
    const session = await open(targetAt(server));
    assert.deepEqual(await permanent(session, ...statements), expected, statements.join("; "));
    await session.close();
  }
});

testOnBoth("the end of a transaction counts even if its answer never comes", async (server) => {
  const ends = [
    ["COMMIT", 1],
    ["CALL commits()", 1],
    ["ROLLBACK", 0],
    ["SET autocommit = 1", 1],
  ] as const;
  for (const [sql, count] of ends) {
    await using proxy = await startProxy(server);
    const session = await open(targetAt(server, { uri: proxy.uri }));
    const before = session.permanentCount;
    await run(session, "SET autocommit = 0");
    await run(session, "BEGIN");
    await run(session, insert);
    assert.equal(session.permanentCount, before);
    proxy.hold("toClient");
    const answer = run(session, sql);
    await until(() => proxy.commands.at(-1) === `QUERY ${sql}`, "it is sent");
    proxy.reset();
    await assert.rejects(answer);
    assert.equal(session.permanentCount - before, count, sql);
    await session.close();
  }
});

testOnBoth("a single write that fails on a lock wait does not count", async (server) => {
  const [session, other] = [await open(targetAt(server)), await open(targetAt(server))];
  await run(other, "BEGIN");
  await run(other, "UPDATE t SET v = 3 WHERE id = 1");
  await run(session, "SET innodb_lock_wait_timeout = 1");
  const before = session.permanentCount;
  const write = run(session, "UPDATE t SET v = 4 WHERE id = 1");
  assert.equal(session.permanentCount, before + 1);
  await assert.rejects(write, { errno: 1205 });
  assert.equal(session.permanentCount, before);
  await run(other, "ROLLBACK");
  await assert.rejects(run(session, "INSERT INTO t VALUES (1, 1)"), { errno: 1062 });
  assert.equal(session.permanentCount, before + 1);
  await Promise.all([session.close(), other.close()]);
});

testOnBoth("a temporary table does not change a transaction's number", async (server) => {
  for (const begin of ["SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET @a = 1"]) {
    const session = await open(targetAt(server));
    await run(session, begin);
    const statements = [
      "BEGIN",
      insert,
      "CREATE TEMPORARY TABLE x (v INT)",
      insert,
      "CREATE TEMPORARY TABLE y AS SELECT * FROM t",
      "DROP TEMPORARY TABLE x",
      "COMMIT AND CHAIN",
    ];
    assert.deepEqual(await numbers(session, ...statements), [1, 1, 1, 1, 1, 1, 2], begin);
    await session.close();
  }
});
