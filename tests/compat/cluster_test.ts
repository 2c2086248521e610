/** On real servers: how a cluster chooses its nodes, removes failing ones and restores them. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import mysql2, { type PoolCluster } from "mysql2";
import mysql, { type ClusterOptions } from "../../src/entries/compat.ts";
import promises from "../../src/entries/compat_promise.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { answeringAt, clusterAt, endOf, newsOf } from "./support/clusters.ts";
import { asked, sleeper } from "./support/fixture.ts";

let server: Server;
let other: Server;

before(async () => {
  [server, other] = await Promise.all([startServer(), startServer()]);
  for (const each of [server, other]) await each.query("CREATE TABLE test.t (v INT)");
});

after(async () => {
  await server?.remove();
  await other?.remove();
});

/** Creates a cluster of the nodes A1 and A2, and records its events. */
const clusterOf = (options: ClusterOptions = {}) => clusterAt([server, other], options);

/** Sends a query to a cluster and returns the name of the node whose server answers. */
const answering = (from: Pick<PoolCluster, "of">, pattern?: string, selector?: string) =>
  answeringAt(server, from, pattern, selector);

test("a cluster chooses its nodes in turn, in order, or at random", async (context) => {
  const { cluster } = clusterOf();
  const ask = (selector?: string) => answering(cluster, "A*", selector);
  assert.deepEqual([await ask(), await ask(), await ask("rr")], ["A1", "A2", "A1"]);
  assert.deepEqual([await ask("ORDER"), await ask("order")], ["A1", "A1"]);
  const random = context.mock.method(Math, "random", () => 0.9);
  assert.equal(await ask("RANDOM"), "A2");
  random.mock.mockImplementation(() => 0.1);
  assert.equal(await ask("RANDOM"), "A1");
  assert.equal(cluster.of("A*", "RR"), cluster.of("A*"));
  await endOf(cluster);
});

test("a cluster refuses an unknown selector and lists the known ones", async () => {
  const { cluster } = clusterOf();
  const refusal = { name: "RangeError", message: /"NEAREST": known are RR, RANDOM, ORDER/ };
  assert.throws(() => cluster.of("*", "NEAREST"), refusal);
  assert.throws(() => mysql.createPoolCluster({ defaultSelector: "NEAREST" }), refusal);
  await endOf(cluster);
});

test("patterns select nodes by name", async () => {
  const { cluster } = clusterOf();
  cluster.add({ uri: server.url() });
  assert.equal(await answering(cluster, "A2"), "A2");
  assert.equal(await answering(cluster, "*2"), "A2");
  assert.equal(await answering({ of: () => cluster.of(/^CLUSTER/ as never) }), "A1");
  const names = [];
  for (const pattern of ["A1", "CLUSTER::*"]) {
    const connection = await asked((done) => cluster.getConnection(pattern, done));
    names.push(Reflect.get(connection as object, "_clusterId"));
    (connection as { release(): void }).release();
  }
  assert.deepEqual(names, ["A1", "CLUSTER::1"]);
  const none = { code: "POOL_NOEXIST", message: "Pool does Not exist." };
  await assert.rejects(asked((done) => cluster.getConnection("B*", done)), none);
  await assert.rejects(asked((done) => cluster.of("A").execute("SELECT 1", done)), none);
  await endOf(cluster);
});

test("every form of getConnection lends a connection", async () => {
  const { cluster } = clusterOf({ defaultSelector: "ORDER" });
  const forms: ((done: (error: Error | null, connection: unknown) => void) => void)[] = [
    (done) => cluster.getConnection(done),
    (done) => cluster.getConnection("A*", done),
    (done) => cluster.getConnection("A*", "RR", done),
    (done) => cluster.of("A1").getConnection(done),
  ];
  for (const form of forms) {
    const connection = await asked(form) as { threadId: number; release(): void };
    assert.ok(connection.threadId > 0);
    connection.release();
  }
  await endOf(cluster);
});

