/** On a real server: each caller of createPool drains its own handle of a shared pool. */

import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { build } from "esbuild";
import { createPool, type Pool } from "../../mod.ts";
import { compat } from "../../src/entries/compat.ts";
import { denoConfig } from "../support/deno_config.ts";
import { runToEnd } from "../support/run_to_end.ts";
import type { Server } from "../support/server.ts";
import { root } from "../support/source.ts";
import { until } from "../support/wait.ts";
import { workerBundling, Workerd } from "../support/workerd.ts";
import {
  busyThread,
  connected,
  endless,
  refused,
  serverOfFile,
  threadOf,
  valuesIn,
} from "./support/fixture.ts";

let server: Server;

serverOfFile((started) => server = started, {
  statements: ["CREATE TABLE t (v INT) ENGINE = InnoDB"],
  tables: ["t"],
});

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

test("a helper that drains its handle leaves the program's handle as it was", async () => {
  const db = createPool(server.url());
  const thread = await threadOf(db);
  async function helper(): Promise<number> {
    await using own = createPool(server.url());
    await own.transaction(() => own.query("INSERT INTO t VALUES (1)"));
    return await threadOf(own);
  }
  assert.equal(await helper(), thread);
  const inUnit = await db.unit(async () => {
    await db.query("SET @a = 1");
    return [await helper(), await threadOf(db)];
  });
  assert.deepEqual(inUnit, [thread, thread]);
  assert.equal(await threadOf(db), thread);
  assert.deepEqual(await valuesIn(server, "t"), [1, 1]);
  await connected(server, 1);
  await db.drain();
});

test("a handle's drain destroys at its timeout that handle's statements only", async () => {
  const [one, other] = [createPool(server.url()), createPool(server.url())];
  const stuck = refused(one.query(endless), "POOL_DRAINING");
  await busyThread(server);
  const going = other.query("INSERT INTO t SELECT SLEEP(0.4)");
  await one.drain({ timeout: 100 });
  await stuck;
  await going;
  assert.deepEqual(await valuesIn(server, "t"), [0]);
  await connected(server, 1);
  await other.drain();
});

test("pools that no code refers to close their connections, pools in use do not", async () => {
  async function forget(): Promise<Pool<"main">[]> {
    const definitions = [{}, { connectionLimit: 2 }, { shared: false }, { name: "forgotten" }];
    const pools = definitions.map((each) => createPool({ uri: server.url(), ...each }));
    pools.forEach((db) => db.on("release", () => db.stats()));
    await Promise.all(pools.map((db) => threadOf(db)));
    return pools;
  }
  let kept: Pool<"main">[] | undefined = await forget();
  const faces = kept.map((db) => compat(db).promise());
  kept = undefined;
  for (let i = 0; i < 5; i++) {
    collectGarbage();
    await Promise.all(faces.map((face) => face.query("SELECT 1")));
  }
  await connected(server, 4);
  faces.length = 0;
  await until(async () => {
    collectGarbage();
    return await server.connectionCount() === 0;
  }, "all have been closed");
});

const program = fileURLToPath(new URL("support/programs/handles.ts", import.meta.url));
const ways: Readonly<Record<string, string>> = {
  "one is drained, the other left open": "open",
  "the drain of one waits for a pause": "1",
  "both are drained": "closed",
};

for (const [way, said] of Object.entries(ways)) {
  test(`a process ends by itself, after its drains: ${way}`, async () => {
    const outcome = await runToEnd(process.execPath, [program, server.url(), way]);
    assert.deepEqual([outcome.status, outcome.lines, outcome.errors], [0, [said], ""]);
    assert.ok(outcome.lingeredMs < 3_000, `it took ${outcome.lingeredMs} ms to end`);
  });
}

const twins = "two that differ in a closure";
const runtimes: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  node: () => Promise.resolve([process.execPath, program]),
  bun: () => Promise.resolve([join(root, "node_modules", ".bin", "bun"), "run", program]),
  deno: async () => {
    const { path } = await denoConfig();
    const deno = join(root, "node_modules", ".bin", "deno");
    return [deno, "run", "-A", "--no-lock", "--no-check", "--config", path, program];
  },
};

for (const [runtime, commandOf] of Object.entries(runtimes)) {
  test(`definitions that differ only in closures warn once, on ${runtime}`, async () => {
    const [command = "", ...args] = await commandOf();
    const { status, lines, errors } = await runToEnd(command, [...args, server.url(), twins]);
    assert.deepEqual([status, lines], [0, ["made"]], errors);
    assert.equal(errors.match(/@sublet\/mysql: .*give the pool a name/g)?.length, 1, errors);
  });
}

test("definitions that differ only in closures warn once, in workerd", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sublet-worker-"));
  const outfile = join(folder, "worker.js");
  const contents = `import { createPool } from "./mod.ts";
    const make = () => createPool({ uri: "mysql://a@b/c", shared: true, password: () => "" });
    const answer = () => [1, 2, 3].map(make).length;
    export default { fetch: () => new Response(answer()) };`;
  const stdin = { contents, loader: "ts", resolveDir: root } as const;
  await build({ ...workerBundling, outfile, stdin });
  await using workerd = await Workerd.start(outfile, {});
  assert.equal(await (await fetch(workerd.url)).text(), "3");
  await until(() => workerd.said !== "", "it has warned");
  assert.equal(workerd.said.match(/give the pool a name/g)?.length, 1, workerd.said);
});
