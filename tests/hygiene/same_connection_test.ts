/**
 * On real servers: statements that ask about the one before them, while other units use the
 * same connections. They are right wherever the lease is kept from one to the other.
 */

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { createPool, type Pool } from "../../mod.ts";
import { type Asked, one } from "../support/asking.ts";
import { removeServers, serverOf, testOnBoth } from "./support/fixture.ts";
import { lackOf } from "../support/server_binary.ts";

/** How many units go on side by side, on how many connections. */
const unitCount = 12;
const connectionLimit = 3;

before(async () => {
  for (const make of ["mariadb", "mysql"] as const) {
    if (lackOf(make) !== undefined) continue;
    const server = await serverOf(make);
    await server.query("CREATE TABLE test.numbered (id INT PRIMARY KEY AUTO_INCREMENT, unit INT)");
  }
});

after(removeServers);

/** Asks about statements, with something else of the event loop between them. */
async function askAll(asked: Asked, unit: number): Promise<void> {
  await asked.query("INSERT INTO numbered (unit) VALUES (?)", [unit]);
  await turn();
  assert.equal(await one(asked, "SELECT unit FROM numbered WHERE id = LAST_INSERT_ID()"), unit);
  await asked.query(`INSERT INTO numbered (unit) VALUES ${Array(unit + 1).fill(`(${unit})`)}`);
  await turn();
  assert.equal(Number(await one(asked, "SELECT ROW_COUNT()")), unit + 1);
  await asked.query(`SELECT SQL_CALC_FOUND_ROWS id FROM numbered WHERE unit = ${unit} LIMIT 1`);
  await turn();
  assert.equal(Number(await one(asked, "SELECT FOUND_ROWS()")), unit + 2);
  await asked.query(`SELECT CAST('${unit} pieces' AS SIGNED)`);
  await turn();
  const [warnings] = await asked.query("SHOW WARNINGS");
  assert.match(JSON.stringify(warnings), new RegExp(`'${unit} pieces'`));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** Runs units side by side, each of which asks in its own way. */
async function besideOthers(
  db: Pool,
  run: (db: Pool, unit: number) => Promise<unknown>,
): Promise<void> {
  const units = Array.from({ length: unitCount }, (_, unit) => db.unit(() => run(db, unit)));
  const outcomes = await Promise.allSettled(units);
  const failed = outcomes.filter(({ status }) => status === "rejected");
  assert.equal(failed.length, 0, String((failed[0] as PromiseRejectedResult)?.reason));
}

const held = "in a unit that holds its connection";

const ways: Readonly<Record<string, (db: Pool, unit: number) => Promise<unknown>>> = {
  "in a transaction": (db, unit) => db.transaction(() => askAll(db, unit)),
  "through a lease": async (db, unit) => {
    await using lease = await db.lease();
    await askAll(lease, unit);
  },
  [held]: (db, unit) => askAll(db, unit),
};

for (const [way, run] of Object.entries(ways)) {
  testOnBoth(`what is asked about the statement before is right ${way}`, async ({ server }) => {
    await server.query("TRUNCATE test.numbered");
    const hold = way === held ? "unit" : "statement";
    await using db = createPool({
      uri: server.url(),
      shared: false,
      connectionLimit,
      connections: { main: { hold } },
    });
    await besideOthers(db, run);
  });
}
