/** On real servers: an attempt to connect that fails many requests of a cluster counts once. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server as Listener } from "node:net";
import { after, before, test } from "node:test";
import mysql2 from "mysql2";
import mysql from "../../src/entries/compat.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { answeringAt, clusterAt, endOf, newsOf } from "./support/clusters.ts";

let server: Server;
let other: Server;

before(async () => {
  [server, other] = await Promise.all([startServer(), startServer()]);
});

after(async () => {
  await server?.remove();
  await other?.remove();
});

/** Starts a listener whose first connections fail; it forwards the later ones to a server. */
async function failingAtFirst(count: number, to: Server): Promise<Listener & { url: string }> {
  let left = count;
  const listener = createServer((socket) => {
    if (left-- > 0) return void socket.destroy();
    const upstream = connect(to.port, to.host);
    for (const each of [socket, upstream]) each.on("error", () => undefined);
    socket.pipe(upstream).pipe(socket);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const url = new URL(to.url());
  url.host = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
  return Object.assign(listener, { url: url.href });
}

for (const defaultSelector of ["RR", "ORDER"]) {
  test(`an attempt that fails many requests counts once, as in mysql2 (${defaultSelector})`, async () => {
    const outcomes = await Promise.all([mysql2, mysql].map(async ({ createPoolCluster }) => {
      const failing = await failingAtFirst(1, server);
      const cluster = createPoolCluster({ defaultSelector });
      const news = newsOf(cluster);
      cluster.add("A1", failing.url);
      cluster.add("A2", other.url());
      await Promise.all(Array.from({ length: 20 }, () => answeringAt(server, cluster)));
      const nodes = new Set<string>();
      await until(
        async () => nodes.add(await answeringAt(server, cluster, "*", "RR")).size === 2,
        "both serve",
      );
      await endOf(cluster);
      failing.close();
      return news.filter((item) => !item.startsWith("warn"));
    }));
    assert.deepEqual(outcomes, [[], []]);
  });
}

test("requests that time out together count as one failure of a silent node", async () => {
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { cluster, news } = clusterAt([server, other], {
    removeNodeErrorCount: 2,
    defaultSelector: "ORDER",
  });
  const { port } = silent.address() as AddressInfo;
  cluster.add("B1", { host: "127.0.0.1", port, user: "app", acquireTimeout: 50 } as never);
  cluster.add("B2", server.url());
  const burst = () =>
    Promise.all(Array.from({ length: 5 }, () => answeringAt(server, cluster, "B*")));
  assert.deepEqual(await burst(), Array(5).fill("A1"));
  assert.deepEqual(news, Array(5).fill("warn LEASE_TIMEOUT"));
  assert.deepEqual(await burst(), Array(5).fill("A1"));
  assert.ok(news.includes("remove B1"));
  await endOf(cluster);
  silent.close();
});
