/** What a signal or a timeout ends early, at any stage, leaves nothing behind. */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "../../../mod.ts";
import {
  assertFree,
  endless,
  failure,
  one,
  refused,
  threadOf,
  timed,
} from "../../support/asking.ts";
import { until } from "../../support/wait.ts";
import { leftAlone, uriAt } from "../suite/failing.ts";
import { both, none, Suite } from "../suite/suite.ts";
import type { World } from "../suite/world.ts";

/** Tests of aborts and timeouts. */
export const aborts: Suite = new Suite();

const reason = new Error("The client has gone");

/**
 * Runs for longer than the test lets it. A server does not notice during SLEEP that the client
 * has gone, and its connection counts until the statement ends; so the statement is short.
 */
const long = "SELECT SLEEP(0.6)";
/** How long a drain waits for a connect that no request needs any more, in ms. */
const drainMs = 50;
/** How long the next request may have to wait for the end of the statement, in ms. */
const nextMsMax = 4_000;

/** Aborts a statement when a condition holds, and expects the statement to get the reason. */
async function abortWhen(
  db: Pool<"main">,
  condition: (attempt: Promise<unknown>) => Promise<unknown>,
  sql = "SELECT 1",
): Promise<void> {
  const abort = new AbortController();
  const attempt = failure(db.query(sql, [], { signal: abort.signal }));
  await condition(attempt);
  abort.abort(reason);
  assert.equal(await attempt, reason);
  assertFree(db);
}

const isConnecting = (db: Pool<"main">): Promise<unknown> =>
  until(() => db.stats().connecting === 1, "it connects");

aborts.test("a statement whose signal is already aborted does not begin", {}, async (world) => {
  const db = world.pool();
  const attempts = await world.server.status("Connections");
  const signal = AbortSignal.abort(reason);
  assert.equal(await failure(db.query("SELECT 1", [], { signal })), reason);
  assert.equal(db.stats().size, 0);
  assert.equal(await world.server.status("Connections"), attempts);
});

aborts.test("an abort takes effect while the host is looked up", { on: both }, async (world) => {
  const db = world.pool({ host: "localhost" });
  await abortWhen(db, () => isConnecting(db));
  await db.drain({ timeout: drainMs });
  await world.server.count(0);
});

aborts.test("an abort takes effect while the host does not answer", { on: none }, async (world) => {
  const { network } = world.lab;
  const port = await network.fullPort();
  const db = world.pool({ uri: uriAt(port) });
  await abortWhen(db, () => network.awaitClientsAt(port, 1));
  await db.drain({ timeout: drainMs });
  await leftAlone(world, port, "connect");
});

/** Where a server falls silent in a login, and how many bytes it has got until then. */
const silences = [
  { stage: "the greeting is waited for", chunksMax: 0, ssl: false, bytes: 0 },
  { stage: "the answer to the login is waited for", chunksMax: 1, ssl: false, bytes: 50 },
  { stage: "the answer to the upgrade is waited for", chunksMax: 1, ssl: true, bytes: 100 },
];

for (const { stage, chunksMax, ssl, bytes } of silences) {
  aborts.test(`an abort takes effect while ${stage}`, { on: both }, async (world) => {
    const { network } = world.lab;
    const { id, uri, port } = await world.proxy({ chunksMax });
    const trust = world.runtime === "workerd" ? {} : { ca: world.server.info.ca };
    const db = world.pool({ uri, ...(ssl ? { ssl: trust } : {}) });
    await abortWhen(db, async () => {
      await network.awaitClientsAt(port, 1);
      await network.awaitBytes(id, "toServer", bytes);
    });
    await db.drain({ timeout: drainMs });
    await leftAlone(world, port, ssl ? "handshake" : "session");
  });
}

aborts.test("an abort takes effect while the pool waits for a password", {}, async (world) => {
  const db = world.pool({ password: () => new Promise<string>(() => undefined) });
  await abortWhen(db, () => isConnecting(db));
  await db.drain({ timeout: drainMs });
  await world.server.count(0);
});

aborts.test("an abort takes effect while the statement waits in the queue", {}, async (world) => {
  const db = world.pool({ connectionLimit: 1 });
  const lease = await db.lease();
  const abort = new AbortController();
  const attempt = failure(db.query("SELECT 1", [], { signal: abort.signal }));
  await until(() => db.stats().waiting === 1, "it waits");
  abort.abort(reason);
  assert.equal(await attempt, reason);
  assert.equal(db.stats().waiting, 0);
  lease.release();
  assert.equal(await one(db, "SELECT 7"), 7);
});

/** Expects that a pool with limit 1 serves the next request once the server has ended the last. */
async function servesNext(world: World, db: Pool<"main">): Promise<void> {
  const next = threadOf(db);
  assert.ok(await timed(next) < nextMsMax);
  await world.server.awaitOnly(await next);
}

for (const how of ["query", "execute"] as const) {
  aborts.test(`an abort takes effect during ${how} at the server`, { on: both }, async (world) => {
    const db = world.pool({ connectionLimit: 1 });
    const abort = new AbortController();
    const attempt = failure(db[how](long, [], { signal: abort.signal }));
    await world.server.busyThread();
    abort.abort(reason);
    assert.equal(await attempt, reason);
    await servesNext(world, db);
  });
}

aborts.test("an abort takes effect during a statement over TLS", { on: both }, async (world) => {
  const ssl = world.runtime === "workerd" ? {} : { ca: world.server.info.ca };
  const db = world.pool({ ssl, connectionLimit: 1 });
  await abortWhen(db, () => world.server.busyThread(), long);
  await servesNext(world, db);
});

