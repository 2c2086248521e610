/** On a real server: a definition has one pool in a process, however often code evaluates it. */

import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import process from "node:process";
import { after, afterEach, before, test } from "node:test";
import { createPool, type Pool, type PoolOptions } from "../../mod.ts";
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

/** Tells whether two pools run statements on the same connection. */
async function shared(one: Pool<"main">, other: Pool<"main">): Promise<boolean> {
  return await threadOf(one) === await threadOf(other);
}

test("a module that is evaluated twice has one pool, and the same connections", async () => {
  const path = "./support/programs/reloaded.ts";
  const first = await load<Reloaded>(path, "v=1");
  const thread = await threadOf(first.db.connection("shop"));
  const second = await load<Reloaded>(path, "v=2");
  assert.notEqual(first, second);
  assert.equal(await threadOf(second.db.connection("shop")), thread);
  await connected(server, 1);
  await first.db.drain();
  assert.equal(await threadOf(second.db.connection("shop")), thread);
  await second.db.drain();
});

test("a module with a password function has one named pool, however often it reloads", async () => {
  const path = "./support/programs/reloaded_by_name.ts";
  const loaded: { readonly db: Pool<"main"> }[] = [];
  let peak = 0;
  for (let i = 0; i < 100; i++) {
    loaded.push(await load<{ readonly db: Pool<"main"> }>(path, `v=${i}`));
    assert.equal(typeof await threadOf(loaded[i]!.db), "number");
    if (i % 10 === 0) peak = Math.max(peak, await server.connectionCount());
  }
  assert.ok(peak < 10, `${peak} connections were open at once`);
  await connected(server, 1);
  await refused(threadOf(loaded[98]!.db), "POOL_DRAINING");
  await loaded[99]!.db.drain();
  await connected(server, 0);
  assert.ok(loaded.every(({ db }) => db.stats().phase === "closed"));
});

test("two copies of the library in one process have one pool for one definition", async () => {
  // Makes a copy's imports resolve to the same copy.
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
    const [uri, name] = [server.url(), "copies"];
    const password = (): string => "secret";
    await using db = createPool({ uri, name, password, connectionLimit: 1 });
    await using other = copy.createPool({ connectionLimit: 1, password, name, uri });
    assert.equal(await shared(db, other), true);
    await connected(server, 1);
    await using later = copy.createPool({ uri, name, password: () => "secret" });
    assert.equal(typeof await threadOf(later), "number");
    await refused(threadOf(db), "POOL_DRAINING");
    await refused(threadOf(other), "POOL_DRAINING");
  } finally {
    hooks.deregister();
  }
});

test("definitions that differ, or are not shared, have pools of their own", async () => {
  const uri = server.url();
  await using one = createPool({ uri });
  await using two = createPool({ uri, connectionLimit: 3 });
  await using three = createPool({ uri, shared: false });
  await using four = createPool({ uri, shared: false });
  await using five = createPool({ uri, password: "wrong" });
  await using six = createPool(uri);
  for (const other of [two, three, four]) assert.equal(await shared(one, other), false);
  assert.equal(await shared(one, six), true);
  await refused(threadOf(five), "CONNECT_FAILED");
});

/** Runs a statement through two definitions that differ only in a tenant's options. */
async function tenants(of: (tenant: string) => PoolOptions, sql: string): Promise<unknown[]> {
  await using a = createPool({ uri: server.url(), ...of("a") });
  await using b = createPool({ uri: server.url(), ...of("b") });
  return [await one(a, sql), await one(b, sql)];
}

test("a tenant never gets the password, state or conversion of another's closures", async (t) => {
  const warn = t.mock.method(console, "warn", () => undefined);
  await server.query("CREATE USER tenant IDENTIFIED BY 'open'");
  const asked: string[] = [];
  const byPassword = (tenant: string): PoolOptions => ({
    user: "tenant",
    database: "",
    password: () => {
      asked.push(tenant);
      return tenant === "a" ? "open" : "closed";
    },
  });
  await refused(tenants(byPassword, "SELECT 1"), "CONNECT_FAILED");
  assert.deepEqual(asked, ["a", "b"]);
  const bySql = (tenant: string): PoolOptions => ({
    initSql: (connection) => connection.promise().query("SET @tenant = ?", [tenant]),
  });
  assert.deepEqual(await tenants(bySql, "SELECT @tenant"), ["a", "b"]);
  const byCast = (tenant: string): PoolOptions => ({ typeCast: () => tenant });
  assert.deepEqual(await tenants(byCast, "SELECT 'text'"), ["a", "b"]);
  assert.equal(warn.mock.callCount(), 3);
});

test("a drained pool is no longer the pool of its definition", async () => {
  const uri = server.url();
  const first = createPool(uri);
  await threadOf(first);
  const drained = first.drain();
  await using second = createPool(uri);
  await drained;
  assert.equal(typeof await threadOf(second), "number");
});

test("a changed definition of a name drains the old pool, which ends its work first", async () => {
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
  await using equal = createPool({ name, uri, database: "other" });
  assert.equal(await one(replaced, "SELECT DATABASE()"), "other");
  assert.equal(await shared(replaced, equal), true);
  await refused(threadOf(old), "POOL_DRAINING");
  isReplaced.resolve();
  assert.equal(await work, "test");
  await until(() => old.stats().phase === "closed", "the old one has ended");
  await connected(server, 1);
});

test("separate pools share no connections", async () => {
  await using one = poolAt(server, { connectionLimit: 1 });
  await using two = poolAt(server, { connectionLimit: 1 });
  await using lease = await one.lease();
  assert.notEqual(await threadOf(two), lease.threadId);
  assertFree(two);
});
