/**
 * On real servers: a user may not see each trigger and each view that its statements run. The
 * next unit finds nothing that those have left, and a user who sees them all pays nothing.
 */

import assert from "node:assert/strict";
import { after } from "node:test";
import type { PoolOptions } from "../../mod.ts";
import { threadOf } from "../support/asking.ts";
import { roundTrips } from "./rows.ts";
import { removeServers, testOnBoth } from "./support/fixture.ts";
import { arrange, runsOf } from "./support/hidden.ts";
import { cost, traceOn } from "./support/smuggled.ts";
import { poolOf, unseen, userNow, writing } from "./support/unseen.ts";

after(removeServers);

/** Bodies of triggers whose state the server does not report, and what they leave. */
const bodies: readonly (readonly [body: string, leaves: string])[] = [
  ["DO GET_LOCK('smuggled', 0)", "lock"],
  ["BEGIN SELECT 7 INTO @hit; END", "7"],
  ["BEGIN CREATE TEMPORARY TABLE IF NOT EXISTS hidden.made SELECT 7 AS v; END", ""],
];

for (const [body, leaves] of bodies) {
  testOnBoth(`an unseen trigger … ${body} leaves the next unit nothing`, async (place) => {
    const table = "CREATE TABLE w (v INT)";
    await arrange(place, table, `CREATE TRIGGER tw BEFORE INSERT ON w FOR EACH ROW ${body}`);
    await using db = await poolOf(place, writing);
    const insert = "INSERT INTO w VALUES (1)";
    const lease = await db.lease();
    await lease.query(insert);
    assert.equal(await traceOn(lease), leaves);
    await lease.release();
    assert.equal(await traceOn(db), "");
    for (const name of ["w", "hidden.w"]) {
      await db.query(`INSERT INTO ${name} VALUES (2)`);
      assert.equal(await traceOn(db), "");
      await db.transaction(() => db.query(`INSERT INTO ${name} VALUES (2)`));
      assert.equal(await traceOn(db), "");
    }
    await assert.rejects(db.query("SELECT * FROM made"), { code: "ER_NO_SUCH_TABLE" });
    assert.deepEqual(db.stats().renewals, { [unseen]: 5 });
  });
}

testOnBoth("a write costs a reset if triggers may be unseen, and a read costs nothing", async (
  place,
) => {
  const { flavor } = place;
  const trigger = "CREATE TRIGGER tw BEFORE INSERT ON w FOR EACH ROW SET NEW.v = 2";
  await arrange(place, "CREATE TABLE w (v INT)", "CREATE TABLE free (v INT)", trigger);
  const reset = roundTrips.reset[flavor];
  await using db = await poolOf(place, writing);
  const its = { ...place, db };
  // The pool looks up the names, and what the user may see.
  assert.equal(await cost(its, "SELECT w.v FROM w, free"), 2);
  assert.equal(await cost(its, "SELECT w.v FROM w, free"), 0);
  assert.equal(await cost(its, "INSERT INTO w VALUES (1)"), reset);
  assert.deepEqual(db.stats().renewals, { [unseen]: 1 });
  // MariaDB shows that a trigger exists which the user may not see.
  assert.equal(await cost(its, "INSERT INTO free VALUES (1)"), flavor === "mysql" ? reset : 0);
});

testOnBoth("a write costs nothing if triggers are seen, or declared clean", async (place) => {
  await arrange(place, "CREATE TABLE w (v INT)");
  const ways: readonly (readonly [privileges: string, options: PoolOptions])[] = [
    [`${writing}; TRIGGER ON hidden.*`, {}],
    [`${writing}; SELECT, TRIGGER ON *.*`, {}],
    [writing, { cleanHidden: true }],
  ];
  for (const [privileges, options] of ways) {
    await using db = await poolOf(place, privileges, options);
    const its = { ...place, db };
    await cost(its, "INSERT INTO w VALUES (1)");
    assert.equal(await cost(its, "INSERT INTO w VALUES (1)"), 0, privileges);
    assert.equal(await cost(its, "INSERT INTO hidden.w VALUES (1)"), 1, privileges);
    assert.equal(await cost(its, "INSERT INTO hidden.w VALUES (1)"), 0, privileges);
    assert.deepEqual(db.stats().renewals, {}, privileges);
  }
});

