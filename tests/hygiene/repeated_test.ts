/**
 * On real servers: the pool does not repeat a unit that has read a view whose function may have
 * written, whether it looked the view up before or looks it up after the unit has failed.
 */

import assert from "node:assert/strict";
import { after } from "node:test";
import { removeServers, testOnBoth } from "./support/fixture.ts";
import { arrange, runsOf } from "./support/hidden.ts";
import { prepare } from "./support/smuggled.ts";

after(removeServers);

testOnBoth("the pool repeats a unit only if it has read no view that calls a function", async (
  place,
) => {
  const { db } = place;
  await prepare(place);
  await arrange(place, "CREATE TABLE b (v INT)");
  const reads = [["SELECT * FROM hitting", 1], ["SELECT * FROM hidden.b", 2]] as const;
  for (const [sql, runs] of reads) {
    for (const isKnown of [false, true]) {
      // This makes the pool look up names anew.
      await db.query("DROP VIEW IF EXISTS hidden.nothing");
      if (isKnown) await db.query(sql);
      const which = `${sql}, ${isKnown ? "known" : "unknown"}`;
      assert.equal(await runsOf(place, () => db.query(sql)), runs, which);
    }
  }
});

testOnBoth("a read in a transaction counts for repetition only after COMMIT", async (place) => {
  const { db } = place;
  await prepare(place);
  const sql = "SELECT * FROM hitting";
  assert.equal(await runsOf(place, () => db.transaction(() => db.query(sql))), 1);
  await db.query("DROP VIEW IF EXISTS hidden.nothing");
  const rolledBack = (): Promise<unknown> => {
    const transaction = db.transaction(() => db.query(sql).then(() => Promise.reject("undone")));
    return transaction.catch((error) => assert.equal(error, "undone"));
  };
  assert.equal(await runsOf(place, rolledBack), 2);
});

testOnBoth("a read counts wherever it runs, and in any text", async (place) => {
  const { db } = place;
  await prepare(place);
  await arrange(place, "CREATE VIEW only_there AS SELECT test.hit() AS h");
  await using own = await db.lease({ separate: true });
  const raw = own.connection;
  const reads: Readonly<Record<string, () => Promise<unknown>>> = {
    "in another database": async () => {
      await db.query("USE hidden");
      await db.query("SELECT * FROM only_there");
    },
    "in another database, in one text": () => db.query("USE hidden; SELECT * FROM only_there"),
    "by SET": () => db.query("SET @a = (SELECT h FROM hitting), sql_mode = ''"),
    "on a lease from outside": () => own.query("SELECT * FROM hitting"),
    "by the driver, on a lease from outside": () => raw.promise().query("SELECT * FROM hitting"),
  };
  for (const [how, read] of Object.entries(reads)) {
    assert.equal(await runsOf(place, read), 1, how);
    await db.query("DROP VIEW IF EXISTS hidden.nothing");
  }
}, { connectionLimit: 2, multipleStatements: true });

testOnBoth(
  "a function that leaves nothing in the session may still write",
  async (place) => {
    await prepare(place);
    for (const sql of ["SELECT hit()", "SELECT * FROM hitting"]) {
      assert.equal(await runsOf(place, () => place.db.query(sql)), 1, sql);
    }
  },
  { cleanFunctions: ["hit", "test.hit"] },
);

testOnBoth("a write that no rollback undoes counts in a transaction, too", async (place) => {
  const { db, server } = place;
  await arrange(place, "CREATE TABLE kept (v INT) ENGINE = MyISAM");
  const write = (): Promise<unknown> => {
    const writing = db.transaction(async () => {
      await db.query("INSERT INTO hidden.kept VALUES (1)");
      throw new Error("undone");
    });
    return writing.catch((error) => assert.match(String(error), /undone/));
  };
  assert.equal(await runsOf(place, write), 1);
  assert.equal((await server.query("SELECT * FROM hidden.kept")).length, 1);
});
