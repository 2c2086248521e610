/**
 * What runs pools is loaded with the first use of one, and nobody notices.
 *
 * A process loads it once. So all pools here are asked, one after another, before it is there.
 */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { createSubletPool } from "../../src/shell/compose.ts";
import { SubletError } from "../../src/shell/errors.ts";
import type { PoolOptions } from "../../src/shell/options.ts";
import { type FakeDriver, FakePort, type FakeTarget } from "./support/fake_port.ts";
import { foundationOf } from "./support/foundation.ts";
import { ManualClock, settled } from "./support/manual_clock.ts";

function define(options: PoolOptions<"main", Partial<FakeTarget>> = {}) {
  const port = new FakePort();
  const pool = createSubletPool<"main", FakeTarget, FakeDriver, Partial<FakeTarget>>(
    { shared: false, ...options },
    foundationOf(port, new ManualClock()),
  );
  return { pool, port };
}

const unused = define({ connectionLimit: 7 });
const unusedCensus = unused.pool.census();

const storage = new AsyncLocalStorage<string>();
const ordered = storage.run("module", () => define({ connectionLimit: 1 }));
ordered.port.storage = storage;
const units: unknown[] = [];
const inOrder = storage.run("request", askInOrder);

function askInOrder(): Promise<unknown> {
  const { pool } = ordered;
  return Promise.all([
    pool.query("query"),
    pool.unit(async () => {
      units.push(storage.getStore());
      await pool.query("unit");
    }),
    pool.lease().then((lease) => lease.query("lease").finally(() => lease.release())),
    pool.transaction(() => pool.execute("transaction")),
    pool.method<object>("method")({}),
  ]);
}

const raced = define({ connectionLimit: 1 });
const early = Array.from({ length: 20 }, (_, i) => `early ${i}`);
const race = Promise.all([
  ...early.map((text) => raced.pool.query(text)),
  // Who comes at any moment while the others are about to be served.
  ...Array.from({ length: 20 }, async (_, ticks) => {
    await import("../../src/shell/engine.ts");
    for (let tick = 0; tick < ticks; tick++) await undefined;
    await raced.pool.query("late");
  }),
]);

const paused = define();
paused.pool.pause();
const pausedPhase = paused.pool.census().phase;
const afterPause = paused.pool.query("after");

const perUnit = define({ lifespan: "unit" });
perUnit.pool.pause();
const perUnitPhase = perUnit.pool.census().phase;
const perUnitQuery = perUnit.pool.query("SELECT");

const resumed = define();
resumed.pool.pause();
resumed.pool.resume();
const resumedPhase = resumed.pool.census().phase;
const afterResume = resumed.pool.query("after");

const ended = define();
const beforeEnd = ended.pool.query("before");
const end = ended.pool.drain();
ended.pool.resume();
const endingPhase = ended.pool.census().phase;
const afterEnd = ended.pool.query("after").catch((error: unknown) => error);

// Two handles of one pool, of which the second is replaced by a definition of the same name.
const twin = define({ shared: true, name: "twin" });
const twinPort = twin.port;
const other = define({ shared: true, name: "twin" }).pool;
const ofTwins = Promise.all([twin.pool.query("one"), other.query("other")]);
const endOfTwin = twin.pool.drain();
const afterEndOfTwin = twin.pool.query("after").catch((error: unknown) => error);
const beforeReplaced = other.query("before");
const successor = define({ shared: true, name: "twin", connectionLimit: 3 }).pool;
const replacedPhase = other.census().phase;
const afterReplaced = other.query("after").catch((error: unknown) => error);

const aborting = new AbortController();
const aborted = define();
const beforeAbort = aborted.pool.query("SELECT", [], { signal: aborting.signal })
  .catch((error: unknown) => error);
aborting.abort(new Error("nobody waits any more"));

const failing = define();
failing.port.connectFailures.push(new Error("refused"));
async function handlerOfTheUser(): Promise<unknown> {
  return await failing.pool.query("SELECT");
}
const failure = handlerOfTheUser().catch((error: unknown) => error);

test("a pool that nobody has used yet says so, and opens nothing", async () => {
  const { phase, size, connectionLimit, ceiling } = unusedCensus;
  assert.deepEqual(
    { phase, size, connectionLimit, ceiling },
    { phase: "open", size: 0, connectionLimit: 7, ceiling: 7 },
  );
  assert.deepEqual(unused.pool.connection("main").target, { host: "a", database: "shop" });
  await inOrder;
  assert.deepEqual(unused.pool.census(), unusedCensus);
  await unused.pool.drain();
  assert.equal(unused.port.sessions.length, 0);
});

test("code runs in its own async context, sockets are opened in that of the pool", async () => {
  await inOrder;
  assert.deepEqual(units, ["request"]);
  assert.deepEqual(ordered.port.contexts, ["module"]);
});

test("what is asked for before comes in the order in which it comes later", async () => {
  await inOrder;
  const before = ordered.port.log.splice(0);
  await askInOrder();
  assert.deepEqual(before, ordered.port.log);
  assert.deepEqual(before.slice(0, 3), ["1: query", "1: unit", "1: lease"]);
  await ordered.pool.drain();
});

test("nobody who comes while it is loaded is served before who has waited for that", async () => {
  await race;
  assert.deepEqual(raced.port.log.slice(0, 20), early.map((text) => `1: ${text}`));
  await raced.pool.drain();
});

test("a pause holds back what comes after it, and shows in the census at once", async () => {
  assert.equal(pausedPhase, "paused");
  await inOrder;
  await settled();
  const { phase, waiting } = paused.pool.census();
  assert.deepEqual({ phase, waiting }, { phase: "paused", waiting: 1 });
  paused.pool.resume();
  await afterPause;
  await paused.pool.drain();
});

test("a pause holds back nobody whose connections are his own, before and after", async () => {
  await perUnitQuery;
  assert.deepEqual([perUnitPhase, perUnit.pool.census().phase], ["open", "open"]);
  await perUnit.pool.drain();
});

test("a pause that was taken back holds nobody back", async () => {
  assert.equal(resumedPhase, "open");
  await afterResume;
  await resumed.pool.drain();
});

test("a drain serves who came before it, and refuses who comes after it", async () => {
  assert.equal(endingPhase, "serving");
  const error = await afterEnd;
  assert.ok(error instanceof SubletError && error.code === "POOL_DRAINING", String(error));
  await beforeEnd;
  await end;
  const { phase, size } = ended.pool.census();
  assert.deepEqual({ phase, size }, { phase: "closed", size: 0 });
});

test("handles are served what came before their end, and refused what comes after it", async () => {
  await Promise.all([ofTwins, endOfTwin, beforeReplaced]);
  assert.equal(replacedPhase, "serving");
  for (const error of [await afterEndOfTwin, await afterReplaced]) {
    assert.ok(error instanceof SubletError && error.code === "POOL_DRAINING", String(error));
  }
  assert.deepEqual(twinPort.log.map((line) => line.slice(3)), ["one", "other", "before"]);
  await Promise.all([other.drain(), successor.drain()]);
  assert.deepEqual([twin.pool, other].map((pool) => pool.census().phase), ["closed", "closed"]);
});

test("an abort is heard by who was to come first", async () => {
  assert.equal(await beforeAbort, aborting.signal.reason);
  assert.equal(aborted.port.sessions.length, 0);
  await aborted.pool.drain();
});

test("an error names the line of the user that led to it", async () => {
  const error = await failure;
  assert.ok(error instanceof SubletError && error.code === "CONNECT_FAILED", String(error));
  assert.match(error.stack ?? "", /handlerOfTheUser/);
  await failing.pool.drain();
});