test("a cluster removes a node after removeNodeErrorCount errors, and others serve", async () => {
  const { cluster, news } = clusterOf({ removeNodeErrorCount: 2, defaultSelector: "ORDER" });
  await other.kill();
  const node = { uri: other.url() };
  cluster.remove("A*");
  cluster.add("B1", node);
  cluster.add("B2", server.url());
  await until(async () => {
    assert.equal(await answering(cluster, "B*"), "A1");
    return news.includes("remove B1");
  }, "it is tried twice, as a refusal during the outage is no attempt");
  assert.ok(news.slice(0, -2).every((item) => item === "warn ECONNREFUSED"));
  assert.deepEqual(news.slice(-2), ["remove B1", "warn ECONNREFUSED"]);
  const gone = asked((done) => cluster.getConnection("B1", done));
  await assert.rejects(gone, { code: "POOL_NOEXIST" });
  await other.restart();
  await endOf(cluster);
});

test("while nodes fail and recover, a cluster emits the same events as mysql2's", async () => {
  const down = { host: "127.0.0.1", port: 1, user: "app" };
  const outcomes = await Promise.all([mysql2, mysql].map(async ({ createPoolCluster }) => {
    const cluster = createPoolCluster({ removeNodeErrorCount: 1, restoreNodeTimeout: 100 });
    const news = newsOf(cluster);
    cluster.add("A1", down);
    cluster.add("A2", { uri: server.url() });
    cluster.add("B1", down);
    const take = (pattern: string, selector = "ORDER") =>
      asked((done) => cluster.getConnection(pattern, selector, done)).then(
        (connection) => {
          news.push(`lent ${Reflect.get(connection as object, "_clusterId")}`);
          (connection as { release(): void }).release();
        },
        ({ code }) => news.push(`failed ${code}`),
      );
    await take("A*");
    await take("A*");
    await take("A1");
    await take("B1");
    await take("C*");
    await until(async () => {
      const ask = asked((done) => cluster.getConnection("A1", done));
      return await ask.catch(({ code }) => code) === "ECONNREFUSED";
    }, "the node is tried again");
    await endOf(cluster);
    return news;
  }));
  assert.deepEqual(outcomes[1], outcomes[0]);
});

test("without canRetry, the caller gets the first failure", async () => {
  const { cluster, news } = clusterOf({ canRetry: false, defaultSelector: "ORDER" });
  await server.kill();
  await assert.rejects(answering(cluster), { code: "ECONNREFUSED" });
  await server.restart();
  await until(async () => await answering(cluster) === "A1", "it is asked again");
  assert.deepEqual(news, []);
  await endOf(cluster);
});

test("with restoreNodeTimeout, a failing node goes offline and comes back online", async () => {
  const options = { removeNodeErrorCount: 1, restoreNodeTimeout: 200, defaultSelector: "ORDER" };
  const { cluster, news } = clusterOf(options);
  await server.kill();
  assert.equal(await answering(cluster), "A2");
  assert.deepEqual(news, ["offline A1", "warn ECONNREFUSED"]);
  const offline = asked((done) => cluster.getConnection("A1", done));
  await assert.rejects(offline, { code: "POOL_NONEONLINE" });
  await server.restart();
  await until(async () => await answering(cluster) === "A1", "it is asked again");
  assert.equal(news.at(-1), "online A1");
  await endOf(cluster);
});

test("a node without a free connection counts no error; the cluster tries another", async () => {
  const { cluster, news } = clusterOf({ removeNodeErrorCount: 1, defaultSelector: "ORDER" });
  cluster.remove("A1");
  const full = { connectionLimit: 1, waitForConnections: false };
  cluster.add("B1", { uri: server.url(), ...full });
  cluster.add("B2", { uri: other.url(), ...full });
  const take = () => asked((done) => cluster.getConnection("B*", done));
  const connections = await Promise.all([take(), take()]) as { release(): void }[];
  assert.deepEqual(news, ["warn POOL_CONNLIMIT"]);
  await assert.rejects(take(), { code: "POOL_CONNLIMIT" });
  for (const connection of connections) connection.release();
  assert.equal(await answering(cluster, "B*"), "A1");
  assert.ok(!news.some((item) => item.startsWith("remove")));
  await endOf(cluster);
});

