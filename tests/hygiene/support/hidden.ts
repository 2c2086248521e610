/** Shared by the tests of hidden state: their database, and helpers that watch the server. */

import assert from "node:assert/strict";
import { until } from "../../support/wait.ts";
import type { Place } from "./fixture.ts";

/** Creates the database `hidden` anew, and runs statements in it. */
export async function arrange({ server }: Place, ...statements: readonly string[]): Promise<void> {
  await server.query("SET GLOBAL log_bin_trust_function_creators = 1");
  await server.query("DROP DATABASE IF EXISTS hidden");
  await server.query("CREATE DATABASE hidden");
  await server.query("GRANT ALL ON hidden.* TO app");
  await server.query("USE hidden");
  for (const sql of statements) await server.query(sql);
  await server.query("USE test");
}

/** Returns the thread in which the server runs a statement like a pattern, if any. */
export async function threadAt({ server }: Place, pattern: string): Promise<number | undefined> {
  const sql = `SELECT id AS id FROM information_schema.processlist WHERE info LIKE '${pattern}'`;
  const [row] = await server.query<{ id: number }>(sql);
  return row?.id;
}

/** Runs a unit that reads and then loses its connection; returns how often its code ran. */
export async function runsOf(place: Place, read: () => Promise<unknown>): Promise<number> {
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
