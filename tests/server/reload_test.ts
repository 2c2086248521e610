/** On a real server: a definition has one pool in a process, however often it is evaluated. */

import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import process from "node:process";
import { after, afterEach, before, test } from "node:test";
import { createPool, type Pool } from "../../mod.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import {
  assertFree,
  connected,
  one,
  poolAt,
  prepareServer,
  refused,
  threadOf,
} from "./support/fixture.ts";

let server: Server;

before(async () => {
  server = await prepareServer(["CREATE DATABASE other"]);
  process.env["RELOADED_URL"] = server.url();
});

afterEach(async () => await connected(server, 0));

after(async () => await server?.remove());

/** Evaluates a module once more. */
async function load<Module>(path: string, query: string): Promise<Module> {
  return await import(`${path}?${query}`);
}

type Reloaded = { readonly db: Pool<"shop" | "reports"> };

test("a module that is evaluated twice has one pool, and the same connections", async () => {
  const path = "./support/programs/reloaded.ts";
  const first = await load<Reloaded>(path, "v=1");
  const thread = await threadOf(first.db.connection("shop"));
  const second = await load<Reloaded>(path, "v=2");
  assert.notEqual(first, second);
  assert.equal(first.db, second.db);
  assert.equal(await threadOf(second.db.connection("shop")), thread);
  await connected(server, 1);
  await second.db.drain();
});

test("two copies of the library in one process have one pool for one definition", async () => {
  // Lets whatever a copy imports be of the same copy.
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const isOfCopy = context.parentURL?.endsWith("?copy") && specifier.startsWith(".");
      return isOfCopy ? { ...resolved, url: `${resolved.url}?copy` } : resolved;
    },
  });
  try {
    const copy = await load<{ createPool: typeof createPool }>("../../mod.ts", "copy");
    assert.notEqual(copy.createPool, createPool);
    await using db = createPool({ uri: server.url(), connectionLimit: 2 });
    assert.equal(copy.createPool({ connectionLimit: 2, uri: server.url() }), db);
    await threadOf(db);
    await connected(server, 1);
  } finally {
    hooks.deregister();
  }
});

test("definitions that differ, or that are not to be shared, have pools of their own", async () => {
  const uri = server.url();
  await using one = createPool({ uri });
  await using two = createPool({ uri, connectionLimit: 3 });
  await using three = createPool({ uri, shared: false });
  await using four = createPool({ uri, shared: false });
  await using five = createPool({ uri, password: "wrong" });
  assert.equal(new Set<unknown>([one, two, three, four, five]).size, 5);
  assert.equal(createPool(uri), one);
  await threadOf(one);
  await refused(threadOf(five), "CONNECT_FAILED");
});

test("a pool that has been drained is no longer that of its definition", async () => {
  const uri = server.url();
  const first = createPool(uri);
  await threadOf(first);
  const drained = first.drain();
  await using second = createPool(uri);
  assert.notEqual(second, first);
  await drained;
  assert.equal(typeof await threadOf(second), "number");
});

test("a changed definition of one name drains the old one, which ends its work first", async () => {
  const [name, uri] = ["shop", server.url()];
  const old = createPool({ name, uri });
  const isBusy = Promise.withResolvers<void>();
  const isReplaced = Promise.withResolvers<void>();
  const work = old.transaction(async () => {
    const thread = await threadOf(old);
    isBusy.resolve();
    await isReplaced.promise;
    assert.equal(await threadOf(old), thread);
    return await one(old, "SELECT DATABASE()");
  });
  await isBusy.promise;
  await using replaced = createPool({ name, uri, database: "other" });
  assert.notEqual(replaced, old);
  assert.equal(createPool({ name, uri, database: "other" }), replaced);
  assert.equal(await one(replaced, "SELECT DATABASE()"), "other");
  await refused(threadOf(old), "POOL_DRAINING");
  isReplaced.resolve();
  assert.equal(await work, "test");
  await until(() => old.census().phase === "closed", "the old one has ended");
  await connected(server, 1);
});

test("pools side by side do not know one another", async () => {
  await using one = poolAt(server, { connectionLimit: 1 });
  await using two = poolAt(server, { connectionLimit: 1 });
  await using lease = await one.lease();
  assert.notEqual(await threadOf(two), lease.threadId);
  assertFree(two);
});
