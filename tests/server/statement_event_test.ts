/** On real servers: the event "statement" counts rows, and tells times and error codes. */

import assert from "node:assert/strict";
import { createPool, type StatementEvent } from "../../mod.ts";
import { failure } from "../support/asking.ts";
import { onBoth, serversOf } from "../support/both.ts";

const testOnBoth = onBoth(
  serversOf([], async (server) => {
    await server.query("CREATE TABLE test.t (v INT) ENGINE = InnoDB");
    await server.query("CREATE PROCEDURE test.two() BEGIN SELECT 1; SELECT 2 UNION SELECT 3; END");
  }),
  (server) => server.query("TRUNCATE TABLE test.t"),
);

testOnBoth(
  "each statement emits its rows, its time at the server and its error",
  async (server) => {
    await using db = createPool({ uri: server.url(), shared: false, multipleStatements: true });
    const events: StatementEvent[] = [];
    db.on("statement", (event) => void events.push(event));
    await db.query("INSERT INTO t VALUES (?), (?)", [1, 2]);
    await db.execute("SELECT * FROM t");
    await db.method<{ v: number }>("SELECT * FROM t WHERE v = :v")({ v: 1 });
    await db.transaction(() => db.query("UPDATE t SET v = 3"));
    await db.query("SELECT 1; DELETE FROM t; SELECT 1 UNION SELECT 2");
    await db.unit(() => db.query("CALL two()"));
    await db.query("SELECT SLEEP(0.05)");
    const error = await failure(db.query("SELECT * FROM nowhere WHERE v = ?", ["secret"]));
    assert.deepEqual(events.map(({ sql, rows }) => [sql, rows]), [
      ["INSERT INTO t VALUES (?), (?)", 2],
      ["SELECT * FROM t", 2],
      ["SELECT * FROM t WHERE v = ?", 1],
      ["UPDATE t SET v = 3", 2],
      ["SELECT 1; DELETE FROM t; SELECT 1 UNION SELECT 2", 5],
      ["CALL two()", 3],
      ["SELECT SLEEP(0.05)", 1],
      ["SELECT * FROM nowhere WHERE v = ?", 0],
    ]);
    assert.ok((events[6]?.runMs ?? 0) >= 45, `it ran for ${events[6]?.runMs} ms`);
    assert.equal(events.at(-1)?.error, error);
    assert.equal(Object(error).code, "ER_NO_SUCH_TABLE");
    assert.ok(events.every(({ waitMs }) => waitMs >= 0));
  },
);
