/** On a real server: connections that another session kills, idle or in use. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import {
  assertFree,
  busyThread,
  endless,
  failure,
  isLoss,
  poolAt,
  refused,
  serverOfFile,
  threadOf,
  threadsOf,
  valuesIn,
} from "./support/fixture.ts";
import { startProxy } from "../support/proxy.ts";

let server: Server;

serverOfFile((started) => server = started, {
  statements: ["CREATE TABLE t (v INT) ENGINE = InnoDB"],
  tables: ["t"],
});

test("a connection that is killed while idle is not lent: the next statement succeeds", async () => {
  await using db = poolAt(server);
  const thread = await threadOf(db);
  await server.query(`KILL ${thread}`);
  await until(() => db.stats().size === 0, "the loss is noticed");
  assert.notEqual(await threadOf(db), thread);
});

test("with validateAfter 0 a connection may be killed at any moment while it is idle", async () => {
  await using db = poolAt(server, { validateAfter: 0 });
  for (let i = 0; i < 20; i++) {
    const thread = await threadOf(db);
    await server.query(`KILL ${thread}`);
    assert.notEqual(await threadOf(db), thread);
  }
});

test("when one connection is lost, the others are checked before they are lent again", async () => {
  await using proxy = await startProxy(server);
  await using db = poolAt(server, { uri: proxy.uri, validateAfter: 60_000 });
  const leases = await Promise.all([db.lease(), db.lease(), db.lease()]);
  const [killed, ...others] = leases.map(({ threadId }) => threadId);
  for (const lease of leases) lease.release();
  await server.query(`KILL ${killed}`);
  await until(() => db.stats().size === 2, "the loss is noticed");
  proxy.forget();
  const again = await Promise.all([db.lease(), db.lease()]);
  assert.deepEqual(again.map(({ threadId }) => threadId).sort(), others.sort());
  for (const lease of again) lease.release();
  await threadOf(db);
  assert.deepEqual(proxy.forget(), ["PING", "PING", "QUERY SELECT CONNECTION_ID()"]);
});

test("a connection killed during a statement is an error, and the next one succeeds", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const statement = failure(db.query(endless));
  const thread = await busyThread(server);
  const next = threadOf(db);
  await server.query(`KILL ${thread}`);
  const error = await statement;
  assert.ok(isLoss(error), String(error));
  assert.notEqual(await next, thread);
  assertFree(db);
});

test("KILL QUERY ends a statement with the server's error, and keeps the connection", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const statement = failure(db.query(endless));
  const thread = await busyThread(server);
  await server.query(`KILL QUERY ${thread}`);
  assert.equal((await statement as { errno?: unknown }).errno, 1317);
  assert.equal(await threadOf(db), thread);
});

test("statements that wait for a connection that is killed run on another", async () => {
  await using db = poolAt(server, { connectionLimit: 1 });
  const statement = failure(db.query(endless));
  const line = [1, 2, 3].map((v) => db.query("INSERT INTO t VALUES (?)", [v]));
  await server.query(`KILL ${await busyThread(server)}`);
  await statement;
  await Promise.all(line);
  assert.deepEqual(await valuesIn(server, "t"), [1, 2, 3]);
});

test("the pool does not repeat a statement whose connection is killed", async () => {
  await using db = poolAt(server);
  const insert = failure(db.query("INSERT INTO t SELECT SLEEP(10) + 1 FROM DUAL"));
  await server.query(`KILL ${await busyThread(server)}`);
  assert.ok(isLoss(await insert));
  await threadOf(db);
  assert.deepEqual(await valuesIn(server, "t"), []);
});

test("a unit that loses its pinned connection fails, and does not go on elsewhere", async () => {
  await using db = poolAt(server);
  await db.unit(async () => {
    await db.query("SET @a = 1");
    const thread = await threadOf(db);
    await server.query(`KILL ${thread}`);
    await until(async () => !(await threadsOf(server)).includes(thread), "it has ended");
    await failure(db.query("SELECT @a"));
    await refused(db.query("INSERT INTO t VALUES (1)"), "CONNECTION_LOST");
  });
  assertFree(db);
  assert.deepEqual(await valuesIn(server, "t"), []);
});

test("a unit that may be repeated goes on after its connection was lost", async () => {
  await using db = poolAt(server);
  let runs = 0;
  const answer = await db.unit(async () => {
    runs++;
    await db.query("INSERT INTO t VALUES (?)", [runs]);
    if (runs === 1) await server.query(`KILL ${await threadOf(db)}`);
    await db.query("SELECT 1");
    return runs;
  }, { transaction: "main", retries: 1 });
  assert.equal(answer, 2);
  assert.deepEqual(await valuesIn(server, "t"), [2]);
});