test("a cluster does not lend a connection again once its server is read-only", async () => {
  const { cluster } = clusterOf();
  const id = async (): Promise<unknown> =>
    await asked((done) => cluster.of("A1").query("SELECT CONNECTION_ID() AS id", done));
  await server.query("SET GLOBAL read_only = 1");
  try {
    for (const method of ["query", "execute"] as const) {
      const before = await id();
      const insert = asked((done) => cluster.of("A1")[method]("INSERT INTO t VALUES (1)", done));
      await assert.rejects(insert, { errno: 1290 });
      assert.notDeepEqual(await id(), before);
    }
  } finally {
    await server.query("SET GLOBAL read_only = 0");
  }
  await endOf(cluster);
});

test("a cluster that ends, ends its nodes; a node that is removed, ends", async () => {
  const { cluster } = clusterOf();
  const running = asked((done) => cluster.of("A1").query("SELECT SLEEP(0.2) AS n", done));
  await sleeper(server);
  cluster.remove("A1");
  assert.equal(await answering(cluster), "A2");
  assert.deepEqual(await running, [{ n: 0 }]);
  await endOf(cluster);
  await endOf(cluster);
  assert.equal(await other.connectionCount(), 0);
  await until(async () => await server.connectionCount() === 0, "the removed node has closed");
  await assert.rejects(answering(cluster), { code: "POOL_CLOSED" });
});

test("a cluster ignores a node whose name is taken, as mysql2's does", async () => {
  for (const { createPoolCluster } of [mysql2, mysql]) {
    const cluster = createPoolCluster();
    cluster.add("A", { uri: server.url() });
    cluster.add("A", { uri: other.url() });
    assert.equal(await answering(cluster), "A1");
    cluster.remove("A");
    cluster.add("A", { uri: other.url() });
    assert.equal(await answering(cluster), "A2");
    await endOf(cluster);
  }
});

test("a cluster that has ended refuses further nodes", async () => {
  const { cluster } = clusterOf();
  await endOf(cluster);
  const closed = { code: "POOL_CLOSED", message: "PoolCluster is closed." };
  assert.throws(() => cluster.add("A3", { uri: server.url() }), closed);
  assert.throws(() => cluster.add({ uri: server.url() }), closed);
});

test("a cluster that ends in the tick of a statement serves it", async () => {
  const { cluster } = clusterOf();
  await answering(cluster, "A1");
  const insert = asked((done) => cluster.of("A1").execute("INSERT INTO t VALUES (17)", done));
  await Promise.all([insert, endOf(cluster)]);
  assert.equal((await server.query("SELECT * FROM test.t WHERE v = 17")).length, 1);
});

test("a cluster with promises does the same", async () => {
  const cluster = promises.createPoolCluster({ defaultSelector: "ORDER" });
  cluster.add("A1", server.url());
  cluster.add("A2", { uri: other.url(), rowsAsArray: true });
  const lent = await cluster.getConnection("A*");
  assert.deepEqual((await lent.query("SELECT 1 AS n"))[0], [{ n: 1 }]);
  lent.release();
  lent.release();
  await assert.rejects(lent.query("SELECT 1"), { code: "LEASE_ENDED" });
  const some = cluster.of("A2");
  assert.deepEqual((await some.query("SELECT ?", [2]))[0], [[2]]);
  assert.deepEqual((await some.execute("SELECT ?", [3]))[0], [[3]]);
  (await some.getConnection()).release();
  const failed = await some.query("SELECT nope").catch((error: Error) => error);
  assert.match(String(Reflect.get(failed, "stack")), /cluster_test/);
  await assert.rejects(cluster.getConnection("B"), { code: "POOL_NOEXIST" });
  await assert.rejects(cluster.getConnection("*", "NEAREST"), RangeError);
  const all = cluster as unknown as Pick<typeof some, "query" | "execute">;
  assert.deepEqual((await all.query("SELECT 4 AS n"))[0], [{ n: 4 }]);
  assert.deepEqual((await all.execute("SELECT 5 AS n"))[0], [{ n: 5 }]);
  const removed: unknown[] = [];
  cluster.on("remove", (id) => removed.push(id));
  cluster.add("A3", { uri: server.url(), password: "wrong" });
  await until(async () => {
    await assert.rejects(cluster.getConnection("A3"), { errno: 1045 });
    return removed.length > 0;
  }, "the node is removed");
  assert.deepEqual(removed, ["A3"]);
  await cluster.end();
});
