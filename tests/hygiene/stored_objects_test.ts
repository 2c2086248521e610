/**
 * On real servers: the text of a statement does not show what views and triggers do, and the
 * server does not report all of it. The next unit finds nothing of it; views and triggers that
 * leave nothing cost nothing.
 */

import assert from "node:assert/strict";
import { after, mock } from "node:test";
import { createPool, type Values } from "../../mod.ts";
import { threadOf } from "../support/asking.ts";
import { roundTrips } from "./rows.ts";
import { type Place, removeServers, testOnBoth } from "./support/fixture.ts";
import { cost, prepare, traceOn } from "./support/smuggled.ts";

after(removeServers);

/** Round trips to ask what the user may see; MySQL may have a mode for patterns of names. */
const sightTrips = { mariadb: 1, mysql: 2 };

/** Creates the tables `watched` and `audit` anew, and then the triggers. */
async function withTriggers({ server }: Place, ...triggers: readonly string[]): Promise<void> {
  for (const table of ["watched", "audit"]) {
    await server.query(`DROP TABLE IF EXISTS ${table}`);
    await server.query(`CREATE TABLE ${table} (v INT, w INT)`);
  }
  for (const [at, trigger] of triggers.entries()) {
    await server.query(`CREATE TRIGGER watching${at} ${trigger}`);
  }
}

/** Triggers that smuggle state, what they leave, and statements that run them. */
const smugglings: readonly (readonly [trigger: string, leaves: string, runs: string])[] = [
  ["BEFORE INSERT ON watched FOR EACH ROW SET @hit = 7", "7", "INSERT INTO watched VALUES (1, 1)"],
  [
    "BEFORE INSERT ON watched FOR EACH ROW DO GET_LOCK('smuggled', 0)",
    "lock",
    "INSERT INTO watched VALUES (1, 1)",
  ],
  [
    "BEFORE INSERT ON watched FOR EACH ROW BEGIN SELECT 7 INTO @hit; END",
    "7",
    "REPLACE watched VALUES (1, 1)",
  ],
  [
    "AFTER UPDATE ON watched FOR EACH ROW " +
    "BEGIN DECLARE x, y INT; IF NEW.v > 0 THEN SELECT 1, 7 INTO x, @hit; END IF; END",
    "7",
    "INSERT INTO watched VALUES (1, 1); UPDATE test.watched SET v = 2",
  ],
  [
    "AFTER DELETE ON watched FOR EACH ROW SET @n = (SELECT @hit := 7)",
    "7",
    "INSERT INTO watched VALUES (1, 1); DELETE w FROM watched AS w",
  ],
  ["BEFORE INSERT ON watched FOR EACH ROW SET NEW.v = hit()", "7", "INSERT watched() VALUES ()"],
  [
    "BEFORE INSERT ON watched FOR EACH ROW SET @@timestamp = 77",
    "77",
    "INSERT watched() VALUES ()",
  ],
  [
    "BEFORE INSERT ON watched FOR EACH ROW BEGIN IF (NEW.w > 0) THEN CALL seizing_one; END IF; END",
    "lock",
    "INSERT INTO watched VALUES (1, 1)",
  ],
  [
    "AFTER INSERT ON watched FOR EACH ROW INSERT INTO audit (v) SELECT NEW.v FROM hitting",
    "7",
    "INSERT INTO watched VALUES (1, 1)",
  ],
];

for (const [trigger, leaves, runs] of smugglings) {
  testOnBoth(`CREATE TRIGGER … ${trigger} leaves the next unit nothing`, async (place) => {
    const { db, server } = place;
    await prepare(place);
    await server.query("DROP PROCEDURE IF EXISTS seizing_one");
    await server.query("CREATE PROCEDURE seizing_one() DO GET_LOCK('smuggled', 0)");
    await withTriggers(place, trigger);
    const lease = await db.lease();
    const found = await lease.query(runs).then(() => traceOn(lease))
      .finally(() => lease.release());
    assert.equal(found, leaves);
    assert.equal(await traceOn(db), "");
    await db.query(runs);
    assert.equal(await traceOn(db), "");
    await db.transaction(() => db.query(runs));
    assert.equal(await traceOn(db), "");
  }, { multipleStatements: true });
}

testOnBoth("the pool finds a trigger behind another trigger, or behind a view", async (place) => {
  const { db, server } = place;
  await withTriggers(
    place,
    "AFTER INSERT ON watched FOR EACH ROW INSERT INTO audit (v) VALUES (NEW.v)",
    "BEFORE INSERT ON audit FOR EACH ROW DO GET_LOCK('smuggled', 0)",
  );
  await server.query("CREATE OR REPLACE VIEW overlook AS SELECT v FROM watched");
  for (const table of ["watched", "overlook"]) {
    await db.query(`INSERT INTO ${table} (v) VALUES (1)`);
    assert.equal(await traceOn(db), "");
  }
  await server.query("DROP VIEW overlook");
});

testOnBoth("the pool finds a view whose name a placeholder inserts", async (place) => {
  const { db } = place;
  await prepare(place);
  const named: readonly (readonly [sql: string, values: Values])[] = [
    ["SELECT * FROM ::view", { view: "locking" }],
    ["SELECT * FROM ??", ["locking"]],
  ];
  for (const [sql, values] of named) {
    await db.query(sql, values);
    assert.equal(await traceOn(db), "", sql);
    await db.query({ sql, values });
    assert.equal(await traceOn(db), "", sql);
  }
}, { namedPlaceholders: true });

