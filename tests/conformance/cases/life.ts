/** When connections close, how a pool pauses and drains, and its events and counts. */

import assert from "node:assert/strict";
import { assertFree, failure, one, refused, threadOf } from "../../support/asking.ts";
import { until } from "../../support/wait.ts";
import { both, Suite } from "../suite/suite.ts";

/** Tests of the lives of connections and pools. */
export const life: Suite = new Suite();

life.test(
  "the pool closes an idle connection at its idle timeout, with COM_QUIT",
  { on: both },
  async (world) => {
    const { id, uri } = await world.proxy();
    const db = world.pool({ uri, idleTimeout: 300 });
    const reasons: string[] = [];
    db.on("remove", ({ reason }) => reasons.push(reason));
    await threadOf(db);
    const restedAt = performance.now();
    await until(() => reasons.length > 0, "it is closed");
    assert.ok(performance.now() - restedAt > 280);
    assert.deepEqual(reasons, ["idle"]);
    await world.server.count(0);
    const { commands } = await world.lab.network.traffic(id);
    assert.equal(commands.at(-1), "QUIT");
  },
);

life.test(
  "the pool closes a connection at its maximum age and opens another at need",
  {},
  async (world) => {
    const db = world.pool({ maxLifetime: 200 });
    const reasons: string[] = [];
    db.on("remove", ({ reason }) => reasons.push(reason));
    const thread = await threadOf(db);
    await until(() => reasons.length > 0, "it has grown old");
    assert.deepEqual(reasons, ["aged"]);
    assert.notEqual(await threadOf(db), thread);
  },
);

life.test("a connection in use is never closed by a timer", {}, async (world) => {
  const db = world.pool({ idleTimeout: 50, maxLifetime: 100 });
  const lease = await db.lease();
  const { threadId } = lease;
  const began = performance.now();
  await until(() => performance.now() - began > 400, "it is past all its times");
  assert.equal(await threadOf(lease), threadId);
  lease.release();
});

life.test("the pool keeps `minimumIdle` connections, and replaces lost ones", {}, async (world) => {
  const db = world.pool({ minimumIdle: 2, idleTimeout: 100 });
  const thread = await threadOf(db);
  await world.server.count(2);
  await world.server.query(`KILL ${thread}`);
  await until(async () => {
    const threads = await world.server.threads();
    return threads.length === 2 && !threads.includes(thread);
  }, "another has taken its place");
});

life.test(
  "retire has each connection of now closed as soon as nobody uses it",
  {},
  async (world) => {
    const db = world.pool();
    const lease = await db.lease();
    const { threadId } = lease;
    await threadOf(db);
    db.retire();
    await world.server.count(1);
    assert.equal(await threadOf(lease), threadId);
    lease.release();
    await world.server.count(0);
    assert.notEqual(await threadOf(db), threadId);
  },
);

life.test(
  "a paused pool lets everybody wait, and serves them when it goes on",
  {},
  async (world) => {
    const db = world.pool();
    await threadOf(db);
    db.pause();
    const answers = Promise.all([threadOf(db), threadOf(db)]);
    assert.equal(db.stats().waiting, 2);
    db.resume();
    assert.equal((await answers).length, 2);
  },
);

life.test("a drain serves what runs and waits, refuses new requests, and closes all", {
  on: both,
}, async (world) => {
  const { server } = world;
  await server.table("t", "v INT");
  const aborted = await server.status("Aborted_clients");
  const db = world.pool({ connectionLimit: 2 });
  const isDraining = Promise.withResolvers<void>();
  const units = [1, 2].map((v) =>
    db.unit(async () => {
      await db.query("SET @v = ?", [v]);
      await isDraining.promise;
      await db.transaction(() => db.query("INSERT INTO t VALUES (@v)"));
    })
  );
  await until(() => db.stats().leased === 2, "both hold a connection");
  const line = [3, 4, 5].map((v) => db.query("INSERT INTO t VALUES (?)", [v]));
  const drained = db.drain();
  await refused(db.query("INSERT INTO t VALUES (6)"), "POOL_DRAINING");
  isDraining.resolve();
  await Promise.all([...units, ...line, drained]);
  assert.deepEqual(await server.values("t"), [1, 2, 3, 4, 5]);
  assert.equal(db.stats().phase, "closed");
  await server.count(0);
  assert.equal(await server.status("Aborted_clients"), aborted);
});

