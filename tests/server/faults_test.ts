/** On a real server that goes away and comes back, or refuses connections. */

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { type Pool, SubletError } from "../../mod.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import {
  assertFree,
  busyThreads,
  connected,
  endless,
  failure,
  isLoss,
  poolAt,
  prepareServer,
  refused,
  threadOf,
  timed,
  valuesIn,
} from "./support/fixture.ts";

let server: Server;

before(async () => {
  server = await prepareServer(["CREATE TABLE t (v INT) ENGINE = InnoDB"]);
});

afterEach(async () => {
  if (server.pid === undefined) await server.restart();
  await connected(server, 0);
  await server.query("TRUNCATE test.t");
});

after(async () => await server?.remove());

/** The requests of a pool whose connections are all in use. */
interface Crowd {
  /** The errors of the requests that hold a lease. */
  readonly holders: readonly Promise<unknown>[];
  /** The outcomes of the requests that wait. */
  readonly line: Promise<PromiseSettledResult<unknown>[]>;
}

/** Uses both connections of a pool, and queues requests behind them. */
async function crowd(db: Pool<"main">): Promise<Crowd> {
  const requests = [
    db.query(endless),
    db.transaction(async () => {
      await db.query("INSERT INTO t VALUES (1)");
      await db.query(endless);
    }),
  ];
  const holders = requests.map((request) => failure(request));
  await until(async () => (await busyThreads(server)).length === 2, "the server is at both");
  const line = Promise.allSettled(Array.from({ length: 20 }, () => threadOf(db)));
  return { holders, line };
}

for (const [name, end] of [["SIGTERM", "stop"], ["SIGKILL", "kill"]] as const) {
  test(`a server restart by ${name} settles all requests, and the same pool goes on`, async () => {
    await using db = poolAt(server, { connectionLimit: 2 });
    const { holders, line } = await crowd(db);
    await server[end]();
    for (const holder of holders) assert.ok(isLoss(await holder), String(await holder));
    for (const outcome of await line) {
      if (outcome.status === "fulfilled") continue;
      const { reason } = outcome;
      assert.ok(isLoss(reason) || reason.code === "CONNECT_FAILED", String(reason));
    }
    assertFree(db);
    await server.restart();
    const recoveredMs = await timed(until(() => threadOf(db), "the pool has recovered"));
    assert.ok(recoveredMs < 3_000, `it took ${recoveredMs} ms`);
    await Promise.all(Array.from({ length: 20 }, () => threadOf(db)));
    assert.deepEqual(await valuesIn(server, "t"), []);
  });
}

test("a request fails in milliseconds while the server is down, with its cause", async () => {
  await using db = poolAt(server);
  await threadOf(db);
  await server.kill();
  await failure(threadOf(db));
  for (let i = 0; i < 50; i++) {
    const attempt = threadOf(db);
    const refusedMs = await timed(attempt);
    const error = await refused(attempt, "CONNECT_FAILED");
    assert.equal((error.cause as { code?: unknown }).code, "ECONNREFUSED");
    assert.match(error.message, /ECONNREFUSED/);
    assert.ok(refusedMs < 100, `it took ${refusedMs} ms`);
  }
  const outcomes = await Promise.allSettled(Array.from({ length: 200 }, () => threadOf(db)));
  for (const outcome of outcomes) {
    assert.ok(outcome.status === "rejected" && outcome.reason instanceof SubletError);
  }
  assertFree(db);
  await server.restart();
  await until(() => threadOf(db), "the pool has recovered");
});

test("a unit with retries survives a short outage of the server", async () => {
  await using db = poolAt(server, { connectionLimit: 2 });
  const isBusy = Promise.withResolvers<void>();
  let runs = 0;
  const unit = db.unit(async () => {
    runs++;
    await db.query("INSERT INTO t VALUES (1)");
    isBusy.resolve();
    await db.query("SELECT SLEEP(?)", [runs === 1 ? 10 : 0]);
  }, { transaction: "main", retries: 50 });
  await isBusy.promise;
  await server.kill();
  await server.restart();
  await unit;
  assert.deepEqual(await valuesIn(server, "t"), [1]);
});

test("a wrong password refuses all waiters, with the server's error as cause", async () => {
  await using db = poolAt(server, { password: "wrong", connectionLimit: 2 });
  const attempts = Array.from({ length: 5 }, () => threadOf(db));
  for (const attempt of attempts) {
    const { cause, stage } = await refused(attempt, "CONNECT_FAILED");
    assert.equal((cause as { errno?: unknown }).errno, 1045);
    assert.equal(stage, "connect");
  }
  assertFree(db);
});

test("a missing database refuses the request, with the server's error as cause", async () => {
  await using db = poolAt(server, { user: "root", password: "", database: "nowhere" });
  const { cause } = await refused(threadOf(db), "CONNECT_FAILED");
  assert.equal((cause as { errno?: unknown }).errno, 1049);
});

test("a virtual connection that cannot connect does not delay another", async () => {
  await using db = poolAt(server, {
    connectionLimit: 1,
    connections: { good: {}, bad: { password: "wrong" } },
  });
  for (let i = 0; i < 5; i++) {
    const [good, bad] = [threadOf(db.connection("good")), threadOf(db.connection("bad"))];
    await refused(bad, "CONNECT_FAILED");
    assert.equal(typeof await good, "number");
  }
});
