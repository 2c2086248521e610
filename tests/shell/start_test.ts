/** A pool before its first use, and at its first use. */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { createSubletPool } from "../../src/shell/compose.ts";
import { SubletError } from "../../src/shell/errors.ts";
import type { PoolOptions } from "../../src/shell/options.ts";
import { FakeConnector, type FakeDriver, type FakeTarget } from "./support/fake_connector.ts";
import { backendOf } from "./support/backend.ts";
import { ManualClock, settled } from "./support/manual_clock.ts";

function define(options: PoolOptions<"main", Partial<FakeTarget>> = {}) {
  const connector = new FakeConnector();
  const pool = createSubletPool<"main", FakeTarget, FakeDriver, Partial<FakeTarget>>(
    { shared: false, ...options },
    backendOf(connector, new ManualClock()),
  );
  return { pool, connector };
}

/** Expects that a draining pool refuses the work. */
async function assertRefused(work: Promise<unknown>): Promise<void> {
  const error = await work.catch((reason: unknown) => reason);
  assert.ok(error instanceof SubletError && error.code === "POOL_DRAINING", String(error));
}

test("an unused pool reports no connection in stats(), and opens none", async () => {
  const { pool, connector } = define({ connectionLimit: 7, minimumIdle: 2 });
  const { phase, size, connectionLimit, ceiling } = pool.stats();
  assert.deepEqual(
    { phase, size, connectionLimit, ceiling },
    { phase: "open", size: 0, connectionLimit: 7, ceiling: 7 },
  );
  assert.deepEqual(pool.connection("main").target, { host: "a", database: "shop" });
  await settled();
  assert.equal(connector.sessions.length, 0);
  await pool.drain();
  assert.equal(connector.sessions.length, 0);
  assert.equal(pool.stats().phase, "closed");
});

test("code runs in its own async context, and the pool opens sockets in the pool's", async () => {
  const storage = new AsyncLocalStorage<string>();
  const { pool, connector } = storage.run("module", () => define());
  connector.storage = storage;
  const units: unknown[] = [];
  await storage.run("request", () =>
    pool.unit(async () => {
      units.push(storage.getStore());
      await pool.query("SELECT");
    }));
  assert.deepEqual(units, ["request"]);
  assert.deepEqual(connector.contexts, ["module"]);
  await pool.drain();
});

test("the pool serves the first requests in the order in which they come", async () => {
  const { pool, connector } = define({ connectionLimit: 1 });
  await Promise.all([
    pool.query("query"),
    pool.unit(() => pool.query("unit")),
    pool.lease().then((lease) => lease.query("lease").finally(() => lease.release())),
    pool.query("last"),
  ]);
  assert.deepEqual(connector.log, ["1: query", "1: unit", "1: lease", "1: last"]);
  await pool.drain();
});

test("a pause before the first use holds back later requests until resume()", async () => {
  const { pool, connector } = define();
  pool.pause();
  assert.equal(pool.stats().phase, "paused");
  const query = pool.query("after");
  await settled();
  const { phase, waiting } = pool.stats();
  assert.deepEqual({ phase, waiting }, { phase: "paused", waiting: 1 });
  assert.deepEqual(connector.log, []);
  pool.resume();
  assert.equal(pool.stats().phase, "open");
  await query;
  await pool.drain();
});

test('with lifespan: "unit" a pause holds back no request', async () => {
  const { pool } = define({ lifespan: "unit" });
  pool.pause();
  assert.equal(pool.stats().phase, "open");
  await pool.query("SELECT");
  assert.equal(pool.stats().phase, "open");
  await pool.drain();
});

test("a drain serves a first request made before it, and refuses later requests", async () => {
  const { pool } = define();
  const before = pool.query("before");
  const end = pool.drain();
  pool.resume();
  assert.equal(pool.stats().phase, "serving");
  await assertRefused(pool.query("after"));
  await before;
  await end;
  const { phase, size } = pool.stats();
  assert.deepEqual({ phase, size }, { phase: "closed", size: 0 });
});

test("the pool serves requests made before a handle's end, and refuses later ones", async () => {
  const one = define({ shared: true, name: "twin" });
  const other = define({ shared: true, name: "twin" }).pool;
  const before = [one.pool.query("one"), other.query("other")];
  const end = one.pool.drain();
  await assertRefused(one.pool.query("after"));
  before.push(other.query("before"));
  // A different definition of the same name replaces the pool of both handles.
  const successor = define({ shared: true, name: "twin", connectionLimit: 3 }).pool;
  assert.equal(other.stats().phase, "serving");
  await assertRefused(other.query("after"));
  await Promise.all([...before, end]);
  assert.deepEqual(one.connector.log.map((line) => line.slice(3)), ["one", "other", "before"]);
  await Promise.all([other.drain(), successor.drain()]);
  assert.deepEqual([one.pool, other].map((pool) => pool.stats().phase), ["closed", "closed"]);
});

test("a first request that is aborted at once sends nothing", async () => {
  const { pool, connector } = define();
  const aborting = new AbortController();
  const query = pool.query("SELECT", [], { signal: aborting.signal });
  aborting.abort(new Error("nobody waits any more"));
  await assert.rejects(query, aborting.signal.reason);
  await pool.drain();
  assert.deepEqual(connector.log, []);
});

test("the error of a first request has the caller in its stack", async () => {
  const { pool, connector } = define();
  connector.connectFailures.push(new Error("refused"));
  async function handlerOfTheUser(): Promise<unknown> {
    return await pool.query("SELECT");
  }
  const error = await handlerOfTheUser().catch((reason: unknown) => reason);
  assert.ok(error instanceof SubletError && error.code === "CONNECT_FAILED", String(error));
  assert.match(error.stack ?? "", /handlerOfTheUser/);
  await pool.drain();
});
