/** The limit of connections: which requests wait, in what order, and what makes room. */

import assert from "node:assert/strict";
import { assertFree, atRest, one, refused, threadOf, timed } from "../../support/asking.ts";
import { until } from "../../support/wait.ts";
import { both, Suite } from "../suite/suite.ts";
import type { World } from "../suite/world.ts";

/** Tests of the limit. */
export const limits: Suite = new Suite();

limits.test("the pool serves waiters first come, first served", {}, async (world) => {
  const db = world.pool({ connectionLimit: 1 });
  const lease = await db.lease();
  const served: number[] = [];
  const line = Array.from(
    { length: 20 },
    (_, i) => db.query("SELECT 1").then(() => served.push(i)),
  );
  assert.equal(db.stats().waiting, 20);
  lease.release();
  await Promise.all(line);
  assert.deepEqual(served, Array.from({ length: 20 }, (_, i) => i));
});

limits.test(
  "the pool refuses a waiter at its timeout, and the others stay in the queue",
  {},
  async (world) => {
    const db = world.pool({ connectionLimit: 1 });
    const lease = await db.lease();
    const patient = threadOf(db);
    const hasty = db.query("SELECT 1", [], { timeout: 100 });
    const waitedMs = await timed(hasty);
    await refused(hasty, "LEASE_TIMEOUT");
    assert.ok(waitedMs > 80, `it waited for ${waitedMs} ms`);
    assert.equal(db.stats().waiting, 1);
    lease.release();
    assert.equal(typeof await patient, "number");
  },
);

limits.test("a full queue refuses the next request", {}, async (world) => {
  const db = world.pool({ connectionLimit: 1, queueLimit: 2 });
  const lease = await db.lease();
  const line = [threadOf(db), threadOf(db)];
  await refused(threadOf(db), "QUEUE_FULL");
  lease.release();
  assert.equal((await Promise.all(line)).length, 2);
});

limits.test(
  "a virtual connection with a limit of its own leaves the rest to others",
  {},
  async (world) => {
    const db = world.pool({
      connectionLimit: 3,
      connections: { shop: {}, reports: { limit: 1 } },
    });
    const [shop, reports] = [db.connection("shop"), db.connection("reports")];
    const report = await reports.lease();
    const waiting = threadOf(reports);
    const leases = await Promise.all([shop.lease(), shop.lease()]);
    assert.equal(db.stats().waiting, 1);
    for (const lease of [report, ...leases]) lease.release();
    assert.equal(typeof await waiting, "number");
  },
);

limits.test(
  "at the limit an idle connection changes its target by a new login",
  { on: both },
  async (world) => {
    await world.server.query("CREATE DATABASE IF NOT EXISTS tenant");
    const { id, uri } = await world.proxy();
    const db = world.pool({
      uri,
      connectionLimit: 1,
      connections: { shop: {}, tenant: { database: "tenant" } },
    });
    const [shop, tenant] = [db.connection("shop"), db.connection("tenant")];
    const thread = await threadOf(shop);
    for (let i = 0; i < 3; i++) {
      assert.equal(await one(tenant, "SELECT DATABASE()"), "tenant");
      assert.equal(await one(shop, "SELECT DATABASE()"), "test");
    }
    assert.equal(await threadOf(shop), thread);
    const { commands, opened } = await world.lab.network.traffic(id);
    assert.equal(opened, 1);
    assert.equal(commands.filter((command) => command === "CHANGE_USER").length, 6);
  },
);

limits.test("a session has the rights of its new login's user", { on: both }, async (world) => {
  const { server } = world;
  await server.query("CREATE USER IF NOT EXISTS reader IDENTIFIED BY 'hidden'");
  await server.query("GRANT SELECT ON test.* TO reader");
  await server.table("t", "v INT");
  const db = world.pool({
    connectionLimit: 1,
    connections: { writer: {}, reader: { user: "reader", password: "hidden" } },
  });
  const [writer, reader] = [db.connection("writer"), db.connection("reader")];
  await writer.query("INSERT INTO t VALUES (1)");
  assert.equal(await one(reader, "SELECT COUNT(*) FROM t"), 1);
  await assert.rejects(reader.query("INSERT INTO t VALUES (2)"), { errno: 1142 });
  await writer.query("INSERT INTO t VALUES (3)");
  assert.deepEqual(await server.values("t"), [1, 3]);
});

limits.test("after a refused new login no request gets a connection of another user", {
  on: both,
}, async (world) => {
  const db = world.pool({
    connectionLimit: 1,
    connections: { good: {}, bad: { password: "wrong" } },
  });
  for (let i = 0; i < 3; i++) {
    const [good, bad] = [threadOf(db.connection("good")), threadOf(db.connection("bad"))];
    const { cause } = await refused(bad, "CONNECT_FAILED");
    assert.equal((cause as { errno?: unknown }).errno, 1045);
    assert.equal(typeof await good, "number");
  }
});

/** The smallest max_connections that MariaDB accepts. */
const connectionLimit = 10;

limits.test(
  "units on a server that lets in fewer than the limit: nobody fails",
  { on: both },
  async (world) => {
    const { server } = world;
    await server.table("t", "v INT");
    await server.query(`SET GLOBAL max_connections = ${connectionLimit}`);
    const db = world.pool({ connectionLimit: 30 });
    await Promise.all(Array.from({ length: 100 }, (_, i) =>
      db.unit(async () => {
        await db.query("INSERT INTO t SELECT ? + SLEEP(0.01)", [i]);
      }, { transaction: "main" })));
    assert.equal((await server.values("t")).length, 100);
    assert.ok(db.stats().ceiling <= connectionLimit);
    assertFree(db);
  },
);

/** Takes all the room of a server; returns a function that gives some of it back. */
async function fill(world: World): Promise<() => void> {
  // The lab's own connection has its place too.
  const others = world.pool({ connectionLimit: connectionLimit - 1 });
  const leases = await Promise.all(
    Array.from({ length: connectionLimit - 1 }, () => others.lease()),
  );
  await world.server.query(`SET GLOBAL max_connections = ${connectionLimit}`);
  return () => {
    for (const lease of leases.splice(0, 3)) lease.release();
    others.retire();
  };
}

limits.test("while other clients fill the server, a request waits until there is room", {
  on: both,
}, async (world) => {
  const makeRoom = await fill(world);
  const db = world.pool();
  const waiting = threadOf(db);
  await until(() => db.stats().ceiling < 10, "the server is known to be full");
  assert.equal(db.stats().waiting, 1);
  makeRoom();
  assert.equal(typeof await waiting, "number");
});

limits.test("a waiter that waited too long for room gets the server's error as cause", {
  on: both,
}, async (world) => {
  const makeRoom = await fill(world);
  const { cause } = await refused(threadOf(world.pool({ acquireTimeout: 400 })), "LEASE_TIMEOUT");
  assert.equal((cause as { errno?: unknown }).errno, 1040);
  makeRoom();
});

limits.test("a user who may have few connections: nobody fails", { on: both }, async (world) => {
  const { server } = world;
  await server.query("CREATE USER IF NOT EXISTS few IDENTIFIED BY 'secret'");
  await server.query("GRANT ALL ON test.* TO few");
  await server.query("ALTER USER few WITH MAX_USER_CONNECTIONS 3");
  const db = world.pool({ user: "few", connectionLimit: 10 });
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) => one(db, "SELECT ? + SLEEP(0.01)", [i])),
  );
  assert.deepEqual(answers.map(Number), Array.from({ length: 30 }, (_, i) => i));
  await atRest(db);
  assert.ok(db.stats().size <= 3);
});
