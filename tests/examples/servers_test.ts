/** The example web servers: each in its runtime, with a real server and concurrent requests. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import process from "node:process";
import { after, afterEach, before, test } from "node:test";
import { startProxy } from "../support/proxy.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { connected } from "../server/support/fixture.ts";
import { binary, onDeno, Program } from "./support/program.ts";
import { type Answer, visit, visitAtOnce } from "./support/visitors.ts";

let server: Server;
before(async () => {
  server = await startServer();
});
afterEach(() => connected(server, 0));
after(() => server.remove());

/** An example, its command, and the signal that ends it; Hono leaves the end to its runtime. */
type Example = readonly [title: string, command: readonly string[], signal?: NodeJS.Signals];

const permissions = ["--allow-net", "--allow-env"];
const anyPort = ["--host", "127.0.0.1", "--port", "0"];
const hono = "examples/hono.ts";
const examples: readonly Example[] = [
  ["node:http", [binary("node"), "examples/node_http.ts"], "SIGTERM"],
  ["Bun.serve", [binary("bun"), "examples/bun_serve.ts"], "SIGTERM"],
  ["Deno.serve", [...await onDeno("run", ...permissions), "examples/deno_serve.ts"], "SIGINT"],
  ["Hono on Bun", [binary("bun"), hono]],
  ["Hono on Deno", [...await onDeno("serve", ...permissions, ...anyPort), hono]],
];

for (const [title, command, signal] of examples) {
  const start = async (uri: string): Promise<Program> =>
    await Program.start(command, { MYSQL_URL: uri, PORT: "0" });

  test(`${title}: concurrent requests see their own session, on few connections`, async () => {
    await using program = await start(server.url());
    const url = await program.url();
    const first = await visit(url, "/first");
    assert.equal((await visit(url, "/again")).connection, first.connection);
    assert.ok(await visitAtOnce(url, server, 50) <= 10);
  });

  if (signal === undefined) continue;
  test(`${title}: on its signal, it answers open requests, and leaves no connection`, async () => {
    await using proxy = await startProxy(server);
    await using program = await start(proxy.uri);
    const url = await program.url();
    proxy.hold("toClient");
    const answer = visit(url, "/last");
    await until(() => proxy.opened > 0, "the request is under way");
    program.signal(signal);
    await until(() => isRefused(url), "it takes no request any more");
    proxy.release("toClient");
    assert.equal((await answer).path, "/last");
    assert.deepEqual(await program.ended(), [0, null], program.output);
    await connected(server, 0);
  });
}

test("Hono on Node: each request is a unit of work", async () => {
  process.env["MYSQL_URL"] = `${server.url()}?idleTimeout=100`;
  const { default: app } = await import("../../examples/hono.ts");
  const paths = Array.from({ length: 20 }, (_, i) => `/visitor/${i}`);
  const responses = await Promise.all(paths.map((path) => app.request(path)));
  const answers = await Promise.all(responses.map((response) => response.json()));
  assert.deepEqual((answers as Answer[]).map(({ path }) => path), paths);
});

/** Tells whether no server listens at a URL any more. */
async function isRefused(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const [outcome] = await Promise.allSettled([once(socket, "connect")]);
  socket.destroy();
  return outcome.status === "rejected";
}