testOnBoth("a role shows triggers that its user alone does not see", async (place) => {
  await arrange(place, "CREATE TABLE w (v INT)");
  const { server, flavor } = place;
  await server.query("DROP ROLE IF EXISTS seer");
  await server.query("CREATE ROLE seer");
  await server.query("GRANT TRIGGER ON hidden.* TO seer");
  await using db = await poolOf(place, `${writing}; seer`);
  const whose = flavor === "mysql" ? "seer TO" : "seer FOR";
  await server.query(`SET DEFAULT ROLE ${whose} ${userNow()}`);
  const its = { ...place, db };
  await cost(its, "INSERT INTO w VALUES (1)");
  assert.equal(await cost(its, "INSERT INTO w VALUES (1)"), 0);
});

testOnBoth("an unseen view behind a seen one leaves the next unit nothing", async (place) => {
  await arrange(
    place,
    "CREATE VIEW inner_view AS SELECT GET_LOCK('smuggled', 0) AS l",
    "CREATE VIEW outer_view AS SELECT l FROM inner_view",
    "CREATE TABLE w (v INT)",
  );
  const privileges = "SELECT, SHOW VIEW ON hidden.outer_view; SELECT ON hidden.w";
  await using db = await poolOf(place, privileges);
  for (let round = 1; round <= 2; round++) {
    await db.query("SELECT * FROM outer_view");
    assert.equal(await traceOn(db), "");
    assert.deepEqual(db.stats().renewals, { [unseen]: round });
  }
  // A table's name cannot be that of an unseen view: a user who may read a view sees it.
  await db.query("SELECT * FROM w");
  await threadOf(db);
  assert.deepEqual(db.stats().renewals, { [unseen]: 2 });
});

testOnBoth("an unseen trigger behind a view or a trigger leaves nothing", async (place) => {
  const { server } = place;
  await server.query("DROP DATABASE IF EXISTS dark");
  await server.query("CREATE DATABASE dark");
  await server.query("CREATE TABLE dark.d (v INT)");
  await server.query("USE dark");
  await server.query(
    "CREATE TRIGGER td BEFORE INSERT ON dark.d FOR EACH ROW DO GET_LOCK('smuggled', 0)",
  );
  await arrange(
    place,
    "CREATE TABLE w (v INT)",
    "CREATE TRIGGER tw AFTER INSERT ON w FOR EACH ROW INSERT INTO dark.d VALUES (NEW.v)",
    "CREATE VIEW v AS SELECT v FROM dark.d",
  );
  await using db = await poolOf(place, "ALL ON hidden.*");
  for (const table of ["w", "v"]) {
    for (let round = 1; round <= 2; round++) {
      await db.query(`INSERT INTO ${table} (v) VALUES (1)`);
      assert.equal(await traceOn(db), "", table);
    }
  }
  await server.query("DROP DATABASE dark");
});

testOnBoth("the pool does not repeat a unit that may read an unseen view", async (place) => {
  const { server } = place;
  await arrange(
    place,
    "CREATE TABLE log (v INT) ENGINE = MyISAM",
    "CREATE FUNCTION noting() RETURNS INT BEGIN INSERT INTO hidden.log VALUES (1); RETURN 1; END",
    "CREATE VIEW inner_view AS SELECT noting() AS n",
    "CREATE VIEW outer_view AS SELECT n FROM inner_view",
  );
  await using db = await poolOf(place, "SELECT, SHOW VIEW ON hidden.outer_view");
  const read = (): Promise<unknown> => db.query("SELECT * FROM outer_view");
  assert.equal(await runsOf({ ...place, db }, read), 1);
  assert.deepEqual(await server.query("SELECT COUNT(*) AS c FROM hidden.log"), [{ c: 1 }]);
});

testOnBoth("a variable that a column's expression sets is gone for the next unit", async (
  place,
) => {
  const { db, flavor } = place;
  // MySQL allows no such expression in a column.
  if (flavor === "mysql") return;
  await arrange(
    place,
    "CREATE TABLE d (v INT, w INT DEFAULT (@hit := 7))",
    "CREATE TABLE g (v INT, w INT AS (@hit := 7) VIRTUAL)",
  );
  for (
    const sql of ["INSERT INTO hidden.d (v) VALUES (1)", "INSERT INTO hidden.g (v) VALUES (1)"]
  ) {
    const lease = await db.lease();
    await lease.query(sql);
    if (sql.includes(".g")) await lease.query("SELECT * FROM hidden.g");
    assert.equal(await traceOn(lease), "7", sql);
    await lease.release();
    assert.equal(await traceOn(db), "", sql);
  }
  await db.query("SELECT w FROM hidden.g");
  assert.equal(await traceOn(db), "");
  assert.deepEqual(db.stats().renewals, { "column w: a variable": 3 });
});
