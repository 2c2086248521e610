/**
 * On real servers: each row of the hygiene table. The state of a unit lasts as long as the unit,
 * and is gone for the next unit on the same connection, at the cost that the table names.
 */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createConnection } from "mysql2";
import { answered, type DriverInternals, internalsOf } from "../../src/mysql/mysql2_internals.ts";
import { MODE_UNKNOWN } from "../../src/mysql/lexer.ts";
import { analyserOf } from "../../src/mysql/statement.ts";
import { namesIn } from "../../src/mysql/table_names.ts";
import { AUTOCOMMIT, CHANGED, IN_TRANSACTION, readStatus, UNTOLD } from "../../src/mysql/status.ts";
import { assertFree, looked, refused, threadOf } from "../support/asking.ts";
import { type Flavor, lackOf } from "../support/server_binary.ts";
import { type Finding, type HygieneRow, roundTrips, rows } from "./rows.ts";
import { answerTo, removeServers, serverOf, testOnBoth } from "./support/fixture.ts";

after(removeServers);

/** Runs the statements that make the state of a row. */
async function produce(
  { made, isFailing = false }: HygieneRow,
  run: (sql: string) => Promise<unknown>,
): Promise<void> {
  for (const sql of made) {
    const hasFailed = await run(sql).then(() => false, () => true);
    assert.equal(hasFailed, isFailing, sql);
  }
}

/** Returns how the state of a row can be found, on a driver's connection without a pool. */
async function findingsOf(row: HygieneRow, flavor: Flavor): Promise<Finding[]> {
  const server = await serverOf(flavor);
  const driver = createConnection({ uri: server.url(), multipleStatements: true });
  const run = (sql: string): Promise<void> => answered((answer) => driver.query(sql, answer));
  await run("SET SESSION session_track_state_change = 1");
  const told = listen(internalsOf(driver));
  await produce(row, run);
  const found: Finding[] = [];
  const last = told.at(-1) ?? UNTOLD;
  if ((last & IN_TRANSACTION) !== 0 || (last & AUTOCOMMIT) === 0) found.push("flags");
  if (told.some((status) => (status & CHANGED) !== 0)) found.push("report");
  const analyser = analyserOf("", []);
  const effects = row.made.map((sql) => analyser.analyse(sql, MODE_UNKNOWN).effect);
  if (effects.some((effect) => effect !== "none")) found.push("text");
  await answered((answer) => driver.end(answer));
  return found;
}

/** Returns a list to which each status is added that the server sends from now on. */
function listen(driver: DriverInternals): number[] {
  const told: number[] = [];
  const handlePacket = driver.handlePacket.bind(driver);
  driver.handlePacket = (packet) => {
    const status = packet === undefined ? UNTOLD : readStatus(packet, driver._command);
    if (status !== UNTOLD) told.push(status);
    handlePacket(packet);
  };
  return told;
}

for (const row of rows) {
  const [own, other] = row.answers;

  testOnBoth(`${row.name}: there for its unit, gone for the next, at its cost`, async (place) => {
    const { db, proxy, flavor } = place;
    await looked(
      db,
      ...[...row.made, row.asked].flatMap((sql) => namesIn(sql, MODE_UNKNOWN).names),
    );
    const thread = await threadOf(db);
    const unit = db.unit(async () => {
      await produce(row, (sql) => db.query(sql));
      assert.equal(db.stats().leased, 1);
      assert.deepEqual(await answerTo(db, row.asked), own);
      proxy.roundTrips = 0;
      proxy.forget();
    });
    if (row.wipedBy.startsWith("rollback")) await refused(unit, "TRANSACTION_OPEN");
    else await unit;
    assertFree(db);
    assert.deepEqual(await answerTo(db, row.asked), other);
    assert.equal(proxy.roundTrips - 1, roundTrips[row.wipedBy][flavor], proxy.forget().join("\n"));
    assert.equal(await threadOf(db), thread);
  }, { multipleStatements: true });

  testOnBoth(`${row.name}: gone too when made through a lease, or alone`, async ({ db }) => {
    const lease = await db.lease();
    await produce(row, (sql) => lease.connection.promise().query(sql));
    assert.deepEqual(await answerTo(lease, row.asked), own);
    lease.release();
    assert.deepEqual(await answerTo(db, row.asked), other);
    await db.query(row.made[0] ?? "").catch(({ code }) => {
      const isRefused = code === "STATEMENT_REFUSED" || code === "TRANSACTION_OPEN";
      assert.ok(row.isFailing || isRefused, code);
    });
    assert.deepEqual(await answerTo(db, row.asked), other);
  }, { multipleStatements: true });

  testOnBoth(`${row.name}: gone when its unit has thrown`, async ({ db }) => {
    const error = new Error("mine");
    const unit = db.unit(async () => {
      await produce(row, (sql) => db.query(sql));
      throw error;
    });
    await assert.rejects(unit, error);
    assert.deepEqual(await answerTo(db, row.asked), other);
  }, { multipleStatements: true });

  for (const flavor of ["mariadb", "mysql"] as const) {
    test(
      `${flavor}: ${row.name}: found as the table says`,
      { skip: lackOf(flavor) ?? false },
      async () => {
        const told = row.foundBy.filter((by) => by !== "report of MariaDB" || flavor === "mariadb");
        const found = told.map((by) => by === "report of MariaDB" ? "report" : by);
        assert.deepEqual(await findingsOf(row, flavor), found);
      },
    );
  }
}
