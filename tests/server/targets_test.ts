/** On a real server: the targets of connections, and how the pool retargets a connection. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Server } from "../support/server.ts";
import {
  assertFree,
  atRest,
  failure,
  one,
  poolAt,
  refused,
  serverOfFile,
  threadOf,
  valuesIn,
} from "./support/fixture.ts";
import { startProxy } from "../support/proxy.ts";

const tenants: readonly string[] = Array.from({ length: 200 }, (_, i) => `tenant_${i}`);

let server: Server;

serverOfFile((started) => server = started, {
  statements: [
    ...tenants.map((tenant) => `CREATE DATABASE ${tenant}`),
    "CREATE USER reader IDENTIFIED BY 'hidden'",
    "GRANT SELECT ON test.* TO reader",
    "CREATE TABLE t (v INT) ENGINE = InnoDB",
  ],
  tables: ["t"],
});

/** Selects the user and the database of the connection. */
const whereabouts = "SELECT CONCAT(SUBSTRING_INDEX(CURRENT_USER(), '@', 1), ' ', DATABASE())";

test("virtual connections have their own databases and users, and share the limit", async () => {
  await using db = poolAt(server, {
    connectionLimit: 2,
    connections: {
      shop: {},
      tenant: { database: "tenant_7" },
      reader: { user: "reader", password: "hidden" },
    },
  });
  const asked = ["shop", "tenant", "reader"] as const;
  const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => {
    return one(db.connection(asked[i % 3] ?? "shop"), whereabouts);
  }));
  const expected = ["app test", "app tenant_7", "reader test"];
  assert.deepEqual(answers, answers.map((_, i) => expected[i % 3]));
  await failure(db.connection("reader").query("INSERT INTO t VALUES (1)"));
  await atRest(db);
  assert.ok(await server.connectionCount() <= 2);
});

test("virtual connections with equal targets share actual connections", async () => {
  await using db = poolAt(server, { connections: { a: {}, b: { database: "test" }, c: {} } });
  const threads = new Set<number>();
  for (const name of ["a", "b", "c"] as const) threads.add(await threadOf(db.connection(name)));
  assert.equal(threads.size, 1);
  assert.equal(db.stats().targets, 1);
});

test("the pool calls a password function for each new connection, for no statement", async () => {
  let asked = 0;
  const password = async (): Promise<string> => {
    await turn();
    asked++;
    return "secret";
  };
  await using db = poolAt(server, { password });
  assert.equal(asked, 0);
  for (let i = 0; i < 5; i++) await threadOf(db);
  assert.equal(asked, 1);
  const leases = await Promise.all([db.lease(), db.lease(), db.lease()]);
  assert.equal(asked, 3);
  for (const lease of leases) lease.release();
});

test("the next connection uses a changed password; the old connections stay", async () => {
  let current = "first";
  await server.query("CREATE USER rotated IDENTIFIED BY 'first'");
  await server.query("GRANT SELECT ON test.* TO rotated");
  await using db = poolAt(server, { user: "rotated", password: () => Promise.resolve(current) });
  const lease = await db.lease();
  await server.query("ALTER USER rotated IDENTIFIED BY 'second'");
  current = "second";
  const thread = await threadOf(db);
  assert.notEqual(thread, lease.threadId);
  assert.equal(await threadOf(lease), lease.threadId);
  lease.release();
});

test("a password function that fails refuses the waiters, with its error as cause", async () => {
  const mine = new Error("The vault is closed");
  await using db = poolAt(server, { password: () => Promise.reject(mine) });
  assert.equal((await refused(threadOf(db), "CONNECT_FAILED")).cause, mine);
  assertFree(db);
  assert.equal(db.stats().size, 0);
});

test("initSql runs before the first lease of a connection, and again after a reset", async () => {
  await using proxy = await startProxy(server);
  const initSql = ["SET SESSION group_concat_max_len = 77", "SET @greeting = SLEEP(0.1) + 7"];
  await using db = poolAt(server, { uri: proxy.uri, connectionLimit: 1, initSql });
  const asked = "SELECT CONCAT(@@group_concat_max_len, ' ', FLOOR(@greeting))";
  assert.equal(await one(db, asked), "77 7");
  assert.deepEqual(proxy.forget().slice(-3), [
    ...initSql.map((sql) => `QUERY ${sql}`),
    `QUERY ${asked}`,
  ]);
  await db.unit(async () => {
    assertFree(db);
    await db.query("SET SESSION group_concat_max_len = 78, @greeting = 8");
    assert.equal(await one(db, asked), "78 8");
  });
  assert.equal(await one(db, asked), "77 7");
});

