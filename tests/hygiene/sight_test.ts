/**
 * On real servers: what a user may see depends on the database and the moment. The next unit
 * finds nothing that unseen triggers and views have left; a user who sees them all pays nothing.
 */

import assert from "node:assert/strict";
import { after, mock } from "node:test";
import { removeServers, testOnBoth } from "./support/fixture.ts";
import { arrange } from "./support/hidden.ts";
import { cost, traceOn } from "./support/smuggled.ts";
import { poolOf, unseen, userNow, writing } from "./support/unseen.ts";

after(removeServers);

testOnBoth("a user with ALL on its database pays nothing, whatever its statements name", async (
  place,
) => {
  const { server, flavor } = place;
  await arrange(
    place,
    "CREATE TABLE w (id INT PRIMARY KEY, v INT, s VARCHAR(9), d DATE)",
    "CREATE TABLE u (id INT PRIMARY KEY, v INT, d DATE)",
    "INSERT INTO u VALUES (1, 1, '2001-02-03')",
  );
  await server.query("CREATE DATABASE IF NOT EXISTS odd");
  await using db = await poolOf(place, "ALL ON hidden.*", { connectionLimit: 1 });
  const writes = [
    "INSERT INTO w (w.id, w.v) VALUES (1, 1) ON DUPLICATE KEY UPDATE w.v = w.v + 1",
    "INSERT INTO w (id) SELECT u.id FROM u ON DUPLICATE KEY UPDATE v = u.v",
    "UPDATE w JOIN u ON u.id = w.id SET w.s = REPLACE(w.s, 'a', 'b')",
    "UPDATE hidden.w, u AS odd SET w.v = EXTRACT(YEAR FROM odd.d) WHERE odd.id = w.id",
    "UPDATE w SET s = TRIM(LEADING 'x' FROM w.s)",
    "DELETE o FROM w AS o JOIN u ON u.id = o.id WHERE o.v = 7",
    "DELETE w.* FROM w WHERE w.v = 7",
    ...flavor === "mysql"
      ? ["INSERT INTO w (id, v) VALUES (1, 1) AS new ON DUPLICATE KEY UPDATE v = new.v"]
      : ["INSERT INTO w (id, v) VALUES (1, 1) ON DUPLICATE KEY UPDATE v = VALUES(v)"],
  ];
  const its = { ...place, db };
  for (const sql of writes) {
    await db.query(sql);
    assert.equal(await cost(its, sql), 0, sql);
  }
  assert.deepEqual(db.stats().renewals, {});
  await server.query("DROP DATABASE odd");
});

testOnBoth("a later grant counts on new sessions, and the pool renews older sessions", async (
  place,
) => {
  const { server } = place;
  await arrange(
    place,
    "CREATE TABLE w (v INT)",
    "CREATE TRIGGER tw BEFORE INSERT ON w FOR EACH ROW DO GET_LOCK('smuggled', 0)",
    "CREATE VIEW inner_view AS SELECT GET_LOCK('smuggled', 0) AS l",
    "CREATE VIEW outer_view AS SELECT l FROM inner_view",
  );
  const narrow = "SELECT, INSERT ON hidden.w; SELECT, SHOW VIEW ON hidden.outer_view";
  await using db = await poolOf(place, narrow);
  const statements = ["INSERT INTO w VALUES (1)", "SELECT * FROM outer_view"];
  const run = async (): Promise<void> => {
    for (const sql of statements) {
      await db.query(sql);
      assert.equal(await traceOn(db), "", sql);
    }
  };
  await run();
  await server.query(`GRANT ALL ON *.* TO ${userNow()}`);
  const begunAt = performance.now();
  let later = 0;
  const clock = mock.method(performance, "now", () => begunAt + later);
  for (later = 61_000; later < 400_000; later += 61_000) await run();
  clock.mock.restore();
  assert.equal(db.stats().renewals["change of privileges"], 1);
  assert.ok(Number(db.stats().renewals["view inner_view: a lock"]) >= 3);
});

testOnBoth("a grant a second after the first login does not count for that session", async (
  place,
) => {
  const { server } = place;
  await arrange(
    place,
    "CREATE TABLE w (v INT)",
    "CREATE TRIGGER tw BEFORE INSERT ON w FOR EACH ROW DO GET_LOCK('smuggled', 0)",
  );
  await using db = await poolOf(place, "SELECT, INSERT ON hidden.w");
  await using lease = await db.lease();
  await server.query(`GRANT ALL ON *.* TO ${userNow()}`);
  const now = performance.now.bind(performance);
  const clock = mock.method(performance, "now", () => now() + 1001);
  await lease.query("INSERT INTO w VALUES (1)");
  lease.release();
  assert.equal(await traceOn(db), "");
  clock.mock.restore();
  assert.deepEqual(db.stats().renewals, { "change of privileges": 1 });
});

