/** How the pool opens connections, and the errors if it cannot. */

import assert from "node:assert/strict";
import { assertFree, one, refused, threadOf, timed } from "../../support/asking.ts";
import type { Manner } from "../lab/network.ts";
import { causeOf, leftAlone, unreachable, uriAt } from "../suite/failing.ts";
import { both, none, Suite } from "../suite/suite.ts";

/** Tests of opening connections. */
export const connecting: Suite = new Suite();

/** How long the pool waits for a silent server, in ms. */
const connectTimeout = 400;
/** How long a failure at once may take on a busy machine, in ms. */
const promptMsMax = 2_000;

connecting.test("a pool, its virtual connections and methods open nothing", {}, async (world) => {
  const { server } = world;
  const attempts = await server.status("Connections");
  const db = world.pool({
    minimumIdle: 1,
    connections: { shop: {}, reports: { database: "reports" } },
  });
  assert.equal(typeof db.connection("shop").method("SELECT :id"), "function");
  await db.unit(() => db.stats());
  assert.equal(db.stats().size, 0);
  assert.equal(await server.status("Connections"), attempts);
});

connecting.test(
  "a connection is opened for the first statement, and used again for the next",
  { on: both },
  async (world) => {
    const db = world.pool();
    const thread = await threadOf(db);
    await world.server.count(1);
    for (let i = 0; i < 5; i++) assert.equal(await threadOf(db), thread);
    assert.deepEqual(await world.server.threads(), [thread]);
  },
);

/** The entries that are for one runtime's sockets. */
const entries = {
  node: () => import("../../../src/entries/node.ts"),
  deno: () => import("../../../src/entries/deno.ts"),
  bun: () => import("../../../src/entries/bun.ts"),
  workerd: () => import("../../../src/entries/workerd.ts"),
};

connecting.test("the entry of a runtime makes a pool on its sockets", {}, async (world) => {
  const { createPool } = await entries[world.runtime]();
  const db = createPool({ uri: world.server.info.url, shared: false, lifespan: "pool" });
  assert.equal(await one(db, "SELECT 7"), 7);
  await db.drain();
});

connecting.test("the pool finds a host by its name", {}, async (world) => {
  assert.equal(await one(world.pool({ host: "localhost" }), "SELECT 7"), 7);
});

connecting.test("the pool reaches a server by its unix socket", {
  on: both,
  gaps: { workerd: "workerd has no unix sockets" },
}, async (world) => {
  const db = world.pool({ socketPath: world.server.info.socketPath });
  assert.equal(await one(db, "SELECT SUBSTRING_INDEX(USER(), '@', -1)"), "localhost");
});

connecting.test("a connect to a missing unix socket fails: ENOENT", {
  on: none,
  gaps: { workerd: "workerd has no unix sockets" },
}, async (world) => {
  const db = world.pool({ uri: uriAt(1), socketPath: "/nowhere/of/a/server" });
  assert.equal((await causeOf(db)).code, "ENOENT");
});

connecting.test("a runtime without unix sockets refuses `socketPath` by name", {
  on: none,
  gaps: {
    node: "Node has unix sockets",
    deno: "Deno has unix sockets",
    bun: "Bun has unix sockets",
  },
}, async (world) => {
  const db = world.pool({ uri: uriAt(1), socketPath: "/nowhere/of/a/server" });
  assert.match((await causeOf(db)).message, /socketPath|unix/);
});

connecting.test("a closed port fails at once: ECONNREFUSED", { on: none }, async (world) => {
  const db = world.pool({ uri: uriAt(await world.lab.network.closedPort()) });
  const began = performance.now();
  assert.equal((await causeOf(db)).code, unreachable(world, "ECONNREFUSED"));
  assert.ok(performance.now() - began < promptMsMax);
  assertFree(db);
});

connecting.test("all waiters get the error of a closed port", { on: none }, async (world) => {
  const db = world.pool({ uri: uriAt(await world.lab.network.closedPort()), connectionLimit: 2 });
  const attempts = Array.from({ length: 20 }, () => causeOf(db));
  for (const { code } of await Promise.all(attempts)) {
    assert.equal(code, unreachable(world, "ECONNREFUSED"));
  }
  assertFree(db);
});

