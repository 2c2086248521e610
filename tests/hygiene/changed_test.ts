/**
 * On real servers: the object behind a name depends on the database, the session and the moment.
 * None of these misleads the pool: its next unit finds no state that views and triggers left.
 */

import assert from "node:assert/strict";
import { after } from "node:test";
import { one } from "../support/asking.ts";
import { until } from "../support/wait.ts";
import { type Place, removeServers, testOnBoth } from "./support/fixture.ts";
import { arrange, threadAt } from "./support/hidden.ts";
import { traceOn } from "./support/smuggled.ts";

after(removeServers);

const lockView = "CREATE VIEW v AS SELECT GET_LOCK('smuggled', 0) AS l";

/** Expects that no session has the lock. */
async function expectFree({ server }: Place): Promise<void> {
  assert.deepEqual(await server.query("SELECT IS_USED_LOCK('smuggled') AS l"), [{ l: null }]);
}

testOnBoth("the pool looks up a name from one database again in another", async (place) => {
  const { db } = place;
  await arrange(place, lockView, "CREATE TABLE w (v INT)");
  await db.query("SELECT 1 AS v FROM hidden.w");
  await db.query("SELECT * FROM hidden.v");
  assert.equal(await traceOn(db), "");
});

testOnBoth("a view that is dropped after a lease has read it still counts", async (place) => {
  const { db } = place;
  await arrange(place);
  // MySQL lets only root drop a view that root has created.
  await db.query("CREATE VIEW hidden.v AS SELECT GET_LOCK('smuggled', 0) AS l");
  await using lease = await db.lease();
  await lease.query("SELECT * FROM hidden.v");
  await db.query("DROP VIEW hidden.v");
  lease.release();
  await until(() => db.stats().renewals["change of a view or a trigger"] === 1, "it is renewed");
  await until(() => db.stats().leased === 0, "nobody has it");
  await expectFree(place);
}, { connectionLimit: 2 });

testOnBoth("the pool finds a trigger created while an insert waits behind it", async (place) => {
  const { db, server } = place;
  await arrange(place, "CREATE TABLE w (v INT)");
  const [maker, writer] = [await db.lease({ separate: true }), await db.lease({ separate: true })];
  await server.query("BEGIN");
  await server.query("SELECT * FROM hidden.w");
  const making = maker.query(
    "CREATE TRIGGER hidden.tw BEFORE INSERT ON hidden.w FOR EACH ROW DO GET_LOCK('smuggled', 0)",
  );
  await until(() => threadAt(place, "CREATE TRIGGER%"), "it waits");
  // These make the name known, and read no table.
  await db.query("SELECT 1 FROM (SELECT 1 AS x) AS w");
  await db.query("SELECT 1 FROM (SELECT 2 AS x) AS w");
  const writing = writer.query("INSERT INTO hidden.w VALUES (1)");
  await until(() => threadAt(place, "INSERT INTO hidden.w%"), "it waits too");
  await server.query("COMMIT");
  await Promise.all([making, writing]);
  maker.release();
  writer.release();
  await until(() => Object.values(db.stats().renewals).length > 0, "they are renewed");
  await db.drain();
  await expectFree(place);
}, { connectionLimit: 3 });

testOnBoth("units that run beside changes of views and triggers find nothing", async (place) => {
  const { db } = place;
  await arrange(place, lockView, "CREATE TABLE w (v INT)");
  const bodies = ["SET @y = 1", "DO GET_LOCK('smuggled', 0)", "BEGIN SELECT 7 INTO @hit; END"];
  const columns = ["1", "GET_LOCK('smuggled', 0)"];
  let changes = 0;
  const change = async (): Promise<void> => {
    const [body, column] = [bodies[changes % 3], columns[changes % 2]];
    changes++;
    await db.query(`CREATE OR REPLACE VIEW hidden.v AS SELECT ${column} AS l`);
    await db.query("DROP TRIGGER IF EXISTS hidden.tw");
    await db.query(`CREATE TRIGGER hidden.tw BEFORE INSERT ON hidden.w FOR EACH ROW ${body}`);
  };
  const work = async (): Promise<void> => {
    for (let i = 0; i < 60; i++) {
      await db.unit(async () => {
        assert.equal(await traceOn(db), "");
        await db.query(i % 2 === 0 ? "INSERT INTO hidden.w VALUES (1)" : "SELECT * FROM hidden.v");
      });
    }
  };
  const changing = (async () => {
    while (changes < 40) await change();
  })();
  await Promise.all([changing, ...Array.from({ length: 5 }, work)]);
  assert.equal(changes, 40);
}, { connectionLimit: 6 });

for (const initSql of ["SET autocommit = 0", "SET SESSION sql_select_limit = 1"]) {
  testOnBoth(`a look-up is complete, and leaves nothing open, after ${initSql}`, async (place) => {
    const { db } = place;
    await arrange(place, "CREATE TABLE w (v INT)", lockView, "CREATE VIEW u AS SELECT 1 AS l");
    await db.query("SELECT u.l FROM hidden.u JOIN hidden.v");
    assert.equal(await traceOn(db), "");
    await db.query("SELECT 1 AS other FROM (SELECT 1) AS another");
    await db.transaction(() => db.query("INSERT INTO hidden.w VALUES (1)"));
    assert.equal(await one(db, "SELECT COUNT(*) FROM hidden.w"), 1);
  }, { initSql });
}

testOnBoth("maxResultBytes does not limit a look-up", async (place) => {
  const { db } = place;
  const columns = Array.from({ length: 20 }, (_, at) => `${at} AS a_long_name_of_column_${at}`);
  await arrange(place, `CREATE VIEW v AS SELECT ${columns.join(", ")}`);
  const removed: unknown[] = [];
  db.on("remove", (news) => removed.push(news));
  await db.query("SELECT a_long_name_of_column_0 FROM hidden.v");
  assert.equal(await traceOn(db), "");
  assert.deepEqual(removed, []);
}, { maxResultBytes: 64 });

const triggers: readonly (readonly [body: string, reason: string])[] = [
  ["CREATE TEMPORARY TABLE IF NOT EXISTS t SELECT 7 AS v", "a temporary table"],
  ["SET ROLE NONE", "a role"],
  [
    "BEGIN SET NEW.v = 'it''s'; DO GET_LOCK('smuggled', 0); SET NEW.v = 'it''s'; END",
    "unknown text",
  ],
  ["BEGIN SET NEW.v = 'C:\\\\'; DO GET_LOCK('smuggled', 0); /* it's */ END", "unknown text"],
];

for (const [body, reason] of triggers) {
  testOnBoth(`the pool finds a trigger that runs ${body}`, async (place) => {
    const { db, server } = place;
    await server.query("DROP TABLE IF EXISTS spot");
    await server.query("CREATE TABLE spot (v VARCHAR(20))");
    await server.query(`CREATE TRIGGER tspot BEFORE INSERT ON spot FOR EACH ROW ${body}`);
    await db.query("INSERT INTO spot VALUES ('a')");
    assert.equal(await traceOn(db), "");
    assert.deepEqual(db.stats().renewals, { [`trigger tspot: ${reason}`]: 1 });
  });
}
