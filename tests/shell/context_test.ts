/** Async contexts: a socket opens in the pool's, and code keeps its own after each wait. */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import { test } from "node:test";
import { FakeConnector } from "./support/fake_connector.ts";
import { createWorld, endsEmpty, seen } from "./support/pool.ts";

test("the pool opens sockets in the async context in which it was created", async () => {
  const storage = new AsyncLocalStorage<string>();
  const connector = new FakeConnector();
  connector.storage = storage;
  const world = storage.run("module", () => createWorld({ connectionLimit: 1 }, connector));
  await storage.run("request 1", () => seen(world.db));
  world.connector.sessions[0]?.kill();
  await storage.run("request 2", () => seen(world.db));
  assert.deepEqual(connector.contexts, ["module", "module"]);
  await endsEmpty(world);
});

test("code is in its own async context after each wait", async () => {
  const storage = new AsyncLocalStorage<number>();
  const world = createWorld({ connectionLimit: 1 });
  await Promise.all(Array.from({ length: 10 }, (_, request) => {
    return storage.run(request, () => {
      return world.db.unit(async () => {
        await seen(world.db);
        assert.equal(storage.getStore(), request);
        await world.db.transaction(() => assert.equal(storage.getStore(), request));
        assert.equal(storage.getStore(), request);
      });
    });
  }));
  await endsEmpty(world);
});

test("a listener receives every event in the async context of the event's cause", async () => {
  const storage = new AsyncLocalStorage<string>();
  const world = createWorld({ connectionLimit: 1, idleTimeout: 100 });
  const { db, clock } = world;
  const heard: string[] = [];
  for (const name of ["connection", "acquire", "release", "enqueue", "remove"] as const) {
    db.on(name, () => heard.push(`${name} in ${storage.getStore()}`));
  }
  await storage.run("request", () => Promise.all([seen(db), seen(db)]));
  await clock.pass(100);
  const order = ["enqueue", "enqueue", "connection", "acquire", "release", "acquire", "release"];
  const inRequest = order.map((name) => `${name} in request`);
  assert.deepEqual(heard, [...inRequest, "remove in undefined"]);
  await endsEmpty(world);
});

test("a listener may use the pool; off() removes it, and once() calls it only once", async () => {
  const world = createWorld();
  const { db } = world;
  let acquired = 0;
  let once = 0;
  const nested: Promise<unknown>[] = [];
  const count = (): void => {
    acquired++;
    if (acquired === 1) nested.push(seen(db));
  };
  db.on("acquire", count).on("acquire", count).once("acquire", () => once++);
  await seen(db);
  await Promise.all(nested);
  db.off("acquire", count);
  await seen(db);
  assert.deepEqual({ acquired, once }, { acquired: 2, once: 1 });
  await endsEmpty(world);
});

test("a listener runs outside any unit, even for the lease of a unit", async () => {
  const world = createWorld();
  const { db } = world;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const asked: Promise<unknown>[] = [];
  db.once("release", () => asked.push(ended.then(() => seen(db))));
  await db.unit(() => seen(db));
  end();
  assert.equal(asked.length, 1);
  await Promise.all(asked);
  await endsEmpty(world);
});

test("a diagnostics channel publishes the same events to its subscribers", async () => {
  const world = createWorld();
  const told: unknown[] = [];
  const subscriber = (news: unknown): void => {
    told.push(news);
  };
  const acquire = channel("sublet:acquire");
  acquire.subscribe(subscriber);
  await seen(world.db);
  acquire.unsubscribe(subscriber);
  await seen(world.db);
  assert.equal(told.length, 1);
  const [news] = told;
  assert.deepEqual(news, {
    connection: world.connector.sessions[0]?.driver,
    threadId: 1,
    virtual: "main",
    waitMs: 0,
  });
  await endsEmpty(world);
});
