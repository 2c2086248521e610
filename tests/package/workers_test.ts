/** The installed package works in Workers, bundled by esbuild or by wrangler. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { build } from "esbuild";
import { type Server, startServer } from "../support/server.ts";
import { root } from "../support/source.ts";
import { until } from "../support/wait.ts";
import { compatibilityDate, workerBundling, Workerd } from "../support/workerd.ts";
import { Installed } from "./tarball.ts";

const run = promisify(execFile);

/** Returns a worker with a pool of an entry in global scope. */
function workerOf(entry: string): string {
  return `
import { env } from "cloudflare:workers";
import { createPool } from ${JSON.stringify(entry)};

const db = createPool({ uri: () => env.MYSQL_URL });

async function answer() {
  const [rows] = await db.query("SELECT ? + ? AS sum", [3, 4]);
  return Response.json(rows);
}

export default { fetch: db.handler(answer) };
`;
}

let installed: Installed;
let server: Server;
before(async () => {
  [installed, server] = await Promise.all([Installed.create(), startServer()]);
});
after(async () => {
  await server.remove();
  await installed[Symbol.asyncDispose]();
});

for (const entry of ["@sublet/mysql", "@sublet/mysql/workerd"]) {
  test(`bundled by esbuild with one setting, ${entry} works in workerd`, async () => {
    const folder = await mkdtemp(join(installed.folder, "worker-"));
    const outfile = join(folder, "worker.js");
    await writeFile(join(installed.folder, "worker.js"), workerOf(entry));
    const { warnings } = await build({
      ...workerBundling,
      absWorkingDir: installed.folder,
      entryPoints: ["worker.js"],
      outfile,
    });
    assert.deepEqual(warnings, []);
    await assertAnswers(outfile);
  });
}

test("bundled by wrangler with no setting, the package works in workerd", async () => {
  const folder = await mkdtemp(join(installed.folder, "worker-"));
  await writeFile(join(installed.folder, "worker.js"), workerOf("@sublet/mysql"));
  const config = { name: "app", main: "worker.js", compatibility_date: compatibilityDate };
  await writeFile(join(installed.folder, "wrangler.json"), JSON.stringify(config));
  const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", NO_COLOR: "1" };
  const args = [wrangler, "deploy", "--dry-run", "--outdir", folder];
  const { stderr } = await run(process.execPath, args, { cwd: installed.folder, env });
  assert.doesNotMatch(stderr, /WARNING|ERROR/);
  await assertAnswers(join(folder, "worker.js"));
});

/** A worker that abandons a lease in each request, and allocates so that garbage is collected. */
const forgetful = `
import { env } from "cloudflare:workers";
import { createPool } from "@sublet/mysql";

async function forget(db) {
  await db.lease();
}

async function answer() {
  await forget(createPool({ uri: env.MYSQL_URL, lifespan: env.LIFESPAN }));
  for (let round = 0; round < 200; round++) new Array(200_000).fill({});
  return new Response("forgotten");
}

export default { fetch: answer };
`;

for (const lifespan of ["unit", "pool"]) {
  test(`an abandoned lease in workerd throws no exception (lifespan "${lifespan}")`, async () => {
    const folder = await mkdtemp(join(installed.folder, "worker-"));
    const outfile = join(folder, "worker.js");
    await writeFile(join(installed.folder, "worker.js"), forgetful);
    await build({
      ...workerBundling,
      absWorkingDir: installed.folder,
      entryPoints: ["worker.js"],
      outfile,
    });
    const variables = { MYSQL_URL: server.url(), LIFESPAN: lifespan };
    await using workerd = await Workerd.start(outfile, variables);
    for (let request = 0; request < 5; request++) {
      assert.equal(await (await fetch(workerd.url)).text(), "forgotten");
    }
    await until(async () => await server.connectionCount() === 0, "workerd has closed them");
    assert.doesNotMatch(workerd.said, /Uncaught/);
  });
}

/** Serves a worker twice, and expects that it answers and leaves no connection behind. */
async function assertAnswers(path: string): Promise<void> {
  await using workerd = await Workerd.start(path, { MYSQL_URL: server.url() });
  for (let request = 0; request < 2; request++) {
    const response = await fetch(workerd.url);
    assert.equal(await response.text(), '[{"sum":7}]');
    await until(async () => await server.connectionCount() === 0, "the connection has closed");
  }
}
