/** On real servers: no name, view, prepared statement or command hides state from the session. */

import assert from "node:assert/strict";
import { onBoth, serversOf } from "../support/both.ts";
import { nameFirst, one, open, run, targetAt } from "./fixture.ts";

const testOnBoth = onBoth(serversOf(["--log-bin-trust-function-creators=1"], async (server) => {
  await server.query("USE test");
  await server.query("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v TEXT)");
  await server.query("INSERT INTO t (v) VALUES ('a'), ('b')");
  await server.query("CREATE FUNCTION set_one() RETURNS INT BEGIN SET @f = 1; RETURN 1; END");
  await server.query("CREATE VIEW setting AS SELECT set_one() AS s");
}));

testOnBoth("reading rows in a transaction leaves nothing to reset", async (server) => {
  const session = await open(targetAt(server));
  await nameFirst(session, "SELECT id, v FROM t AS u, information_schema.schemata");
  for (const writes of [[], ["INSERT INTO t (v) VALUES (1)"]]) {
    for (const end of ["COMMIT", "ROLLBACK"]) {
      const statements = ["SELECT * FROM t", "SELECT COUNT(*) FROM t, t AS u", "SHOW TABLES"];
      for (const sql of ["BEGIN", ...statements, ...writes, ...statements]) await run(session, sql);
      assert.equal(session.isPinned, false);
      await run(session, end);
      assert.equal(session.condition, "clean");
    }
  }
  await session.close();
});

testOnBoth("a view that sets a variable leaves the session dirty after COMMIT", async (server) => {
  const session = await open(targetAt(server));
  for (const sql of ["BEGIN", "SELECT * FROM t", "SELECT * FROM setting", "COMMIT"]) {
    await run(session, sql);
  }
  assert.equal(session.condition, "dirty");
  await session.reset();
  assert.equal(await one(session, "SELECT @f"), null);
  await session.close();
});

testOnBoth("the session checks names and rows in a text as they are sent", async (
  server,
) => {
  const session = await open(targetAt(server));
  await nameFirst(session, "SELECT id, v FROM t");
  await run(session, "INSERT INTO t (v) VALUES ?", [[["GET_LOCK('a', 0)"], ["SET ROLE"]]]);
  await run(session, "SELECT ?? FROM ?? WHERE id = ?", ["v", "t", 1]);
  assert.equal(session.condition, "clean");
  await run(session, "SELECT ??('x', 0)", ["GET_LOCK"]);
  assert.equal(session.condition, "dirty");
  await session.close();
});

testOnBoth("the session sees an executed handle, and a bare command", async (server) => {
  const session = await open(targetAt(server));
  const driver = session.driver.promise();
  const handle = await driver.prepare("SELECT @x := ?");
  await session.reset();
  const again = await driver.prepare("SELECT @x := ?");
  await session.reset();
  await assert.rejects(handle.execute([1]), { errno: 1243 });
  assert.equal(session.condition, "dirty");
  await again.close();
  await session.reset();
  const { Query } = await queryClass(session.driver);
  await new Promise((resolve) => {
    const command = new Query({ sql: "USE information_schema" }, resolve);
    Reflect.apply(Reflect.get(session.driver, "addCommand"), session.driver, [command]);
  });
  assert.equal(await session.reset(), "USE");
  assert.equal(await one(session, "SELECT DATABASE()"), "test");
  await session.close();
});

/** Returns the driver's own class of queries, by a query that it creates. */
function queryClass(driver: object): Promise<{ Query: QueryClass }> {
  return new Promise((resolve) => {
    const made: object = Reflect.apply(Reflect.get(driver, "query"), driver, [
      "DO 1",
      () => resolve({ Query: made.constructor as QueryClass }),
    ]);
  });
}

type QueryClass = new (options: object, answer: (error: unknown) => void) => object;
