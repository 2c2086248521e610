/** The examples for Cloudflare Workers, bundled as an author would, and served by workerd. */

import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { build } from "esbuild";
import { type Server, startServer } from "../support/server.ts";
import { connected } from "../server/support/fixture.ts";
import { root } from "../support/source.ts";
import { workerBundling, Workerd, type WorkerSurroundings } from "../support/workerd.ts";
import { visit, visitAtOnce } from "./support/visitors.ts";

let server: Server;
before(async () => {
  server = await startServer();
});
afterEach(() => connected(server, 0));
after(() => server.remove());

/** Bundles and serves an example. */
async function serve(name: string, surroundings: WorkerSurroundings = {}): Promise<Workerd> {
  const outfile = join(await mkdtemp(join(tmpdir(), "sublet-worker-")), "worker.js");
  await build({ ...workerBundling, entryPoints: [join(root, "examples", name)], outfile });
  return await Workerd.start(outfile, { MYSQL_URL: server.url() }, surroundings);
}

/** Returns the URL of a worker, with another name of the local host if given. */
function urlOf({ url }: Workerd, host = "127.0.0.1"): string {
  return url.replace("127.0.0.1", host).replace(/\/$/, "");
}

/** Returns the configuration that binds a worker to the server by Hyperdrive. */
function hyperdrive(): WorkerSurroundings {
  const access = 'database = "test", user = "app", password = "secret", scheme = "mysql"';
  const address = `${server.host}:${server.port}`;
  return {
    bindings: [`(name = "HYPERDRIVE", hyperdrive = (designator = "database", ${access}))`],
    services: [`(name = "database", external = (address = "${address}", tcp = ()))`],
  };
}

/** The configuration that gives a worker Durable Objects. */
const durableObjects: WorkerSurroundings = {
  bindings: ['(name = "SHOP", durableObjectNamespace = "Shop")'],
  properties: [
    'durableObjectNamespaces = [(className = "Shop", uniqueKey = "shop")]',
    "durableObjectStorage = (inMemory = void)",
  ],
};

for (
  const [title, name, limit, surroundings] of [
    ["a Worker", "workers/per_request.ts", 2, () => ({})],
    ["a Worker behind Hyperdrive", "workers/hyperdrive.ts", 2, hyperdrive],
    ["Hono in a Worker", "hono.ts", 10, () => ({})],
  ] as const
) {
  test(`${title}: the connections of a request close after its answer`, async () => {
    await using workerd = await serve(name, surroundings());
    const url = urlOf(workerd);
    const connections = new Set<number>();
    for (const path of ["/first", "/second", "/third"]) {
      const answer = await visit(url, path);
      assert.equal(answer.path, path);
      connections.add(answer.connection);
      await connected(server, 0);
    }
    assert.equal(connections.size, 3);
  });

  test(`${title}: concurrent requests have their own connections, and leave none`, async () => {
    await using workerd = await serve(name, surroundings());
    assert.ok(await visitAtOnce(urlOf(workerd), server, 20) <= 20 * limit);
    await connected(server, 0);
    assert.equal((await visit(urlOf(workerd), "/last")).path, "/last");
  });
}

test("a Durable Object keeps its connection between requests", async () => {
  await using workerd = await serve("workers/durable_object.ts", durableObjects);
  const first = await visit(urlOf(workerd), "/first");
  const second = await visit(urlOf(workerd), "/second");
  assert.deepEqual([first.path, second.path], ["/first", "/second"]);
  assert.equal(second.connection, first.connection);
  assert.ok(await visitAtOnce(urlOf(workerd), server, 20) <= 4);
});

test("Durable Objects that share an isolate have separate pools", async () => {
  await using workerd = await serve("workers/durable_object.ts", durableObjects);
  const shops = ["127.0.0.1", "localhost"].map((host) => urlOf(workerd, host));
  const firsts = await Promise.all(shops.map((url) => visit(url, "/first")));
  const seconds = await Promise.all(shops.map((url) => visit(url, "/second")));
  const threads = (answers: typeof firsts): number[] => answers.map((answer) => answer.connection);
  assert.equal(new Set(threads(firsts)).size, 2);
  assert.deepEqual(threads(seconds), threads(firsts));
});
