/** On real servers: which statements set an id for LAST_INSERT_ID, or clear the warnings. */

import assert from "node:assert/strict";
import { onBoth, serversOf } from "../support/both.ts";
import { open, run, targetAt } from "./fixture.ts";

const testOnBoth = onBoth(
  serversOf(["--log-bin-trust-function-creators=1"], async (server, flavor) => {
    await server.query("USE test");
    await server.query("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT)");
    await server.query("CREATE TABLE plain (v INT)");
    await server.query("CREATE TABLE k (id INT PRIMARY KEY AUTO_INCREMENT, v INT UNIQUE, n INT)");
    await server.query("INSERT INTO k VALUES (1, 1, 1)");
    await server.query("INSERT INTO t VALUES (1, 1)");
    await server.query("CREATE PROCEDURE adds() INSERT INTO t (v) VALUES (1)");
    if (flavor === "mariadb") await server.query("CREATE SEQUENCE numbers");
  }),
);

testOnBoth(
  "the session counts statements that surely clear warnings, by pool or driver",
  async (server) => {
    const session = await open(targetAt(server));
    const driver = session.driver.promise();
    const count = async (work: () => Promise<unknown>): Promise<number> => {
      const before = session.clearingCount;
      await work();
      return session.clearingCount - before;
    };
    const warn = "INSERT IGNORE INTO t (v) VALUES ('abc')";
    const shows = async (): Promise<boolean> =>
      (await driver.query("SHOW WARNINGS") as unknown as [object[]])[0].length > 0;
    for (const sql of ["SELECT v FROM t", "UPDATE t SET v = v", "CALL adds()"]) {
      for (const isPrepared of [false, true]) {
        await run(session, warn);
        assert.equal(await count(() => run(session, sql, [], isPrepared)), 1, sql);
        assert.equal(await shows(), false, sql);
      }
    }
    assert.equal(await count(() => driver.query("SELECT ? FROM t", [1])), 1);
    const handle = await driver.prepare("SELECT ? + 1 FROM t");
    assert.equal(await count(() => handle.execute([1])), 1);
    assert.equal(await count(async () => await handle.close()), 0);
    for (const sql of ["SELECT 1", "SELECT 1 FROM DUAL", "SET @a = 1", "BEGIN", "COMMIT", "DO 1"]) {
      assert.equal(await count(() => run(session, sql)), 0, sql);
    }
    assert.equal(await count(async () => await driver.prepare("SELECT ? + 2 FROM t")), 0);
    await session.close();
  },
);

/** Statements, and whether they set an id. */
const settings: (readonly [sql: string, raises: boolean])[] = [
  ["INSERT INTO t (v) VALUES (1)", true],
  ["INSERT INTO plain VALUES (1)", false],
  ["UPDATE t SET v = LAST_INSERT_ID(9) WHERE id = 1", true],
  ["UPDATE t SET v = 2 WHERE id = 1", false],
  ["UPDATE t SET v = LAST_INSERT_ID(9) WHERE id = -1", false],
  ["INSERT IGNORE INTO k (v) VALUES (1)", false],
  ["INSERT INTO k (v) VALUES (1) ON DUPLICATE KEY UPDATE n = n + 1", false],
  ["INSERT INTO k (v) VALUES (1) ON DUPLICATE KEY UPDATE n = n", false],
  ["INSERT INTO k (v) VALUES (RAND() * 1e9) ON DUPLICATE KEY UPDATE n = n + 1", true],
  ["INSERT INTO k (v) VALUES (1) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), n = n", true],
  [
    "INSERT INTO k (v) VALUES (1) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), n = n + 1",
    true,
  ],
  ["REPLACE INTO k (v) VALUES (3)", true],
  ["INSERT INTO k (v) SELECT 4 FROM t WHERE FALSE", false],
  ["CREATE TABLE IF NOT EXISTS plain (v INT)", false],
  ["SELECT LAST_INSERT_ID(7) FROM t WHERE FALSE", false],
  ["SELECT IF(FALSE, LAST_INSERT_ID(7), 1)", false],
  ["DELETE FROM t WHERE id = 12", false],
  ["SELECT 1", false],
  ["SELECT LAST_INSERT_ID()", false],
  ["SELECT LAST_INSERT_ID(7)", true],
  ["DO LAST_INSERT_ID(7)", true],
  ["CALL adds()", true],
  ["SELECT 1; INSERT INTO t (v) VALUES (1); SELECT 2", true],
  ["BEGIN", false],
  ["COMMIT", false],
];

/** Statements of MariaDB alone, and whether they set an id. */
const mariadbSettings: typeof settings = [
  ["SELECT NEXTVAL(numbers)", true],
  ["SELECT NEXT VALUE FOR numbers", true],
  ["INSERT INTO t (v) VALUES (2) RETURNING id", true],
  ["INSERT IGNORE INTO k (v) VALUES (1) RETURNING id", false],
  ["DELETE FROM t WHERE id = -1 RETURNING id", false],
];

testOnBoth("the session counts only answers that have set an id", async (server, flavor) => {
  const session = await open(targetAt(server, { multipleStatements: true }));
  const cases = [...settings, ...flavor === "mariadb" ? mariadbSettings : []];
  for (const [sql, raises] of cases) {
    for (const isPrepared of [false, true]) {
      if (isPrepared && /;|BEGIN/.test(sql)) continue;
      const { idCount } = session;
      await run(session, sql, [], isPrepared);
      assert.equal(session.idCount > idCount, raises, sql);
    }
  }
  await session.close();
});
