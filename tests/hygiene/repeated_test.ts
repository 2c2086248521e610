/**
 * On real servers: a unit that has read of a view whose function may have written is not repeated,
 * whether the pool had asked what the view is, or asks when the unit has failed.
 */

import assert from "node:assert/strict";
import { after } from "node:test";
import { until } from "../support/wait.ts";
import { type Place, removeServers, testOnBoth } from "./support/fixture.ts";
import { arrange, threadAt } from "./support/hidden.ts";
import { prepare } from "./support/smuggled.ts";

after(removeServers);

/** Runs a unit that reads and then loses its connection; returns how often its code ran. */
async function runsOf(place: Place, read: () => Promise<unknown>): Promise<number> {
  const { db, server } = place;
  let runs = 0;
  const unit = db.unit(async () => {
    await read();
    if (++runs > 1) return;
    const killing = until(() => threadAt(place, "DO SLEEP(10)"), "it sleeps")
      .then((thread) => server.query(`KILL ${thread}`));
    await Promise.all([db.query("DO SLEEP(10)"), killing]);
  }, { retries: 1 });
  await unit.catch((error) => assert.match(String(error), /the unit is not repeated/));
  return runs;
}

testOnBoth("a unit is repeated only if it has read of no view that calls a function", async (
  place,
) => {
  const { db } = place;
  await prepare(place);
  await arrange(place, "CREATE TABLE b (v INT)");
  const reads = [["SELECT * FROM hitting", 1], ["SELECT * FROM hidden.b", 2]] as const;
  for (const [sql, runs] of reads) {
    for (const isKnown of [false, true]) {
      // It makes the pool ask anew.
      await db.query("DROP VIEW IF EXISTS hidden.nothing");
      if (isKnown) await db.query(sql);
      const which = `${sql}, ${isKnown ? "known" : "unknown"}`;
      assert.equal(await runsOf(place, () => db.query(sql)), runs, which);
    }
  }
});

testOnBoth("what a transaction reads counts for repeating if it was committed", async (place) => {
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