testOnBoth("a view costs a look-up at first, and a new login if it leaves something", async (
  place,
) => {
  await prepare(place);
  await withTriggers(place);
  const login = roundTrips.login[place.flavor];
  // The pool looks up the names, the names in the view, and what the user may see.
  assert.equal(await cost(place, "SELECT * FROM plain JOIN t"), 2 + sightTrips[place.flavor]);
  assert.equal(await cost(place, "SELECT * FROM plain JOIN t"), 0);
  assert.equal(await cost(place, "SELECT * FROM t JOIN plain"), 0);
  assert.equal(await cost(place, "SELECT * FROM locking"), 1 + login);
  assert.equal(await cost(place, "SELECT * FROM locking"), login);
  assert.deepEqual(place.db.stats().renewals, { "view locking: a lock": 2 });
});

testOnBoth("a trigger that leaves nothing costs one look-up, another a new login", async (
  place,
) => {
  await withTriggers(
    place,
    `BEFORE INSERT ON watched FOR EACH ROW BEGIN
       DECLARE a VARCHAR(20) DEFAULT 'x'; DECLARE b, c DECIMAL(10, 2);
       DECLARE CONTINUE HANDLER FOR NOT FOUND SET a = NULL;
       IF NEW.v > 0 THEN SET NEW.w = IF(b, 1, 2); ELSEIF (NEW.v < 0) THEN SET NEW.w = @by; END IF;
       WHILE (b > 0) DO SET b = COALESCE(b, 0) - 1; END WHILE;
       INSERT INTO audit (v) VALUES (NEW.v), (LENGTH(CURRENT_USER()));
     END`,
    "BEFORE UPDATE ON audit FOR EACH ROW DO GET_LOCK('smuggled', 0)",
  );
  const login = roundTrips.login[place.flavor];
  // A read runs no trigger.
  assert.equal(await cost(place, "SELECT v FROM watched"), 2 + sightTrips[place.flavor]);
  assert.equal(await cost(place, "SELECT v FROM watched"), 0);
  assert.equal(await cost(place, "INSERT INTO watched VALUES (1, 1)"), login);
  assert.deepEqual(place.db.stats().renewals, { "trigger watching1: a lock": 1 });
  await place.db.query("DROP TRIGGER watching1");
  assert.equal(await cost(place, "INSERT INTO watched VALUES (1, 1)"), 2);
  assert.equal(await cost(place, "INSERT INTO watched VALUES (-1, 1)"), 0);
});

testOnBoth("the pool knows at once what it creates itself", async ({ db, server }) => {
  await server.query("SET GLOBAL log_bin_trust_function_creators = 1");
  await db.query("SELECT * FROM t");
  const made = [
    "CREATE FUNCTION own_function() RETURNS INT BEGIN SET @hit = 7; RETURN 1; END",
    "CREATE TABLE own_table (v INT); CREATE VIEW own_view AS SELECT own_function() AS f",
    "CREATE TRIGGER own_trigger BEFORE INSERT ON own_table FOR EACH ROW SELECT 7 INTO @hit",
  ];
  for (const sql of made) {
    await db.query(sql);
    await db.query("INSERT INTO t VALUES (1)");
  }
  for (const sql of ["SELECT * FROM own_view", "INSERT INTO own_table VALUES (1)"]) {
    await db.query(sql);
    assert.equal(await traceOn(db), "");
  }
  await db.query("DROP VIEW own_view; DROP TABLE own_table; DROP FUNCTION own_function");
}, { multipleStatements: true });

testOnBoth("after a minute the pool knows what others create, on any session", async (place) => {
  const { db, server } = place;
  await withTriggers(place);
  await db.query("INSERT INTO watched VALUES (1, 1)");
  const thread = await threadOf(db);
  await server.query(
    "CREATE TRIGGER watching BEFORE INSERT ON watched FOR EACH ROW DO GET_LOCK('smuggled', 0)",
  );
  const begunAt = performance.now();
  const clock = mock.method(performance, "now", () => begunAt + 60_001);
  await db.query("INSERT INTO watched VALUES (1, 1)");
  assert.equal(await traceOn(db), "");
  clock.mock.restore();
  assert.equal(await threadOf(db), thread);
});

testOnBoth("a view whose text is not visible costs a new login each time", async (place) => {
  const { server, flavor } = place;
  await prepare(place);
  await server.query("CREATE USER IF NOT EXISTS blind IDENTIFIED BY ''");
  await server.query("GRANT SELECT, INSERT ON test.* TO blind");
  await using db = createPool({ uri: place.proxy.uri, user: "blind", password: "", shared: false });
  for (let round = 0; round < 2; round++) {
    await db.query("SELECT * FROM plain");
    await threadOf(db);
  }
  const reason = "view plain: its text may not be seen";
  assert.deepEqual(db.stats().renewals, { [reason]: 2 }, flavor);
});

testOnBoth("many connections released at once share one look-up", async (place) => {
  const { db, server, proxy } = place;
  await withTriggers(place);
  const leases = await Promise.all(Array.from({ length: 8 }, () => db.lease()));
  for (const lease of leases) await lease.query("SELECT * FROM watched");
  proxy.forget();
  await Promise.all(leases.map((lease) => lease.release()));
  await Promise.all(leases.map(() => threadOf(db)));
  const asked = proxy.forget().filter((sql) => sql.includes("information_schema.triggers"));
  assert.equal(asked.length, 1);
  await server.query("DROP TABLE watched");
}, { connectionLimit: 8 });

testOnBoth("with resetOnRelease a session is wiped, whatever a look-up finds", async (place) => {
  await withTriggers(place);
  const { reset, login } = roundTrips;
  const asked = 1 + sightTrips[place.flavor];
  // A look-up comes after a new login, unless it alone decides whether the session is clean.
  const wiped = reset[place.flavor] + login[place.flavor];
  assert.equal(await cost(place, "SELECT * FROM watched"), wiped + asked);
}, { resetOnRelease: true });
