/** Whatever is ended early, by a signal or by its time, at whatever stage, leaves nothing behind. */

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

/** Tests of what is ended early. */
export const aborts: Suite = new Suite();

const reason = new Error("The client has gone");

/**
 * Runs for longer than it is let. No server notices in its sleep that the client has gone, and
 * as long as it works, its connection counts; so its end is not far.
 */
const long = "SELECT SLEEP(0.6)";
/** How long a pool waits for a connect that nobody wants any more, in ms, when it is drained. */
const drainMs = 50;
/** How long who comes next may have to wait for that end, in ms. */
const nextMsMax = 4_000;

/** Aborts a statement of a pool when something is so, and expects it to be told why. */
async function abortWhen(
  db: Pool,
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

const isConnecting = (db: Pool): Promise<unknown> =>
  until(() => db.stats().connecting === 1, "it connects");

aborts.test("a statement that was aborted before does not begin", {}, async (world) => {
  const db = world.pool();
  const attempts = await world.server.status("Connections");
  const signal = AbortSignal.abort(reason);
  assert.equal(await failure(db.query("SELECT 1", [], { signal })), reason);
  assert.equal(db.stats().size, 0);
  assert.equal(await world.server.status("Connections"), attempts);
});

aborts.test("aborted at once, while the host is looked up", { on: both }, async (world) => {
  const db = world.pool({ host: "localhost" });
  await abortWhen(db, () => isConnecting(db));
  await db.drain({ timeout: drainMs });
  await world.server.count(0);
});

aborts.test("aborted while the host does not answer", { on: none }, async (world) => {
  const { network } = world.lab;
  const port = await network.fullPort();
  const db = world.pool({ uri: uriAt(port) });
  await abortWhen(db, () => network.awaitClientsAt(port, 1));
  await db.drain({ timeout: drainMs });
  await leftAlone(world, port, "connect");
});

/** Where a server falls silent in a login, and what it has been told until then. */
const silences = [
  { stage: "the greeting is waited for", chunksMax: 0, ssl: false, bytes: 0 },
  { stage: "the answer to the login is waited for", chunksMax: 1, ssl: false, bytes: 50 },
  { stage: "the answer to the upgrade is waited for", chunksMax: 1, ssl: true, bytes: 100 },
];

for (const { stage, chunksMax, ssl, bytes } of silences) {
  aborts.test(`aborted while ${stage}`, { on: both }, async (world) => {
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

aborts.test("aborted while a password is waited for", {}, async (world) => {
  const db = world.pool({ password: () => new Promise<string>(() => undefined) });
  await abortWhen(db, () => isConnecting(db));
  await db.drain({ timeout: drainMs });
  await world.server.count(0);
});

aborts.test("aborted while it waits in line", {}, async (world) => {
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

/** Expects that a pool whose limit is 1 serves the next one when the server has ended the last. */
async function servesNext(world: World, db: Pool): Promise<void> {
  const next = threadOf(db);
  assert.ok(await timed(next) < nextMsMax);
  await world.server.awaitOnly(await next);
}

for (const how of ["query", "execute"] as const) {
  aborts.test(`aborted while the server runs it, by ${how}`, { on: both }, async (world) => {
    const db = world.pool({ connectionLimit: 1 });
    const abort = new AbortController();
    const attempt = failure(db[how](long, [], { signal: abort.signal }));
    await world.server.busyThread();
    abort.abort(reason);
    assert.equal(await attempt, reason);
    await servesNext(world, db);
  });
}

aborts.test("aborted while the server runs it, over TLS", { on: both }, async (world) => {
  const ssl = world.runtime === "workerd" ? {} : { ca: world.server.info.ca };
  const db = world.pool({ ssl, connectionLimit: 1 });
  await abortWhen(db, () => world.server.busyThread(), long);
  await servesNext(world, db);
});

aborts.test("aborted while its result is being read", { on: both }, async (world) => {
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

aborts.test("aborted while its parameter of 10 MB is being sent", { on: both }, async (world) => {
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
  "a connection of an aborted statement counts until the server has ended it",
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
  aborts.test(`an aborted ${how} ends at the server, and its connection serves the next`, {
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
  "statements that are aborted with others behind say that no more will come, and hear the rest",
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

aborts.test("a statement that takes too long ends at its time", { on: both }, async (world) => {
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
  "of many that wait, those that are aborted go, and the others keep their order",
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

aborts.test("whenever units are aborted, nothing is left of them", { on: both }, async (world) => {
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