life.test("a drain that refuses turns waiters away", {}, async (world) => {
  const db = world.pool({ connectionLimit: 1 });
  const statement = db.query("SELECT SLEEP(0.3)");
  await world.server.busyThread();
  const line = [1, 2, 3].map(() => threadOf(db));
  const refusals = line.map((promise) => refused(promise, "POOL_DRAINING"));
  await Promise.all([statement, db.drain({ refuse: true }), ...refusals]);
});

life.test("a drain destroys by its deadline whatever is left", { on: both }, async (world) => {
  const db = world.pool();
  const statement = failure(db.query("SELECT SLEEP(1.5)"));
  await world.server.busyThread();
  await db.drain({ timeout: 100 });
  assert.equal((await statement as { code?: unknown }).code, "POOL_DRAINING");
  const { phase, size } = db.stats();
  assert.deepEqual({ phase, size }, { phase: "closed", size: 0 });
  await world.server.count(0);
});

life.test("a drain works on a pool that was never used or cannot connect", {}, async (world) => {
  await world.pool().drain();
  const mistaken = world.pool({ password: "wrong" });
  const attempt = refused(threadOf(mistaken), "CONNECT_FAILED");
  await mistaken.drain();
  await attempt;
});

life.test("a pool emits events of its connections and leases", {}, async (world) => {
  const db = world.pool({ connectionLimit: 1 });
  const told: string[] = [];
  db.on("connection", () => told.push("connection"));
  db.on("acquire", ({ virtual }) => told.push(`acquire ${virtual}`));
  db.on("release", ({ condition }) => told.push(`release ${condition}`));
  db.on("enqueue", () => told.push("enqueue"));
  db.on("remove", ({ reason }) => told.push(`remove ${reason}`));
  const thread = await threadOf(db);
  await db.unit(() => db.query("SET @a = 1"));
  await one(db, "SELECT 1");
  await world.server.query(`KILL ${thread}`);
  await until(() => db.stats().size === 0, "the loss is noticed");
  assert.deepEqual(told.filter((each) => each !== "enqueue"), [
    "connection",
    "acquire main",
    "release clean",
    "acquire main",
    "release dirty",
    "acquire main",
    "release clean",
    "remove lost",
  ]);
});

life.test("the stats agree with the server's connections", {}, async (world) => {
  const db = world.pool({ connectionLimit: 4 });
  const leases = await Promise.all([db.lease(), db.lease(), db.lease()]);
  leases.pop()?.release();
  const { leased, idle, size } = db.stats();
  assert.deepEqual({ leased, idle, size }, { leased: 2, idle: 1, size: 3 });
  await world.server.count(3);
  for (const lease of leases) lease.release();
  assertFree(db);
});

life.test(
  "a pool works again after a freeze longer than the server's wait_timeout",
  { on: both },
  async (world) => {
    const { server, lab } = world;
    await server.query("SET GLOBAL wait_timeout = 1");
    const db = world.pool();
    const lease = await db.lease();
    const threads = [lease.threadId, await threadOf(db)];
    lease.release();
    await lab.programs.freezeUntilAlone(server.name);
    await server.query("SET GLOBAL wait_timeout = 28800");
    const answers = await Promise.all([threadOf(db), threadOf(db)]);
    assert.ok(answers.every((thread) => !threads.includes(thread)), `${answers} of ${threads}`);
  },
);
