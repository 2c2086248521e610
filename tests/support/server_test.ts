/** The properties of servers that tests rely on. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { createConnection } from "mysql2/promise";
import { Server, startServer } from "./server.ts";
import { lackOf } from "./server_binary.ts";
import { until } from "./wait.ts";

/** Tells whether a process runs; a zombie does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

for (const flavor of ["mariadb", "mysql"] as const) {
  const skip = lackOf(flavor) ?? false;

  test(`${flavor}: the server has the requested flavor`, { skip }, async () => {
    await using server = await startServer({ flavor });
    const [row] = await server.query("SELECT VERSION() v");
    assert.equal(/maria/i.test(String(row?.["v"])), flavor === "mariadb");
  });

  test(
    `${flavor}: a server keeps its port and its data over a restart, also after a crash`,
    { skip },
    async () => {
      await using server = await startServer({ flavor, options: ["--max-connections=33"] });
      const { port, pid } = server;
      await server.query("CREATE TABLE test.kept (n INT)");
      await server.query("INSERT INTO test.kept VALUES (7)");
      await server.restart();
      await server.kill();
      assert.equal(server.pid, undefined);
      await assert.rejects(server.query("SELECT 1"), { code: "ECONNREFUSED" });
      await server.restart();
      assert.equal(server.port, port);
      assert.notEqual(server.pid, pid);
      assert.deepEqual(await server.query("SELECT n, @@max_connections m FROM test.kept"), [
        { n: 7, m: 33 },
      ]);
    },
  );

  test(
    `${flavor}: the observer does not count itself, and app has no rights on the server`,
    { skip },
    async () => {
      await using server = await startServer({ flavor });
      assert.equal(await server.connectionCount(), 0);
      const connection = await createConnection(server.url());
      assert.equal(await server.connectionCount(), 1);
      const [rows] = await connection.query("SELECT DATABASE() d, USER() u");
      assert.deepEqual(rows, [{ d: "test", u: "app@127.0.0.1" }]);
      await assert.rejects(connection.query("SET GLOBAL max_connections = 5"), { errno: 1227 });
      await connection.end();
      await until(async () => await server.connectionCount() === 0, "the connection is gone");
    },
  );

  test(
    `${flavor}: a frozen server does not answer; a thawed one does`,
    { skip },
    async () => {
      await using server = await startServer({ flavor });
      const connection = await createConnection(server.url());
      server.freeze();
      const answer = connection.query("SELECT 1 AS one");
      const silence = new Promise((resolve) => setTimeout(resolve, 100, "silence"));
      assert.equal(await Promise.race([answer, silence]), "silence");
      server.thaw();
      assert.deepEqual((await answer)[0], [{ one: 1 }]);
      await connection.end();
    },
  );

  test(
    `${flavor}: the server's authority has signed its certificate for its address`,
    { skip },
    async () => {
      await using server = await startServer({ flavor, tls: true });
      const ssl = { ca: server.ca ?? "", verifyIdentity: true };
      const connection = await createConnection({ uri: server.url(), host: "localhost", ssl });
      const [rows] = await connection.query("SHOW STATUS LIKE 'Ssl_version'");
      assert.match(JSON.stringify(rows), /TLSv1/);
      await connection.end();
    },
  );
}

test("a server and its folder end with the process that started it, even by SIGKILL", async () => {
  const script = `
    const { startServer } = await import(${JSON.stringify(import.meta.resolve("./server.ts"))});
    const server = await startServer();
    console.log(JSON.stringify({ pid: server.pid, socketPath: server.socketPath }));
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  const { pid, socketPath } = JSON.parse(String(line));
  assert.ok(isRunning(pid));
  child.kill("SIGKILL");
  await until(() => !isRunning(pid), "the server has ended");
  await until(() => !existsSync(dirname(socketPath)), "its folder is gone");
});

test("a server that cannot start throws the end of its log, and leaves no files", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sublet-test-"));
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder;
  try {
    await assert.rejects(startServer({ options: ["--no-such-option"] }), /no-such-option/);
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
  await rmdir(folder);
});

test("the server of MYSQL_URL can be queried as its own user, but not ended", async () => {
  await using server = await startServer();
  await using given = new Server(new URL(server.url("app", "test")));
  assert.deepEqual(await given.query("SELECT USER() AS u, DATABASE() AS d"), [
    { u: "app@127.0.0.1", d: null },
  ]);
  assert.equal(given.url("root", "shop"), server.url("app", "shop"));
  await assert.rejects(given.kill(), /Cannot kill a server that is not ours/);
});

test("until throws an error that names the condition and the last error", async () => {
  const condition = (): boolean => {
    throw new Error("not yet");
  };
  await assert.rejects(until(condition, "pigs fly", { timeoutMs: 30 }), (error: Error) => {
    assert.equal(error.message, "Waited 30 ms in vain until pigs fly");
    assert.equal((error.cause as Error).message, "not yet");
    return true;
  });
});
