/** On a real server: when the pool opens actual connections, and when it closes them. */

import assert from "node:assert/strict";
import process from "node:process";
import { after, afterEach, before, test } from "node:test";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import {
  assertFree,
  atRest,
  connected,
  poolAt,
  prepareServer,
  threadOf,
  threadsOf,
} from "./support/fixture.ts";
import { startProxy } from "../support/proxy.ts";

let server: Server;

before(async () => {
  server = await prepareServer(["CREATE DATABASE reports"]);
});

afterEach(async () => await connected(server, 0));

after(async () => await server?.remove());

test("a pool, its virtual connections and its methods open no socket and start no timer", async () => {
  await server.query("DO 0");
  const resources = process.getActiveResourcesInfo().sort();
  const attempts = await server.status("Connections");
  await using db = poolAt(server, {
    minimumIdle: 1,
    connections: { shop: {}, reports: { database: "reports" } },
  });
  const orderById = db.connection("shop").method<{ id: number }>("SELECT * FROM o WHERE id = :id");
  assert.equal(typeof orderById, "function");
  assert.equal(db.connection("reports").name, "reports");
  await db.unit(() => db.stats());
  assert.deepEqual(process.getActiveResourcesInfo().sort(), resources);
  assert.equal(await server.status("Connections"), attempts);
  assert.equal(db.stats().size, 0);
});

test("a connection is opened for the first statement, and used again for the next", async () => {
  await using db = poolAt(server);
  const thread = await threadOf(db);
  await connected(server, 1);
  for (let i = 0; i < 10; i++) assert.equal(await threadOf(db), thread);
  assert.equal(await server.connectionCount(), 1);
});

test("the pool opens as many connections as are needed at once, and no more", async () => {
  await using db = poolAt(server, { connectionLimit: 5 });
  for (const count of [1, 2, 3]) {
    const leases = await Promise.all(Array.from({ length: count }, () => db.lease()));
    assert.equal(await server.connectionCount(), count);
    for (const lease of leases) lease.release();
  }
  assertFree(db);
  assert.equal(db.stats().idle, 3);
});

test("a burst on a server that is slow to connect opens few, as the first serves all", async () => {
  const served = Promise.withResolvers<void>();
  const admits = (number: number): Promise<void> =>
    number === 1 ? Promise.resolve() : served.promise;
  await using proxy = await startProxy(server, { admits });
  await using db = poolAt(server, { uri: proxy.uri, connectionLimit: 50 });
  const burst = Array.from({ length: 50 }, () => db.query("SELECT SLEEP(0.002)"));
  assert.equal((await Promise.all(burst)).length, 50);
  assert.equal(proxy.opened, 3);
  served.resolve();
});

test("an idle connection is closed at its idleTimeout, not before and not much later", async () => {
  await using db = poolAt(server, { idleTimeout: 400 });
  const removed = Promise.withResolvers<string>();
  db.on("remove", ({ reason }) => removed.resolve(reason));
  await threadOf(db);
  const restedAt = performance.now();
  assert.equal(await removed.promise, "idle");
  const idleMs = performance.now() - restedAt;
  assert.ok(idleMs > 395 && idleMs < 700, `it was idle for ${idleMs} ms`);
  await connected(server, 0);
  assert.equal(typeof await threadOf(db), "number");
});

test("a connection that is used before its idleTimeout starts that time anew", async () => {
  await using db = poolAt(server, { idleTimeout: 400 });
  const thread = await threadOf(db);
  const beganAt = performance.now();
  await until(() => performance.now() - beganAt > 300, "most of its time is up");
  assert.equal(await threadOf(db), thread);
  await until(() => performance.now() - beganAt > 500, "its first time is up");
  assert.equal(await server.connectionCount(), 1);
  await connected(server, 0);
  assert.ok(performance.now() - beganAt > 695);
});

test("a connection in use is never closed by a timer", async () => {
  await using db = poolAt(server, { idleTimeout: 50, maxLifetime: 100 });
  await using lease = await db.lease();
  const { threadId } = lease;
  const beganAt = performance.now();
  await until(() => performance.now() - beganAt > 400, "it is past all its times");
  assert.equal(await threadOf(lease), threadId);
  assert.equal(await server.connectionCount(), 1);
});

test("a connection is closed at its maxLifetime, and another takes its place", async () => {
  await using db = poolAt(server, { maxLifetime: 200 });
  const reasons: string[] = [];
  db.on("remove", ({ reason }) => reasons.push(reason));
  const thread = await threadOf(db);
  await until(() => reasons.length > 0, "it has grown old");
  assert.deepEqual(reasons, ["aged"]);
  assert.notEqual(await threadOf(db), thread);
});

test("minimumIdle connections stay open after the first use, and losses are replaced", async () => {
  await using db = poolAt(server, { minimumIdle: 2, idleTimeout: 100 });
  const thread = await threadOf(db);
  await connected(server, 2);
  const beganAt = performance.now();
  await until(() => performance.now() - beganAt > 300, "more than the idle time has passed");
  assert.equal(await server.connectionCount(), 2);
  await server.query(`KILL ${thread}`);
  await until(async () => !(await threadsOf(server)).includes(thread), "it has ended");
  await until(async () => (await threadsOf(server)).length === 2, "another has taken its place");
});

test("connections above minimumIdle are closed at their idleTimeout", async () => {
  await using db = poolAt(server, { minimumIdle: 1, idleTimeout: 200 });
  const leases = await Promise.all([1, 2, 3].map(() => db.lease()));
  for (const lease of leases) lease.release();
  await connected(server, 3);
  await connected(server, 1);
  await atRest(db);
  assert.equal(db.stats().idle, 1);
});

test("retire has each connection of now closed as soon as nobody uses it", async () => {
  await using db = poolAt(server);
  const lease = await db.lease();
  const { threadId } = lease;
  const idle = await threadOf(db);
  db.retire();
  await connected(server, 1);
  assert.equal(await threadOf(lease), threadId);
  lease.release();
  await connected(server, 0);
  assert.ok(![threadId, idle].includes(await threadOf(db)));
});

test("a paused pool lets everybody wait, and serves them when it goes on", async () => {
  await using db = poolAt(server);
  await threadOf(db);
  db.pause();
  const answers = Promise.all([threadOf(db), threadOf(db)]);
  const queries = await server.status("Com_select");
  assert.equal(db.stats().waiting, 2);
  assert.equal(await server.status("Com_select"), queries);
  db.resume();
  assert.equal((await answers).length, 2);
});
