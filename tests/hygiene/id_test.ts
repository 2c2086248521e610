/** On real servers: no unit is answered by an id that a statement of another has set. */

import assert from "node:assert/strict";
import { after } from "node:test";
import { one } from "../support/asking.ts";
import { removeServers, testOnBoth } from "./support/fixture.ts";

after(removeServers);

const refusal = { code: "CONNECTION_LEFT" };

testOnBoth("an id is a unit's own only once a statement of it has set one", async (place) => {
  const { db, server, make } = place;
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
      ...make === "mariadb" ? ["INSERT INTO k (v) VALUES (3) RETURNING id"] : [],
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
