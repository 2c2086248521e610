/** On a real server: the async context in which code runs, and that a socket keeps none. */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { after, afterEach, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Pool } from "../../mod.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { connected, failure, one, poolAt, prepareServer } from "./support/fixture.ts";

const storage: AsyncLocalStorage<object> = new AsyncLocalStorage();

let server: Server;

before(async () => {
  server = await prepareServer(["CREATE TABLE t (v INT) ENGINE = InnoDB"]);
});

afterEach(async () => await connected(server, 0));

after(async () => await server?.remove());

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

test("after each wait, code is in its own context again, on any connection", async () => {
  await using db = poolAt(server, { connectionLimit: 2 });
  await Promise.all(Array.from({ length: 20 }, (_, i) => {
    const request = { i };
    const isMine = (): void => assert.equal(storage.getStore(), request);
    return storage.run(request, () =>
      db.unit(async () => {
        isMine();
        await db.query("SELECT 1").then(isMine);
        await db.execute("SELECT ?", [i]).finally(isMine);
        await failure(db.query("SELECT * FROM nowhere"));
        isMine();
        await db.transaction(async () => {
          isMine();
          await db.query("INSERT INTO t VALUES (1)");
          isMine();
          await db.transaction(isMine);
        });
        isMine();
        await using lease = await db.lease();
        isMine();
        await lease.query("SELECT 1");
        isMine();
      }).finally(isMine));
  }));
});

test("callbacks run in their caller's context, listeners in that of the release", async () => {
  const seen: unknown[] = [];
  const note = (): void => {
    seen.push(storage.getStore());
  };
  const [first, second] = [{ first: true }, { second: true }];
  await using db = poolAt(server, { connectionLimit: 1 });
  await storage.run(first, () => db.query("SELECT 1"));
  storage.run(second, () => db.on("release", note));
  await storage.run(first, () => one(db, "SELECT 1"));
  const handle = db.handler(note);
  await storage.run(second, () => handle());
  await storage.run(first, () => db.unit(note, { retries: 1 }));
  assert.deepEqual(seen, [first, second, first]);
});

test("the functions of a definition run in the context in which the pool was created", async () => {
  const seen: unknown[] = [];
  const home = { home: true };
  const password = (): string => {
    seen.push(storage.getStore());
    return "secret";
  };
  await using db = storage.run(home, () => poolAt(server, { password, connectionLimit: 1 }));
  await storage.run({ request: 1 }, () => db.query("SELECT 1"));
  assert.deepEqual(seen, [home]);
});

/** Uses a pool in a request, in several ways, and returns a weak reference to the request. */
async function serve(db: Pool<"main">): Promise<WeakRef<object>> {
  const request = { body: new Uint8Array(1000) };
  await storage.run(request, async () => {
    await db.query("SELECT 1");
    await db.unit(() => db.transaction(() => db.execute("SELECT ?", [1])));
    await db.unit(() => db.query("SET @a = 1"), { signal: new AbortController().signal });
    await db.query("SELECT 1", [], { timeout: 60_000 });
    await failure(db.query("SELECT * FROM nowhere"));
    await Promise.all([1, 2, 3].map(() => db.query("SELECT 1")));
    await db.connection("main").lease().then((lease) => lease.release());
  });
  return new WeakRef(request);
}

test("an idle connection that a request opened does not keep the request's context", async () => {
  await using db = poolAt(server, { connectionLimit: 2, leakDetectionTimeout: 60_000 });
  const requests = [await serve(db), await serve(db)];
  await db.query("SELECT 2");
  await until(() => {
    collectGarbage();
    return requests.every((request) => request.deref() === undefined);
  }, "the requests are collected");
  assert.ok(await server.connectionCount() >= 1);
});
