/**
 * The differences from mysql2's pools that README lists: each test runs both pools. If mysql2
 * comes to do what these pools do, a test fails: then shorten the list in README.
 */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, before, test } from "node:test";
import mysql2, { type Pool, type QueryError } from "mysql2";
import mysql2Promise from "mysql2/promise";
import mysql from "../../src/entries/compat.ts";
import promises from "../../src/entries/compat_promise.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { asked, ended, newsOf, one, taken } from "./support/fixture.ts";

let server: Server;

before(async () => {
  server = await startServer();
  await server.query("CREATE TABLE test.t (v INT)");
});

after(async () => await server?.remove());

/** Runs the same work on a pool of mysql2's and on one of ours, and ends both. */
async function both<T>(
  options: mysql2.PoolOptions,
  work: (pool: Pool) => Promise<T>,
): Promise<{ theirs: T; ours: T }> {
  const outcomes: T[] = [];
  for (const { createPool } of [mysql2, mysql as unknown as typeof mysql2]) {
    const pool = createPool({ uri: server.url(), connectionLimit: 1, ...options });
    outcomes.push(await work(pool));
    await ended(pool);
  }
  return { theirs: outcomes[0] as T, ours: outcomes[1] as T };
}

/** Tells whether a promise is fulfilled after one round trip to the server. */
async function isServed(waiting: Promise<unknown>): Promise<boolean> {
  let isThere = false;
  void waiting.then(() => isThere = true);
  await server.query("SELECT 1");
  return isThere;
}

test("a holder leaves neither session state nor an open transaction to the next", async () => {
  const { theirs, ours } = await both({}, async (pool) => {
    const connection = await taken(pool);
    await connection.promise().query("SET @left = 1");
    await connection.promise().beginTransaction();
    await connection.promise().query("INSERT INTO t VALUES (1)");
    connection.release();
    const left = await one(pool.promise(), "SELECT @left IS NOT NULL");
    const rows = await one(pool.promise(), "SELECT COUNT(*) FROM t");
    await pool.promise().query("ROLLBACK");
    return [left, rows];
  });
  assert.deepEqual([theirs, ours], [[1, 1], [0, 0]]);
});

test("the pool emits events for leases of waiters and for destroyed connections", async () => {
  const { theirs, ours } = await both({}, async (pool) => {
    const news = newsOf(pool);
    const first = await taken(pool);
    const second = taken(pool);
    first.release();
    (await second).destroy();
    return news.map((item) => item.replace(/ .*/, ""));
  });
  assert.deepEqual(theirs, ["connection", "acquire", "enqueue"]);
  const leases = ["acquire", "enqueue", "release", "acquire", "release"];
  assert.deepEqual(ours, ["connection", ...leases]);
});

test("the pool's errors have codes, and it never calls a callback synchronously", async () => {
  const { theirs, ours } = await both({ queueLimit: 1 }, async (pool) => {
    const held = await taken(pool);
    const waiting = taken(pool);
    let isWithin = true;
    const refused = new Promise<QueryError>((resolve, reject) => {
      pool.getConnection((error) => {
        if (error === null) reject(new Error("It was served"));
        else resolve(Object.assign(error, { isWithin }) as unknown as QueryError);
      });
    });
    isWithin = false;
    const { code, message, ...rest } = await refused;
    held.release();
    (await waiting).release();
    return [code, message, Reflect.get(rest, "isWithin")];
  });
  assert.deepEqual(theirs, [undefined, "Queue limit reached.", true]);
  assert.deepEqual(ours, ["POOL_ENQUEUELIMIT", "Queue limit reached.", false]);
});

test("callbacks run in the async context of their caller", async () => {
  const storage = new AsyncLocalStorage<string>();
  const { theirs, ours } = await both({}, async (pool) => {
    const held = await storage.run("opener", () => taken(pool));
    const waiting = storage.run("waiter", () =>
      new Promise((resolve) => {
        pool.getConnection((_error, connection) => {
          const taking = storage.getStore();
          connection.query("SELECT 1", () => {
            resolve([taking, storage.getStore()]);
            connection.release();
          });
        });
      }));
    storage.run("releaser", () => held.release());
    return await waiting;
  });
  assert.notDeepEqual(theirs, ["waiter", "waiter"]);
  assert.deepEqual(ours, ["waiter", "waiter"]);
});

test("mysql2 turns an exception of a getConnection callback into a connection error", async () => {
  const pool = mysql2.createPool({ uri: server.url() });
  const thrown = new RangeError("The holder of the connection has failed");
  const told = await new Promise((resolve) => {
    pool.getConnection((_error, connection) => {
      connection.once("error", resolve);
      throw thrown;
    });
  });
  assert.equal(told, thrown);
  await ended(pool);
  // Our pool leaves the exception uncaught, which ends a process: program_test.ts tests it in one.
});

test("the pool does not connect once per request to a server that is down", async () => {
  let attempts = 0;
  const listener = createServer((socket) => {
    attempts++;
    socket.destroy();
  });
  listener.listen(0, server.host);
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const { theirs, ours } = await both({ uri: "", host: server.host, port }, async (pool) => {
    const before = attempts;
    for (let i = 0; i < 20; i++) await assert.rejects(taken(pool), { fatal: true });
    return attempts - before;
  });
  listener.close();
  assert.equal(theirs, 20);
  assert.ok(ours < 20, `${ours} attempts`);
});

