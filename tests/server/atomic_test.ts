/**
 * On real servers: a unit of work runs once or fails, a transaction is atomic or fails, and the
 * pool refuses statements that would have no effect.
 */

import assert from "node:assert/strict";
import { onBoth, serversOf } from "../support/both.ts";
import { startProxy } from "../support/proxy.ts";
import { until } from "../support/wait.ts";
import { connected, one, poolAt, refused, valuesIn } from "./support/fixture.ts";

const mine = new Error("mine");

/** Statements whose text ends a transaction, which the pool refuses to send. */
const enders: readonly string[] = [
  "ALTER TABLE other ADD COLUMN w INT",
  "TRUNCATE other",
  "CREATE TABLE made (v INT)",
  "COMMIT",
  "ROLLBACK",
  "BEGIN",
  "START TRANSACTION",
  "LOCK TABLES t WRITE",
  "/* why */ COMMIT AND CHAIN",
  "INSERT INTO other VALUES (1); COMMIT",
];

/** Procedures that end a transaction inside the server, and whether the writes before it stay. */
const procedures: readonly (readonly [name: string, body: string, stays: boolean])[] = [
  ["commits", "COMMIT;", true],
  ["rolls_back", "ROLLBACK;", false],
  ["commits_and_begins", "COMMIT; START TRANSACTION;", true],
  ["alters", "ALTER TABLE other COMMENT 'altered';", true],
  ["commits_and_writes", "COMMIT; INSERT INTO other VALUES (7);", true],
];

const servers = serversOf(["--innodb-rollback-on-timeout=ON"], async (server) => {
  await server.query("USE test");
  await server.query("CREATE TABLE t (v INT PRIMARY KEY) ENGINE = InnoDB");
  await server.query("CREATE TABLE other (v INT) ENGINE = InnoDB");
  await server.query("CREATE TABLE ids (id INT AUTO_INCREMENT PRIMARY KEY, v INT)");
  for (const [name, body] of procedures) {
    await server.query(`CREATE PROCEDURE ${name}() BEGIN ${body} END`);
  }
});

const testOnBoth = onBoth(servers, async (server) => {
  await connected(server, 0);
  for (const table of ["t", "other", "ids"]) await server.query(`DELETE FROM test.${table}`);
});

testOnBoth(
  "a unit whose write may have succeeded is not repeated after a lost connection",
  async (server) => {
    await using proxy = await startProxy(server);
    await using db = poolAt(server, { uri: proxy.uri });
    let runs = 0;
    const unit = db.unit(async () => {
      runs++;
      await db.query("SELECT 1");
      proxy.hold("toClient");
      const insert = db.query("INSERT INTO other VALUES (1)");
      insert.catch(() => undefined);
      await until(async () => (await valuesIn(server, "other")).length > 0, "the row is there");
      proxy.reset();
      proxy.release("toClient");
      await insert;
    }, { retries: 2 });
    await assert.rejects(unit, /not repeated/);
    assert.equal(runs, 1);
    assert.deepEqual(await valuesIn(server, "other"), [1]);
  },
);

testOnBoth(
  "a unit with a committed transaction is not repeated for a later deadlock",
  async (server) => {
    await using db = poolAt(server, { connections: { main: {}, a: {}, b: {} } });
    const main = db.connection("main");
    for (const committed of ["transaction", "unit", "statement"] as const) {
      let runs = 0;
      const unit = db.unit(async () => {
        runs++;
        const write = () => main.query("INSERT INTO other VALUES (1)");
        if (committed === "transaction") await main.transaction(write);
        else if (committed === "unit") await db.unit(write);
        else await write();
        await main.query("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213");
      }, { retries: 2 });
      await assert.rejects(unit, /not repeated/);
      assert.equal(runs, 1, committed);
    }
    assert.deepEqual(await valuesIn(server, "other"), [1, 1, 1]);
  },
);

testOnBoth("a unit whose writes the server rolled back is repeated", async (server) => {
  await using db = poolAt(server);
  let runs = 0;
  await db.unit(async () => {
    await db.query("SELECT COUNT(*) FROM t");
    if (++runs < 3) {
      await db.transaction(async () => {
        await db.query("INSERT INTO t VALUES (1)");
        await db.query("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213");
      });
    }
    await db.query("INSERT INTO t VALUES (2)");
  }, { retries: 3 });
  assert.deepEqual(await valuesIn(server, "t"), [2]);
});

testOnBoth(
  "a statement whose text ends a transaction is refused, and nothing stays",
  async (server) => {
    await using db = poolAt(server, { multipleStatements: true });
    for (const sql of enders) {
      const transaction = db.transaction(async () => {
        await db.query("INSERT INTO t VALUES (1)");
        await db.query(sql);
      });
      await refused(transaction, "STATEMENT_REFUSED");
      assert.deepEqual(await valuesIn(server, "t"), [], sql);
    }
  },
);

for (const [name, , stays] of procedures) {
  testOnBoth(
    `after CALL ${name}() the next statement and the end of a transaction fail`,
    async (server) => {
      await using db = poolAt(server);
      const error = await refused(
        db.transaction(async () => {
          await db.query("INSERT INTO t VALUES (1)");
          await db.query(`CALL ${name}()`);
          await refused(db.query("INSERT INTO t VALUES (2)"), "TRANSACTION_LOST");
        }),
        "TRANSACTION_LOST",
      );
      assert.ok(error.message.includes(`CALL ${name}()`), error.message);
      assert.deepEqual(await valuesIn(server, "t"), stays ? [1] : []);
      const thrown = db.transaction(async () => {
        await db.query("INSERT INTO t VALUES (3)");
        await db.query(`CALL ${name}()`);
        throw mine;
      });
      assert.equal((await refused(thrown, "TRANSACTION_LOST")).cause, mine);
      await refused(
        db.transaction(() => db.transaction(() => db.query(`CALL ${name}()`))),
        "TRANSACTION_LOST",
      );
    },
  );
}