testOnBoth("unseen triggers of a database that initSql chooses leave nothing", async (place) => {
  await arrange(
    place,
    "CREATE TABLE w (v INT)",
    "CREATE TRIGGER tw BEFORE INSERT ON w FOR EACH ROW DO GET_LOCK('smuggled', 0)",
  );
  const privileges = `${writing}; ALL ON test.*`;
  await using db = await poolOf(place, privileges, { database: "test", initSql: "USE hidden" });
  for (let round = 1; round <= 2; round++) {
    await db.query("INSERT INTO w VALUES (1)");
    assert.equal(await traceOn(db), "");
    assert.deepEqual(db.stats().renewals, { [unseen]: round });
  }
});

testOnBoth(
  "a column that its user does not see sets no variable for the next unit",
  async (place) => {
    const { flavor } = place;
    if (flavor === "mysql") return;
    await arrange(place, "CREATE TABLE d (v INT, w INT DEFAULT (@hit := 7))");
    await using db = await poolOf(place, "INSERT (v) ON hidden.d");
    for (let round = 1; round <= 3; round++) {
      await db.query("INSERT INTO d (v) VALUES (1)");
      assert.equal(await traceOn(db), "");
      assert.deepEqual(db.stats().renewals, { [unseen]: round });
    }
  },
);

testOnBoth("the pool knows at once that a name is a database it created", async (place) => {
  const { db, server } = place;
  await arrange(place, "CREATE TABLE v (l INT)");
  await server.query("DROP DATABASE IF EXISTS born");
  await db.query("SELECT born.l FROM hidden.v AS born");
  await db.query("SELECT born.l FROM hidden.v AS born");
  await db.query("CREATE DATABASE born");
  await server.query("CREATE VIEW born.v AS SELECT GET_LOCK('smuggled', 0) AS l");
  await db.query("SELECT l FROM born.v");
  assert.equal(await traceOn(db), "");
  await server.query("DROP DATABASE born");
});

for (const role of ["NONE", "clerk"]) {
  testOnBoth(`the pool does not trust a look-up under SET ROLE ${role}`, async (place) => {
    const { server, flavor } = place;
    await arrange(
      place,
      `CREATE FUNCTION taking() RETURNS INT SQL SECURITY INVOKER
         BEGIN SET ROLE ${role}; RETURN 1; END`,
      "CREATE SQL SECURITY INVOKER VIEW posing AS SELECT taking() AS t",
      "CREATE TABLE w (v INT)",
      "CREATE TRIGGER tw BEFORE INSERT ON w FOR EACH ROW DO GET_LOCK('smuggled', 0)",
    );
    await server.query("DROP ROLE IF EXISTS owner");
    await server.query("CREATE ROLE owner");
    await server.query("GRANT ALL ON hidden.* TO owner");
    await server.query("GRANT ALL ON *.* TO clerk");
    const own = role === "NONE" ? "owner" : `${writing}; EXECUTE, SHOW VIEW ON hidden.*`;
    await using db = await poolOf(place, `${own}; clerk`);
    const whose = flavor === "mysql" ? "owner TO" : "owner FOR";
    if (role === "NONE") await server.query(`SET DEFAULT ROLE ${whose} ${userNow()}`);
    const before = await db.query("SELECT CURRENT_ROLE() AS r");
    for (let round = 1; round <= 2; round++) {
      await db.query("SELECT * FROM posing");
      assert.deepEqual((await db.query("SELECT CURRENT_ROLE() AS r"))[0], before[0]);
      await db.query("INSERT INTO w VALUES (1)");
      assert.equal(await traceOn(db), "");
    }
    await server.query("REVOKE ALL ON *.* FROM clerk");
  });
}

testOnBoth("a reset keeps the collation of the database", async (place) => {
  await arrange(place, "ALTER DATABASE hidden CHARACTER SET cp1251");
  await using at = await poolOf(place, "ALL ON hidden.*; clerk");
  const collation = async (): Promise<unknown> => {
    return (await at.query("SELECT @@collation_database AS c"))[0];
  };
  const fresh = await collation();
  assert.deepEqual(fresh, [{ c: "cp1251_general_ci" }]);
  for (const sql of ["SET @a = 1", "SET ROLE NONE", "SET @a = 2"]) {
    await at.unit(() => at.query(sql));
    assert.deepEqual(await collation(), fresh, sql);
  }
});

testOnBoth("a role that initSql sets is the session's role", async (place) => {
  await arrange(place, "CREATE TABLE w (v INT)");
  const { server } = place;
  await server.query("GRANT ALL ON hidden.* TO clerk");
  await using db = await poolOf(place, "clerk; ALL ON test.*", {
    database: "test",
    initSql: ["SET ROLE clerk", "SET @a = 1"],
  });
  const its = { ...place, db };
  await cost(its, "INSERT INTO hidden.w VALUES (1)");
  assert.equal(await cost(its, "INSERT INTO hidden.w VALUES (1)"), 0);
  assert.deepEqual(db.stats().renewals, {});
  await server.query("REVOKE ALL ON hidden.* FROM clerk");
});
