/** On real servers: no unit reads an id that a statement of another unit has set. */

import assert from "node:assert/strict";
import { after } from "node:test";
import { one } from "../support/asking.ts";
import { removeServers, testOnBoth } from "./support/fixture.ts";
import { arrange } from "./support/hidden.ts";
import { poolOf } from "./support/unseen.ts";

after(removeServers);

const refusal = { code: "CONNECTION_LEFT" };

testOnBoth("a unit may read an id only once its own statement has set one", async (place) => {
  const { db, server, flavor } = place;
  await server.query("CREATE TABLE test.k (id INT PRIMARY KEY AUTO_INCREMENT, v INT UNIQUE)");
  await db.query("INSERT INTO k (v) VALUES (1)");
  const asked = "SELECT LAST_INSERT_ID()";
  for (
    const sql of [
      "INSERT IGNORE INTO k (v) VALUES (1)",
      "INSERT INTO k (v) VALUES (1) ON DUPLICATE KEY UPDATE v = 1",
      "UPDATE k SET v = LAST_INSERT_ID(v + 1) WHERE id = -1",
    ]
  ) {
    await db.unit(async () => {
      await db.query(sql);
      await assert.rejects(db.query(asked), refusal);
    });
  }
  for (
    const sql of [
      "INSERT INTO k (v) VALUES (2)",
      "INSERT INTO k (v) VALUES (1) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)",
      ...flavor === "mariadb" ? ["INSERT INTO k (v) VALUES (3) RETURNING id"] : [],
    ]
  ) {
    const id = await db.unit(async () => {
      await db.query(sql);
      return Number(await one(db, asked));
    });
    const [value] = /\d/.exec(sql) ?? [];
    assert.equal(id, Number(await one(db, `SELECT id FROM k WHERE v = ${value}`)), sql);
  }
  for (
    const sql of ["SHOW VARIABLES LIKE 'last\\_insert\\_id'", "SHOW VARIABLES LIKE 'identit_'"]
  ) {
    await assert.rejects(db.query(sql), refusal);
  }
  await db.query("SHOW VARIABLES");
});

const questions = "LAST_INSERT_ID() AS i, ROW_COUNT() AS r, FOUND_ROWS() AS f";

/** Statements of earlier requests, each of which leaves other result info. */
const strangers: readonly string[] = [
  "INSERT INTO k (v) VALUES (1), (2), (3)",
  "INSERT INTO k (v) VALUES (4)",
  "SELECT v FROM k",
  "SELECT v FROM k LIMIT 2",
];

/** Statements that read result info behind their text, and the statement that shows the answer. */
const askers: readonly (readonly [name: string, asks: string, tells?: string])[] = [
  ["a view", "SELECT * FROM asking_view"],
  ["a function", "SELECT asking_function()"],
  ["a procedure", "CALL asking_procedure()"],
  ["a trigger", "INSERT INTO watched VALUES (1)", "SELECT * FROM told"],
];

testOnBoth("with resetOnRelease a hidden read finds no earlier result info", async (place) => {
  await arrange(
    place,
    "CREATE TABLE k (id INT PRIMARY KEY AUTO_INCREMENT, v INT) AUTO_INCREMENT = 70",
    "CREATE TABLE watched (v INT)",
    "CREATE TABLE told (i BIGINT, r BIGINT, f BIGINT)",
    `CREATE VIEW asking_view AS SELECT ${questions}`,
    `CREATE PROCEDURE asking_procedure() SELECT ${questions}`,
    `CREATE FUNCTION asking_function() RETURNS VARCHAR(99) NO SQL
       RETURN CONCAT_WS(' ', LAST_INSERT_ID(), ROW_COUNT(), FOUND_ROWS())`,
    `CREATE TRIGGER asking_trigger BEFORE INSERT ON watched FOR EACH ROW
       INSERT INTO told SELECT ${questions}`,
  );
  for (const [name, asks, tells = asks] of askers) {
    const answers: unknown[] = [];
    for (const before of strangers) {
      await place.server.query("DELETE FROM hidden.told");
      await using db = await poolOf(place, "ALL ON hidden.*", { resetOnRelease: true });
      await db.query(before);
      const [rows] = await db.query(asks);
      answers.push(tells === asks ? rows : (await db.query(tells))[0]);
    }
    for (const answer of answers) assert.deepEqual(answer, answers[0], name);
  }
});
