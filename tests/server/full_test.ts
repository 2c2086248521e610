/** On a real server with a low max_connections: no request fails, as requests wait for room. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, createConnection } from "mysql2/promise";
import type { Pool } from "../../mod.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import {
  assertFree,
  one,
  poolAt,
  refused,
  serverOfFile,
  threadOf,
  timed,
  valuesIn,
} from "./support/fixture.ts";

/** The lowest max_connections that MariaDB accepts. */
const connectionLimit = 10;

let server: Server;

serverOfFile((started) => server = started, {
  statements: ["CREATE TABLE t (v INT) ENGINE = InnoDB"],
  tables: ["t"],
  tidy: (started) => started.query("SET GLOBAL max_connections = 100"),
});

/** Runs units in parallel; each writes its number in a transaction. */
async function write(db: Pool<"main">, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) =>
    db.unit(async () => {
      await db.query("INSERT INTO t SELECT ? + SLEEP(0.01)", [i]);
    }, { transaction: "main" })));
}

test("100 units on a server with fewer connections than the limit all succeed", async () => {
  await server.query(`SET GLOBAL max_connections = ${connectionLimit}`);
  await using db = poolAt(server, { connectionLimit: 30 });
  const ceilings: number[] = [];
  const refusals: unknown[] = [];
  db.on("release", () => ceilings.push(db.stats().ceiling));
  db.on("refuse", (news) => refusals.push(news));
  await write(db, 100);
  assert.ok(Math.min(...ceilings) <= connectionLimit, `the ceiling was ${Math.min(...ceilings)}`);
  assert.deepEqual(refusals, []);
  assert.equal((await valuesIn(server, "t")).length, 100);
  assertFree(db);
});

test("when the server accepts more connections again, the pool opens more", async () => {
  await server.query(`SET GLOBAL max_connections = ${connectionLimit}`);
  await using db = poolAt(server, { connectionLimit: 30 });
  await write(db, 40);
  assert.ok(db.stats().size <= connectionLimit);
  await server.query("SET GLOBAL max_connections = 100");
  await until(async () => {
    await write(db, 40);
    const { size, ceiling } = db.stats();
    return size > connectionLimit && ceiling > connectionLimit;
  }, "it has more than before");
});

test("a user who may have few connections: nobody fails", async () => {
  await server.query("ALTER USER app WITH MAX_USER_CONNECTIONS 3");
  try {
    await using db = poolAt(server, { connectionLimit: 10 });
    await write(db, 50);
    assert.equal((await valuesIn(server, "t")).length, 50);
  } finally {
    await server.query("ALTER USER app WITH MAX_USER_CONNECTIONS 0");
  }
});

/** Opens connections until the server is full, and returns them. */
async function fill(): Promise<Connection[]> {
  await server.query(`SET GLOBAL max_connections = ${connectionLimit}`);
  const uri = server.url();
  const others: Connection[] = [];
  while (await server.connectionCount() < connectionLimit) {
    const other = await createConnection({ uri }).catch((error) => {
      assert.equal(error.errno, 1040);
    });
    if (other === undefined) break;
    others.push(other);
  }
  return others;
}

test("while others fill the server, a request waits, and is served when one leaves", async () => {
  const others = await fill();
  await using db = poolAt(server);
  const waiting = threadOf(db);
  await until(() => db.stats().ceiling < 10, "the server is known to be full");
  assert.equal(db.stats().waiting, 1);
  await others.pop()?.end();
  assert.equal(typeof await waiting, "number");
  assert.equal(await one(db, "SELECT 1"), 1);
  for (const other of others) await other.end();
});

test("a waiter that waited too long for room gets the server's error as cause", async () => {
  const others = await fill();
  await using db = poolAt(server, { acquireTimeout: 300 });
  const waiting = threadOf(db);
  const waitedMs = await timed(waiting);
  const { cause } = await refused(waiting, "LEASE_TIMEOUT");
  assert.equal((cause as { errno?: unknown }).errno, 1040);
  assert.ok(waitedMs > 295 && waitedMs < 1_000, `it waited for ${waitedMs} ms`);
  assertFree(db);
  for (const other of others) await other.end();
});
