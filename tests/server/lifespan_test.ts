/** On a real server: connections that live no longer than a unit of work. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createPool } from "../../mod.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { prepareServer } from "./support/fixture.ts";

let server: Server;
before(async () => {
  server = await prepareServer();
});
after(() => server.remove());

async function isQuiet(): Promise<boolean> {
  return await server.connectionCount() === 0;
}

test("with lifespan unit, the server has no connection of a unit that has ended", async () => {
  const db = createPool({ uri: server.url(), lifespan: "unit", shared: false });
  const ids = await Promise.all([1, 2, 3].map(() =>
    db.unit(async () => {
      await db.query("SET @a = 1");
      const [[row]] = await db.query<{ id: number; a: number }[]>(
        "SELECT CONNECTION_ID() id, @a a",
      );
      assert.equal(Number(row?.a), 1);
      return row?.id;
    })
  ));
  assert.equal(new Set(ids).size, 3);
  await until(isQuiet, "all are closed");
  await db.transaction(() => db.query("SELECT 1"));
  await db.query("SELECT 1");
  await until(isQuiet, "all are closed");
  await db.drain();
});

test("with lifespan unit, the pool calls its uri function at each unit's begin", async () => {
  let asked = 0;
  const uri = (): string => {
    asked++;
    return server.url("root", "");
  };
  const db = createPool({ uri, database: "test", lifespan: "unit", shared: false });
  assert.equal(asked, 0);
  for (let round = 1; round <= 2; round++) {
    const [rows] = await db.unit(() => db.query("SELECT CURRENT_USER() who, DATABASE() what"));
    assert.match(JSON.stringify(rows), /root@.*test/);
    assert.equal(asked, round);
  }
  const broken = createPool({ uri: () => "nonsense", lifespan: "unit", shared: false });
  for (const ask of [() => broken.query("SELECT 1"), () => broken.transaction(() => 1)]) {
    await assert.rejects(ask(), { code: "OPTION_INVALID" });
  }
});

test("without lifespan unit, the pool calls its uri function at once, and only once", async () => {
  let asked = 0;
  const db = createPool({ uri: () => (asked++, server.url()), shared: false });
  await db.query("SELECT 1");
  await db.query("SELECT 1");
  assert.equal(asked, 1);
  await db.drain();
  assert.throws(() => createPool({ uri: () => "nonsense" }), { code: "OPTION_INVALID" });
});
