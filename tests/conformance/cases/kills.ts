/** Connections that are killed, servers that end and come back, and servers that freeze. */

import assert from "node:assert/strict";
import type { Pool } from "../../../mod.ts";
import {
  assertFree,
  endless,
  failure,
  isLoss,
  one,
  refused,
  threadOf,
  timed,
} from "../../support/asking.ts";
import { until } from "../../support/wait.ts";
import { causeOf, unreachable } from "../suite/failing.ts";
import { both, Suite } from "../suite/suite.ts";
import type { RemoteServer } from "../suite/world.ts";

/** Tests of connections and servers that end unasked. */
export const kills: Suite = new Suite();

/** How long a failure at once may take on a busy machine, in ms. */
const promptMsMax = 2_000;

kills.test(
  "the pool does not lend a connection again that was killed while idle",
  { on: both },
  async (world) => {
    const db = world.pool();
    const thread = await threadOf(db);
    await world.server.query(`KILL ${thread}`);
    await until(() => db.stats().size === 0, "the loss is noticed");
    assert.notEqual(await threadOf(db), thread);
  },
);

kills.test(
  "a connection that is killed just before its check is not lent",
  { on: both },
  async (world) => {
    const db = world.pool({ validateAfter: 0 });
    for (let i = 0; i < 5; i++) {
      const thread = await threadOf(db);
      await world.server.query(`KILL ${thread}`);
      assert.notEqual(await threadOf(db), thread);
    }
  },
);

kills.test(
  "when one connection is lost, the others are checked before they are lent",
  {},
  async (world) => {
    const { id, uri } = await world.proxy();
    const db = world.pool({ uri, validateAfter: 60_000 });
    const leases = await Promise.all([db.lease(), db.lease(), db.lease()]);
    const [killed] = leases.map(({ threadId }) => threadId);
    for (const lease of leases) lease.release();
    await world.server.query(`KILL ${killed}`);
    await until(() => db.stats().size === 2, "the loss is noticed");
    await world.lab.network.traffic(id);
    const again = await Promise.all([db.lease(), db.lease()]);
    for (const lease of again) lease.release();
    await threadOf(db);
    const { commands } = await world.lab.network.traffic(id);
    assert.deepEqual(commands, ["PING", "PING", "QUERY SELECT CONNECTION_ID()"]);
  },
);

kills.test("a statement whose connection is killed rejects; another runs the waiting statements", {
  on: both,
}, async (world) => {
  const { server } = world;
  await server.table("t", "v INT");
  const db = world.pool({ connectionLimit: 1 });
  const statement = failure(db.query(endless));
  const thread = await server.busyThread();
  const line = [1, 2, 3].map((v) => db.query("INSERT INTO t VALUES (?)", [v]));
  await server.query(`KILL ${thread}`);
  const error = await statement;
  assert.ok(isLoss(error), String(error));
  await Promise.all(line);
  assert.deepEqual(await server.values("t"), [1, 2, 3]);
  assertFree(db);
});

kills.test(
  "a statement killed by KILL QUERY rejects with the server's error; its connection stays",
  {
    on: both,
  },
  async (world) => {
    const db = world.pool({ connectionLimit: 1 });
    const statement = failure(db.query(endless));
    const thread = await world.server.busyThread();
    await world.server.query(`KILL QUERY ${thread}`);
    assert.equal((await statement as { errno?: unknown }).errno, 1317);
    assert.equal(await threadOf(db), thread);
  },
);

kills.test(
  "a unit whose pinned connection is lost does not go on with another",
  { on: both },
  async (world) => {
    const { server } = world;
    await server.table("t", "v INT");
    const db = world.pool();
    await db.unit(async () => {
      await db.query("SET @a = 1");
      await server.query(`KILL ${await threadOf(db)}`);
      await server.count(0);
      await failure(db.query("SELECT @a"));
      await refused(db.query("INSERT INTO t VALUES (1)"), "CONNECTION_LOST");
    });
    assertFree(db);
    assert.deepEqual(await server.values("t"), []);
  },
);

kills.test(
  "a unit that may be repeated goes on after its connection was lost",
  {},
  async (world) => {
    const { server } = world;
    await server.table("t", "v INT");
    const db = world.pool();
    let runs = 0;
    await db.unit(async () => {
      runs++;
      await db.query("INSERT INTO t VALUES (?)", [runs]);
      if (runs === 1) await server.query(`KILL ${await threadOf(db)}`);
      await db.query("SELECT 1");
    }, { transaction: "main", retries: 1 });
    assert.deepEqual(await server.values("t"), [2]);
  },
);