aborts.test("an abort takes effect while a result is read", { on: both }, async (world) => {
  const { id, uri } = await world.proxy();
  const db = world.pool({ uri, connectionLimit: 1 });
  await threadOf(db);
  const { toClient } = await world.lab.network.traffic(id);
  await world.lab.network.hold(id, "toClient");
  const result = "SELECT REPEAT('x', 5000000)";
  await abortWhen(
    db,
    () => world.lab.network.awaitBytes(id, "toClient", toClient + 10_000),
    result,
  );
  await world.lab.network.release(id, "toClient");
  await servesNext(world, db);
});

aborts.test("an abort takes effect while 10 MB are being sent", { on: both }, async (world) => {
  const { id, uri } = await world.proxy();
  const db = world.pool({ uri, connectionLimit: 1 });
  await threadOf(db);
  const { toServer } = await world.lab.network.traffic(id);
  await world.lab.network.hold(id, "toServer");
  const abort = new AbortController();
  const sql = "SELECT LENGTH(?)";
  const attempt = failure(db.query(sql, [Buffer.alloc(10_000_000)], { signal: abort.signal }));
  await world.lab.network.awaitBytes(id, "toServer", toServer + 1);
  abort.abort(reason);
  assert.equal(await attempt, reason);
  await world.lab.network.release(id, "toServer");
  await servesNext(world, db);
});

aborts.test(
  "the connection of an aborted statement counts until the server has ended it",
  {},
  async (world) => {
    const db = world.pool({ connectionLimit: 1 });
    await abortWhen(db, () => world.server.busyThread(), long);
    assert.equal(db.stats().size, 1);
    const next = await threadOf(db);
    assert.deepEqual(await world.server.busyThreads(), []);
    await world.server.awaitOnly(next);
  },
);

for (const how of ["query", "execute"] as const) {
  aborts.test(`an aborted ${how} ends at the server, and its connection serves the next request`, {
    on: both,
    gaps: { workerd: "in Workers no request can wait for what another one does" },
  }, async (world) => {
    const db = world.pool({ connectionLimit: 1 });
    const thread = await threadOf(db);
    const abort = new AbortController();
    const attempt = failure(db[how](endless, [], { signal: abort.signal }));
    await world.server.busyThread();
    abort.abort(reason);
    assert.equal(await attempt, reason);
    assert.equal(await threadOf(db), thread);
  });
}

aborts.test(
  "an abort of statements with others behind them half-closes the connection and awaits its end",
  {},
  async (world) => {
    const { port, uri } = await world.proxy();
    const db = world.pool({ uri, connectionLimit: 1 });
    const abort = new AbortController();
    const { signal } = abort;
    const attempts = db.unit(() =>
      Promise.all([long, "SELECT 1"].map((sql) => failure(db.query(sql, [], { signal }))))
    );
    await world.server.busyThread();
    abort.abort(reason);
    assert.deepEqual(await attempts, [reason, reason]);
    const { network } = world.lab;
    await until(
      async () => (await network.clientsAt(port))[0]?.state === "half-closed",
      "it is half-closed",
    );
    await network.awaitClientsAt(port, 0);
    assert.equal(await one(db, "SELECT 7"), 7);
  },
);

aborts.test("a statement that takes too long ends at its timeout", { on: both }, async (world) => {
  const db = world.pool({ connectionLimit: 1 });
  await threadOf(db);
  const running = db.query("SELECT SLEEP(1.5)", [], { timeout: 150 });
  const ranMs = await timed(running);
  await refused(running, "STATEMENT_TIMEOUT");
  assert.ok(ranMs > 130 && ranMs < 1_400, `it ran for ${ranMs} ms`);
  assertFree(db);
  await servesNext(world, db);
});

aborts.test("an abort after the answer has come changes nothing", {}, async (world) => {
  const db = world.pool();
  const abort = new AbortController();
  const thread = await threadOf(db);
  await db.query("SELECT 1", [], { signal: abort.signal, timeout: 5_000 });
  abort.abort(reason);
  assert.equal(await threadOf(db), thread);
});

aborts.test(
  "aborted waiters leave the queue, and the others keep their order",
  {},
  async (world) => {
    const db = world.pool({ connectionLimit: 1 });
    const lease = await db.lease();
    const abort = new AbortController();
    const served: number[] = [];
    const waiters = Array.from(
      { length: 30 },
      (_, i) =>
        db.query("SELECT 1", [], i % 3 === 0 ? { signal: abort.signal } : {})
          .then(() => served.push(i), (error) => assert.equal(error, reason)),
    );
    abort.abort(reason);
    assert.equal(db.stats().waiting, 20);
    lease.release();
    await Promise.all(waiters);
    assert.deepEqual(
      served,
      Array.from({ length: 30 }, (_, i) => i).filter((i) => i % 3 !== 0),
    );
  },
);

aborts.test("a unit leaves nothing behind, whenever it is aborted", { on: both }, async (world) => {
  const db = world.pool({ connectionLimit: 3 });
  for (let ms = 0; ms < 40; ms += 5) {
    const attempts = Array.from({ length: 6 }, (_, i) => {
      const abort = new AbortController();
      const end = sleep(ms + i).then(() => abort.abort(reason));
      const unit = db.unit(() => db.transaction(() => db.query("SELECT SLEEP(0.01)")), {
        signal: abort.signal,
      });
      return Promise.allSettled([unit, end]);
    });
    await Promise.all(attempts);
    assertFree(db);
  }
  assert.equal(await one(db, "SELECT 7"), 7);
});