testOnBoth("a lock wait timeout that rolls back is TRANSACTION_LOST", async (server) => {
  await using db = poolAt(server, { initSql: "SET innodb_lock_wait_timeout = 1" });
  await server.query("INSERT INTO test.t VALUES (9)");
  await server.query("BEGIN");
  await server.query("UPDATE test.t SET v = 10 WHERE v = 9");
  try {
    await refused(
      db.transaction(async () => {
        await db.query("INSERT INTO t VALUES (1)");
        await assert.rejects(db.query("UPDATE t SET v = 11 WHERE v = 9"), { errno: 1205 });
        await refused(db.query("INSERT INTO t VALUES (2)"), "TRANSACTION_LOST");
      }),
      "TRANSACTION_LOST",
    );
  } finally {
    await server.query("ROLLBACK");
  }
  assert.deepEqual(await valuesIn(server, "t"), [9]);
});

testOnBoth(
  "a transaction that ends through the driver's own connection is TRANSACTION_LOST",
  async (server) => {
    await using db = poolAt(server);
    for (const sql of ["COMMIT", "BEGIN", "ALTER TABLE other COMMENT 'once more'"]) {
      await refused(
        db.transaction(async () => {
          await db.query("INSERT INTO other VALUES (1)");
          await using lease = await db.lease();
          await lease.connection.promise().query(sql);
        }),
        "TRANSACTION_LOST",
      );
    }
  },
);

testOnBoth("a statement whose only effect a reset undoes is refused", async (server) => {
  await using db = poolAt(server);
  const vain = [
    "START TRANSACTION",
    "BEGIN",
    "SET @a = 1",
    "SET NAMES latin1",
    "SET SESSION sql_mode = ''",
    "USE mysql",
    "SELECT GET_LOCK('a', 1)",
    "DO GET_LOCK('a', 1)",
    "CREATE TEMPORARY TABLE tmp (v INT)",
    "LOCK TABLES t READ",
    "PREPARE p FROM 'SELECT 1'",
    "SELECT 1 INTO @a",
    "DO @a := 1",
    "/*!40101 SET NAMES latin1 */",
    "SET @a = 1; SET @b = 2",
    "LOCK INSTANCE FOR BACKUP",
    "BACKUP STAGE START",
    "EXECUTE IMMEDIATE 'SET @a = 1'",
  ];
  for (const sql of vain) await refused(db.query(sql), "STATEMENT_REFUSED");
  // The text has no placeholder for any of these values.
  for (const values of [{}, [{}], [[]], [1]]) {
    await refused(db.query("SET @a = 1", values), "STATEMENT_REFUSED");
  }
  await db.unit(async () => {
    await db.query("SET @a = 1");
    assert.equal(Number(await one(db, "SELECT @a")), 1);
  });
  await db.query("SELECT RELEASE_LOCK('none')");
  await db.query("COMMIT");
});

testOnBoth("a statement that reads another unit's result info is refused", async (server) => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const questions = [
    "SELECT LAST_INSERT_ID()",
    "SELECT LAST_INSERT_ID /* id */ ()",
    "INSERT INTO other VALUES (LAST_INSERT_ID())",
    "SELECT @@identity",
    "SELECT ROW_COUNT()",
    "SELECT FOUND_ROWS()",
    "SHOW WARNINGS",
    "SHOW ERRORS",
    "SELECT @@warning_count",
    "GET DIAGNOSTICS @n = NUMBER",
  ];
  await db.query("INSERT INTO ids (v) VALUES (1)");
  for (const sql of questions) {
    await refused(db.query(sql), "CONNECTION_LEFT");
    await refused(db.unit(() => db.query(sql)), "CONNECTION_LEFT");
    await refused(db.transaction(() => db.query(sql)), "CONNECTION_LEFT");
  }
  await db.unit(async () => {
    await refused(db.query("SELECT LAST_INSERT_ID()"), "CONNECTION_LEFT");
    const [{ insertId }] = await db.query<{ insertId: number } & object>(
      "INSERT INTO ids (v) VALUES (2)",
    ) as unknown as [{ insertId: number }];
    assert.equal(Number(await one(db, "SELECT LAST_INSERT_ID()")), insertId);
  });
  await db.query("INSERT IGNORE INTO other VALUES ('mine')");
  await db.transaction(async () => {
    await db.query("SELECT 1");
    await refused(db.query("SHOW WARNINGS"), "CONNECTION_LEFT");
    await db.query("SELECT v FROM other");
    assert.deepEqual((await db.query("SHOW WARNINGS"))[0], []);
    await db.query("SELECT 'abc' + 1");
    assert.equal((await db.query("SHOW WARNINGS"))[0].length, 1);
  });
});

testOnBoth("a statement outside units that leaves a transaction open fails", async (server) => {
  await server.query("CREATE PROCEDURE test.begins() BEGIN START TRANSACTION; SELECT 1; END");
  await using db = poolAt(server, { multipleStatements: true });
  for (const sql of ["BEGIN; INSERT INTO t VALUES (1)", "CALL begins()"]) {
    const { message } = await refused(db.query(sql), "TRANSACTION_OPEN");
    assert.match(message, /outside of any unit of work: the pool rolls it back/);
  }
  assert.deepEqual(await valuesIn(server, "t"), []);
  await db.query("BEGIN; INSERT INTO t VALUES (1); COMMIT");
  assert.deepEqual(await valuesIn(server, "t"), [1]);
});
