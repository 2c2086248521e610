/** Units of work: one lease for each virtual connection, whatever code the unit calls. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEADLOCK, FakeServerError } from "./support/fake_connector.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

test("a unit returns what its code returns, and throws what it throws", async () => {
  const world = createWorld();
  assert.equal(await world.db.unit(() => 7), 7);
  const error = new Error("mine");
  await assert.rejects(
    world.db.unit(() => {
      throw error;
    }),
    error,
  );
  await endsEmpty(world);
});

test("parallel statements in one unit share one lease, and the wait for it", async () => {
  const world = createWorld();
  const threads = await world.db.unit(() => Promise.all([1, 2, 3].map(() => seen(world.db))));
  assert.deepEqual(threads.map(({ threadId }) => threadId), [1, 1, 1]);
  assert.equal(world.connector.sessions.length, 1);
  await endsEmpty(world);
});

test("different units never share a connection at a time", async () => {
  const world = createWorld({ connectionLimit: 3 });
  const inUse = new Set<number>();
  async function work(): Promise<void> {
    const { threadId } = await seen(world.db, "SET @a = 1");
    assert.ok(!inUse.has(threadId));
    inUse.add(threadId);
    await settled();
    assert.equal((await seen(world.db)).threadId, threadId);
    inUse.delete(threadId);
  }
  await Promise.all(Array.from({ length: 20 }, () => world.db.unit(work)));
  await settled();
  assert.ok(world.connector.peak <= 3);
  await endsEmpty(world);
});

test("between its statements a unit leaves the connection to others", async () => {
  const world = createWorld({ connectionLimit: 1 });
  await world.db.unit(async () => {
    await seen(world.db);
    assert.equal(world.db.stats().leased, 0);
    assert.equal(world.db.stats().idle, 1);
  });
  await endsEmpty(world);
});

test("a unit keeps a connection with session state; then the pool resets it", async () => {
  const world = createWorld();
  await world.db.unit(async () => {
    await seen(world.db, "SET @a = 1");
    assert.equal(world.db.stats().leased, 1);
    assert.equal((await seen(world.db)).threadId, 1);
  });
  await settled();
  assert.equal(world.connector.sessions[0]?.resets, 1);
  assert.equal(world.db.stats().idle, 1);
  await endsEmpty(world);
});

test('hold: "unit" keeps the connection to the end of the unit', async () => {
  const world = createWorld({ connections: { main: { hold: "unit" } } });
  await world.db.unit(async () => {
    await seen(world.db);
    assert.equal(world.db.stats().leased, 1);
  });
  assert.equal(world.db.stats().leased, 0);
  assert.equal(world.connector.sessions[0]?.resets, 0);
  await endsEmpty(world);
});

test("a statement that comes after its unit has ended is refused, and never run", async () => {
  const world = createWorld();
  let later: Promise<unknown> = Promise.resolve();
  const ended = Promise.withResolvers<void>();
  await world.db.unit(() => {
    later = ended.promise.then(() => seen(world.db, "SELECT late"));
    later.catch(() => undefined);
  });
  ended.resolve();
  await refused(later, "UNIT_ENDED");
  assert.deepEqual(world.connector.log, []);
  await endsEmpty(world);
});

test("a statement that still waits when its unit ends leaves the queue, refused", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const holder = seen(world.db, "HANG");
  await settled();
  let waiting: Promise<unknown> = Promise.resolve();
  await world.db.unit(() => {
    waiting = refused(seen(world.db, "SELECT late"), "UNIT_ENDED");
  });
  await waiting;
  assert.equal(world.db.stats().waiting, 0);
  world.connector.sessions[0]?.answer();
  await holder;
  assert.equal(world.connector.log.length, 1);
  await endsEmpty(world);
});

test("a statement that runs when its unit ends runs to its end", async () => {
  const world = createWorld();
  let running: Promise<unknown> = Promise.resolve();
  await world.db.unit(async () => {
    running = seen(world.db, "HANG");
    await settled();
  });
  assert.equal(world.db.stats().leased, 1);
  world.connector.sessions[0]?.answer();
  await running;
  assert.equal(world.db.stats().idle, 1);
  await endsEmpty(world);
});

test("of two statements that wait for their unit's lease, one may be aborted alone", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const holder = seen(world.db, "HANG");
  await settled();
  const abort = new AbortController();
  const waiters = world.db.unit(async () => {
    const gone = assert.rejects(seen(world.db, "SELECT a", { signal: abort.signal }));
    const stays = seen(world.db, "SELECT b");
    await settled();
    assert.equal(world.db.stats().waiting, 1);
    abort.abort();
    await gone;
    return await stays;
  });
  await settled();
  world.connector.sessions[0]?.answer();
  await holder;
  assert.equal((await waiters).sql, "SELECT b");
  await endsEmpty(world);
});

test("a unit's signal ends the unit's waits and statements, not those of others", async () => {
  const world = createWorld({ connectionLimit: 2 });
  const abort = new AbortController();
  const reason = new Error("client gone");
  const other = seen(world.db, "HANG");
  const unit = world.db.unit(async () => {
    await seen(world.db, "HANG");
  }, { signal: abort.signal });
  const failed = assert.rejects(unit, reason);
  await settled();
  abort.abort(reason);
  await failed;
  for (const session of world.connector.open) session.answer();
  await other;
  await endsEmpty(world);
});

test("a handler runs as a unit, with the signal of its request", async () => {
  const world = createWorld();
  const handle = world.db.handler(async (request: { signal: AbortSignal }, name: string) => {
    await seen(world.db, "SET @a = 1");
    assert.equal((await seen(world.db)).threadId, 1);
    return `${name} ${request.signal.aborted}`;
  });
  assert.equal(await handle({ signal: new AbortController().signal }, "it"), "it false");
  const reason = new Error("gone");
  await assert.rejects(handle({ signal: AbortSignal.abort(reason) }, "it"), reason);
  await endsEmpty(world);
});

test("bind gives a virtual connection another target, in this unit only", async () => {
  const world = createWorld({ connections: { shop: { database: "shop" }, log: {} } });
  const shop = world.db.connection("shop");
  const within = await world.db.unit(() => seen(shop), { bind: { shop: { database: "tenant" } } });
  assert.equal(within.database, "tenant");
  assert.equal((await seen(shop)).database, "shop");
  await endsEmpty(world);
});

test("thousands of bound targets leave no target behind", async () => {
  const world = createWorld({ connectionLimit: 2, idleTimeout: 100 });
  for (let i = 0; i < 2_000; i++) {
    const bind = { main: { database: `tenant${i}`, host: `host${i % 7}` } };
    assert.equal((await world.db.unit(() => seen(world.db), { bind })).database, `tenant${i}`);
  }
  assert.ok(world.db.stats().targets <= 2);
  await world.clock.pass(100);
  assert.equal(world.db.stats().targets, 0);
  await endsEmpty(world);
});

test("the pool repeats a unit with `retries` if the error makes that safe", async () => {
  const world = createWorld();
  let runs = 0;
  const unit = world.db.unit(async () => {
    runs++;
    if (runs < 3) await seen(world.db, `FAIL ${DEADLOCK}`);
    return runs;
  }, { retries: 2 });
  assert.equal(await unit, 3);
  await endsEmpty(world);
});

test("the pool repeats a unit at most `retries` times, and not after other errors", async () => {
  const world = createWorld();
  let runs = 0;
  const unit = world.db.unit(async () => {
    runs++;
    await seen(world.db, `FAIL ${DEADLOCK}`);
  }, { retries: 1 });
  await assert.rejects(unit, FakeServerError);
  assert.equal(runs, 2);
  const other = world.db.unit(() => seen(world.db, "FAIL 1064"), { retries: 9 });
  await assert.rejects(other, FakeServerError);
  await refused(world.db.unit(() => 1, { retries: -1 }), "OPTION_INVALID");
  await endsEmpty(world);
});

test("an abort of the unit's signal ends the pause before a repetition", async () => {
  const world = createWorld();
  const abort = new AbortController();
  const reason = new Error("client gone");
  const unit = world.db.unit(async () => {
    setImmediate(() => abort.abort(reason));
    await seen(world.db, `FAIL ${DEADLOCK}`);
  }, { retries: 1_000_000, signal: abort.signal });
  await assert.rejects(unit, reason);
  await endsEmpty(world);
});

test("the pool does not repeat a unit once it drains", async () => {
  const world = createWorld();
  let runs = 0;
  const unit = world.db.unit(async () => {
    if (++runs === 2) world.db.drain();
    await seen(world.db, `FAIL ${DEADLOCK}`);
  }, { retries: 1_000_000 });
  await assert.rejects(unit, FakeServerError);
  assert.equal(runs, 2);
  await endsEmpty(world);
});

test("a unit within a unit is a unit of its own", async () => {
  const world = createWorld();
  await world.db.unit(async () => {
    const outer = await seen(world.db, "SET @a = 1");
    const inner = await world.db.unit(() => seen(world.db, "SET @a = 2"));
    assert.notEqual(outer.threadId, inner.threadId);
    assert.equal((await seen(world.db)).threadId, outer.threadId);
  });
  await endsEmpty(world);
});

test("of two units that wait for each other, the pool refuses one at once", async () => {
  const world = createWorld({ connectionLimit: 2, connections: { a: {}, b: {} } });
  const a = world.db.connection("a");
  const b = world.db.connection("b");
  const both = Promise.withResolvers<void>();
  let begun = 0;
  async function crossed(one: typeof a, other: typeof a): Promise<string> {
    return await one.transaction(async () => {
      if (++begun === 2) both.resolve();
      await both.promise;
      return await seen(other).then(() => "served", (error) => error.code);
    });
  }
  const results = await Promise.all([
    world.db.unit(() => crossed(a, b)),
    world.db.unit(() => crossed(b, a)),
  ]);
  assert.deepEqual(results.sort(), ["LEASE_DEADLOCK", "served"]);
  await endsEmpty(world);
});

test("at the limit the pool refuses a unit inside another's transaction at once", async () => {
  const world = createWorld({ connectionLimit: 1 });
  await world.db.transaction(async () => {
    await refused(world.db.unit(() => seen(world.db)), "LEASE_DEADLOCK");
  });
  await endsEmpty(world);
});

test("the pool replaces a lost connection in a unit only if it had no session state", async () => {
  const world = createWorld({ connections: { main: { hold: "unit" } } });
  await world.db.unit(async () => {
    await seen(world.db);
    world.connector.sessions[0]?.kill();
    assert.equal((await seen(world.db, "SET @a = 1")).threadId, 2);
    world.connector.sessions[1]?.kill();
    await refused(seen(world.db), "CONNECTION_LOST");
    await refused(seen(world.db), "CONNECTION_LOST");
  });
  assert.equal((await seen(world.db)).threadId, 3);
  await endsEmpty(world);
});