test("a lost connection fails each request once, asynchronously, with an error code", async () => {
  const { theirs, ours } = await both({}, async (pool) => {
    const connection = await taken(pool);
    connection.on("error", () => undefined);
    await server.query(`KILL ${connection.threadId}`);
    await until(() => connection.state !== "authenticated", "its end is known");
    let isWithin = true;
    const told: unknown[] = [];
    const done = new Promise<void>((resolve) => {
      connection.execute("SELECT 1", (error) => {
        told.push([isWithin, typeof error?.code]);
        setImmediate(resolve);
      });
    });
    isWithin = false;
    await done;
    connection.release();
    return told;
  });
  assert.deepEqual(theirs, [[true, "undefined"], [true, "undefined"]]);
  assert.deepEqual(ours, [[false, "string"]]);
});

test("a second release of a promise connection takes nothing from the next holder", async () => {
  const outcomes = [];
  for (const { createPool } of [mysql2Promise, promises as unknown as typeof mysql2Promise]) {
    const pool = createPool({ uri: server.url(), connectionLimit: 1 });
    const first = await pool.getConnection();
    first.release();
    const second = await pool.getConnection();
    first.release();
    const third = pool.getConnection();
    const ofTwo = await isServed(third);
    second.release();
    (await third).release();
    outcomes.push(ofTwo);
    await pool.end();
  }
  assert.deepEqual(outcomes, [true, false]);
});

test("end on a leased connection releases it without a warning", async (context) => {
  const warn = context.mock.method(console, "warn", () => undefined);
  const { theirs, ours } = await both({}, async (pool) => {
    const before = warn.mock.callCount();
    const connection = await taken(pool);
    await asked((done) => connection.end(done));
    (await taken(pool)).release();
    return warn.mock.callCount() - before;
  });
  assert.deepEqual([theirs, ours], [1, 0]);
});

test("a pool that ends waits for leased connections", async () => {
  const outcomes: unknown[] = [];
  for (const { createPool } of [mysql2, mysql as unknown as typeof mysql2]) {
    const pool = createPool({ uri: server.url() });
    const connection = await taken(pool);
    connection.on("error", () => undefined);
    const over = ended(pool);
    const ask = asked((done) => connection.query("SELECT 1 AS n", done));
    outcomes.push(await ask.catch(() => "refused"));
    connection.release();
    await over;
  }
  assert.deepEqual(outcomes, ["refused", [{ n: 1 }]]);
});

test("the pool applies idleTimeout whatever maxIdle is", async () => {
  const isOpen = async (id: number): Promise<boolean> => {
    const sql = "SELECT id FROM information_schema.processlist WHERE id = ?";
    return (await server.query(sql, [id])).length > 0;
  };
  const idOf = async (pool: Pool): Promise<number> => {
    const connection = await taken(pool);
    connection.release();
    return connection.threadId;
  };
  const theirs = mysql2.createPool({ uri: server.url(), idleTimeout: 1 });
  const ours = mysql.createPool({ uri: server.url(), idleTimeout: 1_500 });
  const [theirId, ourId] = [await idOf(theirs), await idOf(ours)];
  await until(async () => !await isOpen(ourId), "ours is closed");
  assert.ok(await isOpen(theirId));
  await Promise.all([ended(theirs), ended(ours)]);
});

/** Runs the same work on a cluster of mysql2's and on one of ours, and ends both. */
async function bothClusters<T>(
  options: mysql2.PoolClusterOptions,
  work: (cluster: mysql2.PoolCluster) => Promise<T>,
): Promise<T[]> {
  const outcomes: T[] = [];
  for (const { createPoolCluster } of [mysql2, mysql]) {
    const cluster = createPoolCluster(options as never);
    outcomes.push(await work(cluster));
    await asked((done) => cluster.end(done));
  }
  return outcomes;
}

test("a cluster does not remove a node because it has no free connection", async () => {
  const outcomes = await bothClusters({ removeNodeErrorCount: 1 }, async (cluster) => {
    const removed: string[] = [];
    cluster.on("remove", (id: string) => removed.push(id));
    cluster.add("A", { uri: server.url(), connectionLimit: 1, waitForConnections: false });
    const held = await taken(cluster);
    await assert.rejects(taken(cluster), /No connections available|does Not exist/);
    held.release();
    return removed;
  });
  assert.deepEqual(outcomes, [["A"], []]);
});

test("a cluster closes a connection whose server is read-only, as pools do", async () => {
  await server.query("SET GLOBAL read_only = 1");
  try {
    const outcomes = await bothClusters({}, async (cluster) => {
      cluster.add("A", { uri: server.url(), connectionLimit: 1 });
      const ask = (sql: string) => asked((done) => cluster.of("A").query(sql, done));
      const id = async (): Promise<string> => JSON.stringify(await ask("SELECT CONNECTION_ID()"));
      const before = await id();
      await assert.rejects(ask("INSERT INTO t VALUES (1)"), { errno: 1290 });
      return await id() === before ? "kept" : "closed";
    });
    assert.deepEqual(outcomes, ["kept", "closed"]);
  } finally {
    await server.query("SET GLOBAL read_only = 0");
  }
});

test("a cluster names an unknown selector in its error", async () => {
  const outcomes = await bothClusters({}, (cluster) => {
    try {
      cluster.of("*", "NEAREST");
      return Promise.resolve("taken");
    } catch (error) {
      return Promise.resolve(String(error));
    }
  });
  assert.match(outcomes[0] ?? "", /^TypeError/);
  assert.match(outcomes[1] ?? "", /^RangeError: There is no selector "NEAREST": known are RR/);
});
