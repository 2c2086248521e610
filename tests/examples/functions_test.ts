/**
 * The examples for serverless hosts, called with the signature of their host, in processes that the
 * tests freeze between requests as the host does.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Proxy, startProxy } from "../support/proxy.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { busyThreads, connected } from "../server/support/fixture.ts";
import { binary, Program } from "./support/program.ts";
import type { Answer } from "./support/visitors.ts";

const instance = fileURLToPath(new URL("support/instance.ts", import.meta.url));

let server: Server;
before(async () => {
  server = await startServer();
});
afterEach(async () => {
  await connected(server, 0);
  await server.query("SET GLOBAL wait_timeout = 28800");
});
after(() => server.remove());

async function start(host: "lambda" | "vercel", url = server.url()): Promise<Program> {
  const variables = { MYSQL_URL: url, VERCEL_URL: "shop.vercel.app", VERCEL_REGION: "fra1" };
  return await Program.start([binary("node"), instance, host], variables);
}

/** Tells whether the session behind a proxy has been reset, and the pool has read the answers. */
async function isAtRest(proxy: Proxy): Promise<boolean> {
  const [last, before] = proxy.commands.toReversed();
  if (before !== "RESET" || !last?.startsWith("QUERY SET SESSION")) return false;
  return (await busyThreads(server)).length === 0 &&
    proxy.readByClients === proxy.received.toClient;
}

/** A little more than the idle time after which the pool pings a connection before a lease. */
const validateAfterMs = 600;

async function visit(program: Program, path: string): Promise<Answer> {
  return await program.ask(path) as Answer;
}

for (const host of ["lambda", "vercel"] as const) {
  test(`on ${host}, a request succeeds after a freeze longer than wait_timeout`, async () => {
    await server.query("SET GLOBAL wait_timeout = 1");
    await using program = await start(host);
    const first = await visit(program, "/first");
    assert.equal(first.path, "/first");
    assert.equal((await visit(program, "/again")).connection, first.connection);
    program.signal("SIGSTOP");
    await connected(server, 0);
    program.signal("SIGCONT");
    const { path, connection } = await visit(program, "/thawed");
    assert.equal(path, "/thawed");
    assert.notEqual(connection, first.connection);
  });
}

test("on lambda, the pool pings a connection after a freeze, and lends it again", async () => {
  await using proxy = await startProxy(server);
  await using program = await start("lambda", proxy.uri);
  const first = await visit(program, "/first");
  await until(async () => await isAtRest(proxy), "the session is wiped");
  program.signal("SIGSTOP");
  const stoppedAt = performance.now();
  await until(() => performance.now() - stoppedAt > validateAfterMs, "it stood still for long");
  proxy.forget();
  program.signal("SIGCONT");
  assert.equal((await visit(program, "/thawed")).connection, first.connection);
  const commands = proxy.forget();
  const asked = commands.indexOf("PING");
  assert.ok(asked >= 0 && asked < commands.indexOf("QUERY SET @path = '/thawed'"), `${commands}`);
});

test("on lambda, an idle connection does not keep the process alive", async () => {
  await using program = await start("lambda");
  await visit(program, "/");
  await connected(server, 1);
  program.close();
  assert.deepEqual(await program.ended(), [0, null], program.output);
});

test("on vercel, an instance stays awake until idle connections close, no longer", async () => {
  await using program = await start("vercel");
  const { connection } = await visit(program, "/");
  await connected(server, 1);
  // The program prints this when no promise is pending: Vercel waits for idleTimeout and 100 ms.
  assert.equal(await program.said(/"removed":\[([\d,]*)\]/), String(connection));
  await connected(server, 0);
  assert.doesNotMatch(program.output, /outside of request scope/);
  program.close();
  assert.deepEqual(await program.ended(), [0, null], program.output);
});