/** Uses both connections of a pool of two; returns the errors that the holders will get. */
async function crowd(db: Pool<"main">, server: RemoteServer): Promise<Promise<unknown>[]> {
  const holders = [
    failure(db.query(endless)),
    failure(db.transaction(async () => {
      await db.query("INSERT INTO t VALUES (1)");
      await db.query(endless);
    })),
  ];
  await until(async () => (await server.busyThreads()).length === 2, "the server is at both");
  return holders;
}

for (const [signal, end] of [["SIGKILL", "kill"], ["SIGTERM", "stop"]] as const) {
  kills.test(`after a server ends by ${signal} each request has an answer, and the pool goes on`, {
    on: end === "kill" ? both : ["mariadb"],
  }, async (world) => {
    const { server } = world;
    await server.table("t", "v INT");
    const db = world.pool({ connectionLimit: 2 });
    const holders = await crowd(db, server);
    const line = Promise.allSettled(Array.from({ length: 20 }, () => threadOf(db)));
    await server[end]();
    for (const holder of holders) assert.ok(isLoss(await holder), String(await holder));
    for (const outcome of await line) {
      if (outcome.status === "fulfilled") continue;
      const { reason } = outcome;
      assert.ok(isLoss(reason) || reason.code === "CONNECT_FAILED", String(reason));
    }
    assertFree(db);
    await server.restart();
    await until(() => threadOf(db), "the pool has recovered");
    assert.deepEqual(await server.values("t"), []);
  });
}

kills.test(
  "the pool refuses at once requests for a server that is down: ECONNREFUSED",
  { on: both },
  async (world) => {
    const db = world.pool();
    await threadOf(db);
    await world.server.kill();
    await failure(threadOf(db));
    for (let i = 0; i < 20; i++) {
      const attempt = causeOf(db);
      assert.ok(await timed(attempt) < promptMsMax);
      assert.equal((await attempt).code, unreachable(world, "ECONNREFUSED"));
    }
    assertFree(db);
    await world.server.restart();
  },
);

kills.test(
  "the pool reports a broken network as ECONNRESET",
  {},
  async (world) => {
    const { id, uri } = await world.proxy();
    const db = world.pool({ uri });
    const statement = failure(db.query(endless));
    await world.server.busyThread();
    await world.lab.network.reset(id);
    const { code } = await statement as { code?: unknown };
    assert.equal(code, "ECONNRESET");
    for (const thread of await world.server.threads()) await world.server.query(`KILL ${thread}`);
    assert.equal(await one(db, "SELECT 7"), 7);
  },
);

kills.test("at a frozen server the pool gives up a connect at the connect timeout", {
  on: both,
}, async (world) => {
  await world.server.freeze();
  const db = world.pool({ connectTimeout: 400 });
  const attempt = causeOf(db);
  const waitedMs = await timed(attempt);
  assert.equal((await attempt).code, "ETIMEDOUT");
  assert.ok(waitedMs < promptMsMax, `it waited for ${waitedMs} ms`);
  await world.server.thaw();
  await until(() => threadOf(db), "the pool has recovered");
});

kills.test(
  "at a frozen server the pool refuses a waiter at its timeout",
  {},
  async (world) => {
    await world.server.freeze();
    const db = world.pool({ acquireTimeout: 300 });
    const attempt = threadOf(db);
    const waitedMs = await timed(attempt);
    await refused(attempt, "LEASE_TIMEOUT");
    assert.ok(waitedMs < promptMsMax, `it waited for ${waitedMs} ms`);
    assertFree(db);
    await world.server.thaw();
    assert.equal(await one(db, "SELECT 7"), 7);
  },
);

kills.test(
  "at a frozen server the pool does not lend an idle connection that does not answer",
  {},
  async (world) => {
    const db = world.pool({ validateAfter: 0, acquireTimeout: 8_000 });
    const thread = await threadOf(db);
    await world.server.freeze();
    const next = threadOf(db);
    await until(() => db.stats().checking === 1, "it is checked");
    await until(() => db.stats().checking === 0, "it is given up");
    await world.server.thaw();
    assert.notEqual(await next, thread);
  },
);

kills.test(
  "at a frozen server a drain ends by its deadline",
  {},
  async (world) => {
    const db = world.pool({ connectionLimit: 3 });
    const leases = await Promise.all([db.lease(), db.lease()]);
    leases[0].release();
    await world.server.freeze();
    const statement = failure(leases[1].query("SELECT 1"));
    const drainedMs = await timed(db.drain({ timeout: 300 }));
    assert.ok(drainedMs < promptMsMax, `it took ${drainedMs} ms`);
    await statement;
    assert.equal(db.stats().size, 0);
    await world.server.thaw();
  },
);
