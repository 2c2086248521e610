/**
 * On real servers: statements that read the result info of the statement before, while other
 * units use the same connections. Each answer is right or refused, and never another unit's.
 */

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { createPool, type Pool } from "../../mod.ts";
import { type Asked, one, refused } from "../support/asking.ts";
import { removeServers, serverOf, testOnBoth } from "./support/fixture.ts";
import { lackOf } from "../support/server_binary.ts";

/** How many units run in parallel, on how many connections. */
const unitCount = 12;
const connectionLimit = 3;

before(async () => {
  for (const flavor of ["mariadb", "mysql"] as const) {
    if (lackOf(flavor) !== undefined) continue;
    const server = await serverOf(flavor);
    await server.query("CREATE TABLE test.numbered (id INT PRIMARY KEY AUTO_INCREMENT, unit INT)");
  }
});

after(removeServers);

/** Runs statements and reads their result info, with turns of the event loop in between. */
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

/** Runs units in parallel, and expects that all succeed. */
async function besideOthers(
  db: Pool<"main">,
  run: (db: Pool<"main">, unit: number) => Promise<unknown>,
): Promise<void> {
  const units = Array.from({ length: unitCount }, (_, unit) => db.unit(() => run(db, unit)));
  const outcomes = await Promise.allSettled(units);
  const failed = outcomes.filter(({ status }) => status === "rejected");
  assert.equal(failed.length, 0, String((failed[0] as PromiseRejectedResult)?.reason));
}

const held = "in a unit that holds its connection";
const plain = "in a unit";

const ways: Readonly<Record<string, (db: Pool<"main">, unit: number) => Promise<unknown>>> = {
  "in a transaction": (db, unit) => db.transaction(() => askAll(db, unit)),
  "through a lease": async (db, unit) => {
    await using lease = await db.lease();
    await askAll(lease, unit);
  },
  [held]: (db, unit) => askAll(db, unit),
  [plain]: (db, unit) => askAll(db, unit),
};

for (const [way, run] of Object.entries(ways)) {
  testOnBoth(`result info of the statement before is right ${way}`, async ({ server }) => {
    await server.query("TRUNCATE test.numbered");
    const hold = way === held ? "unit" : "result";
    await using db = createPool({
      uri: server.url(),
      shared: false,
      connectionLimit,
      connections: { main: { hold } },
    });
    await besideOthers(db, run);
  });
}

/** Expects that the current unit's statements which read result info are refused. */
async function assertRefused(db: Pool<"main">): Promise<void> {
  await refused(db.query("SELECT LAST_INSERT_ID()"), "CONNECTION_LEFT");
  await refused(db.query("SHOW WARNINGS"), "CONNECTION_LEFT");
  await refused(db.query("INSERT INTO numbered (unit) VALUES (ROW_COUNT())"), "CONNECTION_LEFT");
}

testOnBoth("reading result info is refused if the unit holds no lease", async ({ server }) => {
  await using db = createPool({
    uri: server.url(),
    shared: false,
    connections: { main: { hold: "statement" } },
  });
  await db.unit(async () => {
    await db.query("INSERT INTO numbered (unit) VALUES (1)");
    await assertRefused(db);
    assert.equal(db.stats().leased, 0);
    await db.transaction(() => askAll(db, 50));
  });
});

testOnBoth("reading a transaction's result info after its end is refused", async ({ server }) => {
  await using db = createPool({ uri: server.url(), shared: false });
  await db.unit(async () => {
    await db.transaction(() => db.query("INSERT INTO numbered (unit) VALUES (1)"));
    assert.equal(db.stats().leased, 0);
    await assertRefused(db);
    await db.query("INSERT INTO numbered (unit) VALUES (2)");
    assert.equal(await one(db, "SELECT unit FROM numbered WHERE id = LAST_INSERT_ID()"), 2);
  });
  await db.unit(async () => {
    await using lease = await db.lease();
    await db.transaction(() => db.query("INSERT INTO numbered (unit) VALUES (3)"));
    assert.equal(await one(lease, "SELECT unit FROM numbered WHERE id = LAST_INSERT_ID()"), 3);
  });
});

testOnBoth("a unit that only reads holds no lease between its statements", async ({ server }) => {
  await using db = createPool({ uri: server.url(), shared: false });
  await db.unit(async () => {
    await db.query("SELECT * FROM numbered");
    await db.execute("SELECT COUNT(*) FROM numbered WHERE unit = ?", [1]);
    await db.query("UPDATE numbered SET unit = 1 WHERE id = 0");
    assert.equal(db.stats().leased, 0);
  });
});

testOnBoth(
  "a lease held for result info is released when its unit has to wait",
  async ({ server }) => {
    await using db = createPool({
      uri: server.url(),
      shared: false,
      connectionLimit: 1,
      connections: { shop: {}, reports: { database: "mysql" } },
    });
    const [shop, reports] = [db.connection("shop"), db.connection("reports")];
    await db.unit(async () => {
      await shop.query("INSERT INTO numbered (unit) VALUES (1)");
      assert.equal(db.stats().leased, 1);
      assert.equal(await one(reports, "SELECT 7"), 7);
      await refused(shop.query("SELECT LAST_INSERT_ID()"), "CONNECTION_LEFT");
    });
  },
);