connecting.test("a connect to an unknown host fails: ENOTFOUND", { on: none }, async (world) => {
  const db = world.pool({ uri: uriAt(3306), host: "nowhere.invalid" });
  assert.equal((await causeOf(db)).code, unreachable(world, "ENOTFOUND"));
});

const manners: readonly (readonly [Manner, string, string])[] = [
  ["resets", "resets the connection", "ECONNRESET"],
  ["hangs up", "hangs up at once", "PROTOCOL_CONNECTION_LOST"],
  ["silent", "says nothing is given up", "ETIMEDOUT"],
  ["stops in its greeting", "stops in its greeting is given up", "ETIMEDOUT"],
];

for (const [manner, deed, expected] of manners) {
  connecting.test(`a server that ${deed}: ${expected}`, { on: none }, async (world) => {
    const { network } = world.lab;
    const port = await network.listen(manner);
    const db = world.pool({ uri: uriAt(port), connectTimeout });
    const began = performance.now();
    const { code } = await causeOf(db);
    const tookMs = performance.now() - began;
    // Workers may report so early a reset as an unreachable host.
    const codes = manner === "resets" ? [expected, unreachable(world, expected)] : [expected];
    assert.ok(codes.includes(String(code)), `${code} is none of ${codes}`);
    if (expected === "ETIMEDOUT") assert.ok(tookMs > connectTimeout - 20, `it took ${tookMs} ms`);
    assert.ok(tookMs < promptMsMax, `it took ${tookMs} ms`);
    await leftAlone(world, port, "session");
  });
}

connecting.test("the pool gives up a server that speaks no MySQL", { on: none }, async (world) => {
  const { network } = world.lab;
  const port = await network.listen("speaks HTTP");
  await causeOf(world.pool({ uri: uriAt(port), connectTimeout }));
  await leftAlone(world, port, "session");
});

connecting.test(
  "the pool gives up a host that does not answer: ETIMEDOUT",
  { on: none },
  async (world) => {
    const { network } = world.lab;
    const port = await network.fullPort();
    const db = world.pool({ uri: uriAt(port), connectTimeout });
    const began = performance.now();
    const cause = causeOf(db);
    await network.awaitClientsAt(port, 1);
    assert.equal((await cause).code, "ETIMEDOUT");
    assert.ok(performance.now() - began < promptMsMax);
    await leftAlone(world, port, "connect");
  },
);

connecting.test(
  "a request that waits for a connect ends at its own timeout",
  { on: none },
  async (world) => {
    const { network } = world.lab;
    const port = await network.listen("silent");
    const db = world.pool({ uri: uriAt(port), acquireTimeout: 200 });
    const attempt = threadOf(db);
    const waitedMs = await timed(attempt);
    await refused(attempt, "LEASE_TIMEOUT");
    assert.ok(waitedMs > 180 && waitedMs < promptMsMax, `it waited for ${waitedMs} ms`);
    assertFree(db);
    await db.drain({ timeout: 50 });
    await leftAlone(world, port, "session");
  },
);

connecting.test("the driver reads a greeting of single bytes", { on: both }, async (world) => {
  const { uri } = await world.proxy({ pieceBytes: 1 });
  const db = world.pool({ uri });
  assert.equal(await one(db, "SELECT REPEAT('ä', 100)"), "ä".repeat(100));
});

connecting.test("an idle connection has TCP keep-alive", {
  gaps: { workerd: "workerd's sockets have no such option" },
}, async (world) => {
  const { network } = world.lab;
  const { uri, port } = await world.proxy();
  const db = world.pool({ uri });
  await threadOf(db);
  const [end] = await network.clientsAt(port);
  assert.equal(end?.isKeptAlive, true);
});

connecting.test(
  "the pool opens all connections that requests need at once",
  {},
  async (world) => {
    const db = world.pool({ connectionLimit: 5 });
    const leases = await Promise.all(Array.from({ length: 5 }, () => db.lease()));
    await world.server.count(5);
    assert.equal(new Set(leases.map(({ threadId }) => threadId)).size, 5);
    for (const lease of leases) lease.release();
    assert.equal(db.stats().idle, 5);
  },
);
