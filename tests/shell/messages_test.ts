/** What errors of the pool say: the place, the holders of what is in the way, and what to do. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { SubletError } from "../../src/shell/errors.ts";
import { FakeServerError } from "./support/fake_server.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

test("a failed connect says where and as whom, with the code of its cause, in few lines", async () => {
  const world = createWorld({ connections: { shop: {} } });
  const cause = Object.assign(new FakeServerError(1045, "Access denied"), { code: "ER_DENIED" });
  world.connector.connectFailures.push(cause);
  const error = await refused(seen(world.db.connection("shop")), "CONNECT_FAILED");
  const message = 'Cannot connect to a as "app", for "shop": Access denied (pool: 0 of 10 in use)';
  assert.equal(error.message, message);
  assert.equal(error.causeCode, "ER_DENIED");
  assert.equal(error.cause, cause);
  assert.equal(error.stats?.connectionLimit, 10);
  assert.equal(error.stage, "connect");
  assert.deepEqual(Object.keys(error).sort(), ["causeCode", "code", "name"]);
  const lines = inspect(error).split("\n").filter((line) => !/^\s+at /.test(line));
  assert.ok(lines.length <= 6, inspect(error));
  await endsEmpty(world);
});

test("an error without a cause that has a code has no causeCode", () => {
  assert.ok(!("causeCode" in new SubletError("QUEUE_FULL", "lease", "full")));
  const error = new SubletError("QUEUE_FULL", "lease", "full", { cause: new Error("why") });
  assert.ok(!("causeCode" in error));
  assert.equal(error.message, "full: why");
});

test("LEASE_TIMEOUT names the oldest holders, and the option that shows where they are", async () => {
  const world = createWorld({ connections: { shop: { limit: 2 } }, acquireTimeout: 100 });
  const { db, clock } = world;
  const shop = db.connection("shop");
  const first = await shop.lease();
  await clock.pass(40);
  const second = await shop.lease();
  const late = refused(seen(shop), "LEASE_TIMEOUT");
  await clock.pass(100);
  const { message } = await late;
  assert.match(message, /for "shop" within 100 ms \(pool: 2 of 10 in use, 1 waiting; /);
  assert.match(message, /held by "shop" for 140 ms, "shop" for 100 ms; set leakDetectionTimeout/);
  first.release();
  second.release();
  await endsEmpty(world);
});

test("with leak detection, LEASE_TIMEOUT shows the line that took the lease", async () => {
  const world = createWorld({
    ...{ connectionLimit: 1, acquireTimeout: 100, leakDetectionTimeout: 1_000 },
  });
  const { db, clock } = world;
  const lease = await db.lease();
  const late = refused(seen(db), "LEASE_TIMEOUT");
  await clock.pass(100);
  const { message } = await late;
  assert.match(message, /held by "main" for 100 ms, taken at .*messages_test\.ts:\d+/);
  assert.doesNotMatch(message, /set leakDetectionTimeout/);
  lease.release();
  await endsEmpty(world);
});

test("LEASE_TIMEOUT says how long a connect has been under way, and to where", async () => {
  const world = createWorld({ connectionLimit: 1, acquireTimeout: 100 });
  const { db, clock, connector } = world;
  connector.connectGate = new Promise(() => undefined);
  const late = refused(seen(db), "LEASE_TIMEOUT");
  await clock.pass(100);
  const { message } = await late;
  assert.match(message, /the oldest connect, to a as "app", has been under way for 100 ms/);
  await db.drain({ timeout: 0 });
});

test("LEASE_DEADLOCK names the virtual connection, its limit and the holders", async () => {
  const world = createWorld({ connections: { shop: { limit: 1 } } });
  const shop = world.db.connection("shop");
  const error = await refused(
    shop.transaction(() => shop.lease({ separate: true })),
    "LEASE_DEADLOCK",
  );
  assert.match(error.message, /for "shop", whose limit is 1: each holder waits for another/);
  assert.match(error.message, /held by "shop" for 0 ms.*raise its limit/);
  await endsEmpty(world);
});

test("a statement that times out shows its text and its limit, and is cancelled", async () => {
  const world = createWorld();
  const { db, clock, connector } = world;
  for (
    const run of [
      () => seen(db, "HANG", { timeout: 20 }),
      () => db.unit(() => seen(db, "HANG", { timeout: 20 })),
    ]
  ) {
    const late = refused(run(), "STATEMENT_TIMEOUT");
    await settled();
    await clock.pass(20);
    const message =
      "The server did not answer within the timeout of 20 ms, so the pool cancelled " +
      "the statement: HANG";
    assert.equal((await late).message, message);
  }
  connector.sessions.forEach((session) => session.answer());
  await endsEmpty(world);
});

test("methods of other pools name what to use instead", async () => {
  const world = createWorld();
  const advice: Readonly<Record<string, RegExp>> = {
    getConnection: /`lease\(\)`/,
    beginTransaction: /`transaction\(/,
    end: /`drain\(\)`/,
    release: /gives its actual connections back/,
  };
  for (const asked of [world.db, world.db.connection("main")]) {
    for (const [name, words] of Object.entries(advice)) {
      const call = (): unknown => Reflect.apply(Reflect.get(asked, name), asked, []);
      assert.throws(call, (error: Error) => {
        return error instanceof TypeError && words.test(error.message) &&
          error.message.includes(`has no method ${name}()`);
      });
    }
  }
  await endsEmpty(world);
});
