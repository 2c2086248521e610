/** On a real server: how a pool ends while statements, leases and waiters are still there. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Pool } from "mysql2";
import { after, afterEach, before, test } from "node:test";
import { denoConfig } from "../support/deno_config.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { asked, ended, poolAt, promisesAt, sleeper, taken } from "./support/fixture.ts";

const closed = { code: "POOL_CLOSED", message: "Pool is closed." };

let server: Server;

before(async () => {
  server = await startServer();
  await server.query("CREATE TABLE test.t (v INT)");
});

afterEach(async () => {
  // The server notices late that a connection was destroyed without COM_QUIT.
  await until(async () => await server.connectionCount() === 0, "all connections have closed");
});

after(async () => await server?.remove());

test("end waits for running statements, refuses waiters and new requests, closes all", async () => {
  const pool = poolAt(server, { connectionLimit: 1 });
  const running = asked((done) => pool.query("SELECT SLEEP(0.2) AS n", done));
  const waiting = [asked((done) => pool.query("SELECT 1", done)), taken(pool)];
  const refused = Promise.all(waiting.map((each) => assert.rejects(each, closed)));
  await sleeper(server);
  const over = ended(pool);
  await refused;
  await assert.rejects(taken(pool), closed);
  assert.deepEqual(await running, [{ n: 0 }]);
  await over;
  assert.equal(await server.connectionCount(), 0);
  await ended(pool);
  await assert.rejects(pool.promise().query("SELECT 1"), closed);
});

for (const isWarm of [false, true]) {
  test(`end serves or refuses a statement of its tick, ${isWarm ? "warm" : "cold"}`, async () => {
    const insert = "INSERT INTO t VALUES (17)";
    const use = async (pool: Pool): Promise<void> => {
      const connection = await taken(pool);
      await asked((done) => connection.query(insert, done));
      connection.release();
    };
    const asks: ((pool: Pool) => Promise<unknown>)[] = [
      (pool) => asked((done) => pool.query(insert, done)),
      (pool) => asked((done) => pool.execute(insert, done)),
      (pool) => once(pool.query(insert), "end"),
      (pool) => pool.promise().query(insert),
      (pool) => pool.promise().execute(insert),
      use,
    ];
    for (const ask of asks) {
      await server.query("DELETE FROM test.t");
      const pool = poolAt(server);
      if (isWarm) await asked((done) => pool.query("SELECT 1", done));
      const outcome = ask(pool).then(() => 1, ({ code }) => code === closed.code ? 0 : code);
      await ended(pool);
      const rows = await server.query("SELECT * FROM test.t");
      assert.deepEqual([await outcome, rows.length], isWarm ? [1, 1] : [0, 0], String(ask));
    }
  });
}

test("end waits for leased connections", async () => {
  const pool = promisesAt(server);
  const lent = await pool.getConnection();
  await lent.beginTransaction();
  await lent.query("INSERT INTO t VALUES (1)");
  const over = pool.end();
  for (let i = 0; i < 3; i++) await lent.query("SELECT SLEEP(0.1)");
  await lent.commit();
  lent.release();
  await over;
  assert.equal((await server.query("SELECT * FROM test.t WHERE v = 1")).length, 1);
});

test("end does not wait for leased connections that nobody uses", async () => {
  const pool = poolAt(server);
  const forgotten = [await taken(pool), await taken(pool)];
  await asked((done) => forgotten[0]?.beginTransaction(done));
  await ended(pool);
  for (const connection of forgotten) {
    connection.release();
    connection.destroy();
  }
});

test("a disposed pool ends", async () => {
  {
    await using pool = promisesAt(server);
    await pool.query("SELECT 1");
  }
  assert.equal(await server.connectionCount(), 0);
  {
    using pool = poolAt(server);
    (await taken(pool)).release();
  }
  await until(async () => await server.connectionCount() === 0, "the other has ended");
});

test("an idle pool that was not ended does not keep its process alive", async () => {
  const program = fileURLToPath(new URL("./support/idle.ts", import.meta.url));
  // Deno needs a configuration that says where packages are.
  const args = "Deno" in globalThis
    ? ["run", "-A", "--no-lock", "--no-check", "--quiet", "--config", (await denoConfig()).path]
    : [];
  const child = spawn(process.execPath, [...args, program, server.url()]);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  const [status] = await once(child, "close", { signal: AbortSignal.timeout(20_000) });
  assert.equal(status, 0);
  assert.equal(output, "1\n");
  await until(async () => await server.connectionCount() === 0, "its connection is gone");
});
