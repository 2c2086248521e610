/**
 * The snippets in README for hosts without an example file: each test takes its snippet from README
 * and calls it as the host does.
 */

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, afterEach, before, test } from "node:test";
import type { Pool } from "../../mod.ts";
import { startProxy } from "../support/proxy.ts";
import { type Server, startServer } from "../support/server.ts";
import { root } from "../support/source.ts";
import { until } from "../support/wait.ts";
import {
  busyThread,
  connected,
  endless,
  one,
  refused,
  threadOf,
} from "../server/support/fixture.ts";
import { binary, onDeno, Program } from "./support/program.ts";
import { visit, visitAtOnce } from "./support/visitors.ts";

/** How long Deno Deploy waits after SIGINT. */
const deployMsMax = 5_000;

const names = ["netlify/functions/visit.js", "lib/db.js", "src/hooks.server.js", "server.js"];

let server: Server;
let folder: string;
let shown: readonly string[];
before(async () => {
  server = await startServer();
  process.env["MYSQL_URL"] = server.url();
  folder = await mkdtemp(join(tmpdir(), "sublet-hosts-"));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  shown = await placeSnippets();
});
afterEach(() => connected(server, 0));
after(async () => {
  await server.remove();
  await rm(folder, { recursive: true });
});

/** Writes each snippet to the file that its first line names; returns the names. */
async function placeSnippets(): Promise<string[]> {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const snippets = [...readme.matchAll(/^```js\n(?:\/\/ (.+)\n)?([^]*?)^```$/gm)];
  for (const [, name = "", code = ""] of snippets) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, code.replaceAll('"@sublet/mysql"', JSON.stringify(join(root, "mod.ts"))));
  }
  return snippets.map(([, name = ""]) => name);
}

async function load<Module>(name: string, query = ""): Promise<Module> {
  return await import(`${join(folder, name)}?${query}`);
}

test("README has snippets for these hosts and no others", () => {
  assert.deepEqual(shown, names);
});

test("Netlify: connections close after the answer, by the context's waitUntil", async () => {
  interface Context {
    waitUntil(promise: Promise<unknown>): void;
  }
  type Handler = (request: Request, context: Context) => Promise<Response>;
  const { default: handler } = await load<{ default: Handler }>("netlify/functions/visit.js");
  const promises: Promise<unknown>[] = [];
  const context: Context = { waitUntil: (promise) => void promises.push(promise) };
  const response = await handler(new Request("http://localhost/first"), context);
  assert.deepEqual(await response.json(), { path: "/first" });
  assert.equal(promises.length, 1);
  await Promise.all(promises);
  await connected(server, 0);
});

test("Next.js: a module evaluated again gets the same pool, unless options change", async () => {
  type Module = { readonly db: Pool<"main"> };
  const { db } = await load<Module>("lib/db.js", "v=1");
  const thread = await threadOf(db);
  const again = await load<Module>("lib/db.js", "v=2");
  assert.equal(await threadOf(again.db), thread);
  assert.equal(await threadOf(db), thread);
  process.env["MYSQL_URL"] = server.url("root");
  const changed = await load<Module>("lib/db.js", "v=3");
  process.env["MYSQL_URL"] = server.url();
  assert.match(String(await one(changed.db, "SELECT CURRENT_USER()")), /^root@/);
  for (const former of [db, again.db]) await refused(threadOf(former), "POOL_DRAINING");
  await changed.db.drain();
});

test("SvelteKit: each request is a unit of work, and its signal ends the unit", async () => {
  interface RequestEvent {
    readonly request: Request;
    readonly platform?: object;
  }
  type Resolve = (event: RequestEvent) => Promise<Response>;
  type Handle = (input: { event: RequestEvent; resolve: Resolve }) => Promise<Response>;
  const { handle } = await load<{ handle: Handle }>("src/hooks.server.js");
  const { db } = await load<{ readonly db: Pool<"main"> }>("lib/db.js");
  const resolve: Resolve = async ({ request }) => {
    await db.query("SET @path = ?", [new URL(request.url).pathname]);
    return new Response(String(await one(db, "SELECT @path")));
  };
  const paths = Array.from({ length: 20 }, (_, i) => `/visitor/${i}`);
  const responses = await Promise.all(paths.map((path) => {
    return handle({ event: { request: new Request(`http://localhost${path}`) }, resolve });
  }));
  assert.deepEqual(await Promise.all(responses.map((response) => response.text())), paths);

  const gone = new AbortController();
  const request = new Request("http://localhost/", { signal: gone.signal });
  const answer = handle({
    event: { request },
    resolve: async () => Response.json(await db.query(endless)),
  });
  const thread = await busyThread(server);
  gone.abort(new Error("The client has gone"));
  await assert.rejects(answer, { message: "The client has gone" });
  // The server does not notice that the client has gone, and would run the statement on.
  await server.query(`KILL ${thread}`);
  await db.drain();
});

test("Elysia: handlers have the pool, which ends with the server", async () => {
  const variables = { MYSQL_URL: server.url(), PORT: "0" };
  await using program = await Program.start([binary("bun"), join(folder, "server.js")], variables);
  const url = await program.url();
  assert.ok(await visitAtOnce(url, server, 20) <= 10);
  program.signal("SIGTERM");
  assert.deepEqual(await program.ended(), [0, null], program.output);
  await connected(server, 0);
});

test("Deno Deploy: the process ends in time, even during a request", async () => {
  await using proxy = await startProxy(server);
  const command = [...await onDeno("run", "--allow-net", "--allow-env"), "examples/deno_serve.ts"];
  await using program = await Program.start(command, { MYSQL_URL: proxy.uri, PORT: "0" });
  const url = await program.url();
  proxy.hold("toClient");
  const answer = visit(url, "/last");
  await until(() => proxy.opened > 0, "the request is under way");
  const signalledAt = performance.now();
  program.signal("SIGINT");
  await assert.rejects(answer);
  assert.deepEqual(await program.ended(), [0, null], program.output);
  assert.ok(performance.now() - signalledAt < deployMsMax);
});
