/** In Workers: compat pools, created in global scope and in a request. */

import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { startServer } from "../support/server.ts";
import { root } from "../support/source.ts";
import { until } from "../support/wait.ts";
import { workerBundling, Workerd } from "../support/workerd.ts";

/** Returns a worker that queries a global pool, compat(db), and a pool created in each request. */
function workerAt(uri: string): string {
  return `
import { env } from "cloudflare:workers";
import mysql, { compat } from "./src/entries/compat.ts";
import promises from "./src/entries/compat_promise.ts";
import { createPool } from "./mod.ts";

const pool = mysql.createPool(${JSON.stringify(uri)});
pool.on("connection", (connection) => connection.query("SET @told = 1"));
const db = createPool({ uri: () => env.MYSQL_URL });
const face = compat(db).promise();

async function answer() {
  const told = await new Promise((resolve, reject) => {
    pool.query("SELECT @told AS n", (error, rows) => error ? reject(error) : resolve(rows));
  });
  const own = promises.createPool(${JSON.stringify(uri)});
  const connection = await own.getConnection();
  const [ofOwn] = await connection.execute("SELECT ? AS n", [2]);
  connection.release();
  await own.end();
  const [ofFace] = await face.query("SELECT 3 AS n");
  return Response.json([told, ofOwn, ofFace]);
}

export default { fetch: db.handler(answer) };
`;
}

test("compat pools serve request after request, and leave no connection open", async () => {
  await using server = await startServer();
  const folder = await mkdtemp(join(tmpdir(), "sublet-worker-"));
  const outfile = join(folder, "worker.js");
  const contents = workerAt(server.url());
  const stdin = { contents, loader: "ts", resolveDir: root } as const;
  await build({ ...workerBundling, outfile, stdin });
  await using workerd = await Workerd.start(outfile, { MYSQL_URL: server.url() });
  for (let i = 0; i < 3; i++) {
    const response = await fetch(workerd.url, { signal: AbortSignal.timeout(20_000) });
    assert.deepEqual(await response.json(), [[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]]);
  }
  await until(async () => await server.connectionCount() === 0, "all connections have closed");
});