test("an initSql that fails refuses the waiters, with the server's error", async () => {
  await using db = poolAt(server, { initSql: "SELECT * FROM nowhere" });
  const { cause } = await refused(threadOf(db), "CONNECT_FAILED");
  assert.equal((cause as { errno?: unknown }).errno, 1146);
  assert.equal(db.stats().size, 0);
});

test("at the limit a new login retargets an idle connection on the same socket", async () => {
  await using proxy = await startProxy(server);
  await using db = poolAt(server, {
    uri: proxy.uri,
    connectionLimit: 1,
    connections: { shop: {}, tenant: { database: "tenant_1", user: "app" } },
  });
  const thread = await threadOf(db.connection("shop"));
  for (let i = 0; i < 3; i++) {
    assert.equal(await one(db.connection("tenant"), whereabouts), "app tenant_1");
    assert.equal(await one(db.connection("shop"), whereabouts), "app test");
  }
  assert.equal(await threadOf(db.connection("shop")), thread);
  assert.equal(proxy.opened, 1);
  assert.equal(proxy.commands.filter((command) => command === "CHANGE_USER").length, 6);
});

test("a unit may bind a virtual connection to another database, for all its calls", async () => {
  await using db = poolAt(server);
  const where = db.method<void, { w: string }>(whereabouts.replace(/$/, " w"));
  async function helper(): Promise<unknown> {
    return (await where())[0]?.w;
  }
  const answers = await Promise.all(
    tenants.slice(0, 20).map((database) =>
      db.unit(async () => {
        const seen = await db.transaction(async () => [await helper(), await one(db, whereabouts)]);
        return [...seen, await db.unit(helper)];
      }, { bind: { main: { database } } })
    ),
  );
  const expected = tenants.slice(0, 20).map((name) => [`app ${name}`, `app ${name}`, "app test"]);
  assert.deepEqual(answers, expected);
  assert.equal(await helper(), "app test");
});

test("200 databases in turn, through a limit of 5, leave nothing behind", async () => {
  await using proxy = await startProxy(server);
  await using db = poolAt(server, { uri: proxy.uri, connectionLimit: 5 });
  let targetsMax = 0;
  for (const database of tenants) {
    const answer = await db.unit(() => one(db, "SELECT DATABASE()"), {
      bind: { main: { database } },
    });
    assert.equal(answer, database);
    targetsMax = Math.max(targetsMax, db.stats().targets);
  }
  assert.ok(targetsMax <= 6, `${targetsMax} targets were known at once`);
  await atRest(db);
  assert.equal(await server.connectionCount(), 5);
  assert.equal(proxy.opened, 5);
  assert.equal(proxy.commands.filter((command) => command === "CHANGE_USER").length, 195);
});

test("200 databases at once, through a limit of 5, are all served", async () => {
  await server.query("FLUSH STATUS");
  await using db = poolAt(server, { connectionLimit: 5, acquireTimeout: 30_000 });
  const answers = await Promise.all(
    [...tenants, ...tenants].map((database) =>
      db.unit(() => db.transaction(() => one(db, "SELECT DATABASE()")), {
        bind: { main: { database } },
      })
    ),
  );
  assert.deepEqual(answers, [...tenants, ...tenants]);
  await atRest(db);
  assert.ok(await server.status("Max_used_connections") <= 6);
  assert.ok(db.stats().targets <= 5, `${db.stats().targets} targets are known`);
});

test("a missing database refuses its own unit, and no other", async () => {
  await using db = poolAt(server, { user: "root", password: "", connectionLimit: 2 });
  const bind = { main: { database: "nowhere" } };
  for (let i = 0; i < 3; i++) {
    const { cause } = await refused(db.unit(() => threadOf(db), { bind }), "CONNECT_FAILED");
    assert.equal((cause as { errno?: unknown }).errno, 1049);
    assert.equal(typeof await threadOf(db), "number");
  }
  await db.query("INSERT INTO t VALUES (1)");
  assert.deepEqual(await valuesIn(server, "t"), [1]);
});

test("an unknown option of a target is refused by name, before the pool connects", async () => {
  await using db = poolAt(server);
  const bind = { main: { databse: "test" } as { database?: string } };
  const { message } = await refused(db.unit(() => threadOf(db), { bind }), "OPTION_INVALID");
  assert.match(message, /databse/);
  assert.equal(db.stats().size, 0);
});
