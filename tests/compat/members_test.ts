/** The modules export what mysql2 exports, and their pools have mysql2's members and no others. */

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import mysql2 from "mysql2";
import mysql2Promise from "mysql2/promise";
import { createPool } from "../../mod.ts";
import * as callbackModule from "../../src/entries/compat.ts";
import mysql from "../../src/entries/compat.ts";
import * as promiseModule from "../../src/entries/compat_promise.ts";
import promises from "../../src/entries/compat_promise.ts";

const uri = "mysql://app:secret@127.0.0.1:1/test";

/** Members by which tools mistake a pool for a promise, an ORM's pool or another driver's. */
const forbidden = [
  ["then", "connect", "options", "status", "aggregate", "fileControl", "createSession"],
  ["createDriver", "dialect", "db", "open", "close", "prepare", "batch", "exec"],
  ["acquire", "destroy", "numFree", "numUsed", "numPendingAcquires"],
].flat();

/** Returns the names of an object's members, inherited ones too, except those with `_`. */
function membersOf(object: object): string[] {
  const names = new Set<string>();
  for (let at = object; at !== EventEmitter.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  return [...names].filter((name) => !name.startsWith("_")).sort();
}

test("the modules export what mysql2's do, plus compat and dbOf", () => {
  for (
    const [ours, theirs] of [[callbackModule, mysql2], [promiseModule, mysql2Promise]] as const
  ) {
    const names = Object.keys(ours).filter((name) => name !== "default");
    assert.deepEqual(names.sort(), [...Object.keys(theirs), "compat", "dbOf"].sort());
    assert.deepEqual(Object.keys(ours.default).sort(), names.sort());
  }
});

test("exports that make no pools are mysql2's own", () => {
  const own = [
    ["compat", "dbOf", "Pool", "PoolCluster", "createPool", "createPoolCluster"],
    ["createPoolPromise", "createPoolClusterPromise"],
  ].flat();
  for (const [ours, theirs] of [[mysql, mysql2], [promises, mysql2Promise]] as const) {
    for (const [name, value] of Object.entries(ours)) {
      const same = (theirs as unknown as Record<string, unknown>)[name];
      if (!own.includes(name)) assert.equal(value, same, name);
      else assert.notEqual(value, same, name);
    }
  }
  assert.equal(mysql.createPoolPromise, promises.createPool);
  assert.equal(mysql.createPoolClusterPromise, promises.createPoolCluster);
});

/** Exports that the types of mysql2/promise declare, but its code does not have. */
type Untrue = "PrepareStatementInfo" | "authPlugins" | "createServer";

test("the modules have mysql2's types", () => {
  const ours: Omit<typeof mysql2, "PrepareStatementInfo"> = mysql;
  const oursPromise: Omit<typeof mysql2Promise, Untrue> = promises;
  const pool: mysql.Pool = ours.createPool({ uri, connectionLimit: 1 });
  const faces: [mysql2.Pool, mysql2Promise.Pool] = [pool, oursPromise.createPool(uri)];
  const row: mysql.RowDataPacket | undefined = undefined;
  const header: promises.ResultSetHeader | undefined = undefined;
  const limits: mysql.PoolOptions & mysql.CompatOptions = { connectionLimit: 1 };
  assert.ok(faces.length === 2 && row === header && limits);
});

test("a pool has mysql2's members and no others", () => {
  const pool = mysql.createPool(uri);
  assert.deepEqual(membersOf(pool), membersOf(mysql2.createPool(uri)));
  const promisePool = promises.createPool(uri);
  const theirs = mysql2Promise.createPool(uri);
  assert.deepEqual(membersOf(promisePool), membersOf(theirs));
  assert.deepEqual(Object.keys(promisePool), Object.keys(theirs));
  for (const face of [pool, promisePool, mysql.compat(createPool(uri))]) {
    for (const name of forbidden) assert.equal(name in face, false, name);
  }
  assert.equal("promise" in promisePool, false);
});

test("a cluster and its namespaces have mysql2's members", () => {
  const ours = mysql.createPoolCluster();
  const theirs = mysql2.createPoolCluster();
  assert.deepEqual(membersOf(ours), membersOf(theirs));
  const methods = ["execute", "getConnection", "query"];
  for (const name of methods) assert.equal(typeof Reflect.get(ours.of("*"), name), "function");
  const [one, other] = [promises.createPoolCluster(), mysql2Promise.createPoolCluster()];
  assert.deepEqual(membersOf(one), membersOf(other));
  for (const name of methods) assert.equal(typeof Reflect.get(one.of("*"), name), "function");
});

test("a pool is an instance of the classes that the modules export", () => {
  const pool = mysql.createPool(uri);
  assert.ok(pool instanceof mysql.Pool && pool instanceof EventEmitter);
  assert.ok(pool.promise() instanceof promises.PromisePool);
  assert.ok(pool.promise() instanceof (mysql2Promise as unknown as typeof promises).PromisePool);
  assert.ok(mysql.createPoolCluster() instanceof mysql.PoolCluster);
  assert.equal(pool.constructor.name, "Pool");
  assert.equal(pool.promise().constructor.name, "PromisePool");
});

test("a promise pool has its callback pool as an own property, which kysely reads", () => {
  const pool = promises.createPool(uri);
  const copied = { ...pool };
  assert.equal(typeof copied.pool.getConnection, "function");
  assert.equal(copied.pool, pool.pool);
});

test("a pool's config has mysql2's option names, and idleTimeout where tools read it", () => {
  const options = { uri, connectionLimit: 3, queueLimit: 4, idleTimeout: 5_000, maxIdle: 2 };
  const configOf = (pool: mysql2.Pool) => pool.config as { connectionConfig: object };
  const { connectionConfig: ours, ...own } = configOf(mysql.createPool(options));
  const pool = mysql2.createPool(options);
  const { connectionConfig: theirs, ...limits } = configOf(pool);
  pool.end();
  assert.deepEqual(own, limits);
  assert.equal(Reflect.get(ours, "idleTimeout"), 5_000);
  for (const [name, value] of Object.entries(theirs)) {
    if (name !== "pool") assert.deepEqual(Reflect.get(ours, name), value, name);
  }
});

test("an unused pool opens no connection, and ends at once", async () => {
  const pool = promises.createPool(uri);
  await pool.end();
  await assert.rejects(pool.query("SELECT 1"), { code: "POOL_CLOSED", message: "Pool is closed." });
});
