/** On a real server: how the pool opens sessions, and the errors of connects that fail. */

import assert from "node:assert/strict";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import { once } from "node:events";
import { after, before, test } from "node:test";
import type { Connection } from "mysql2";
import { Target } from "../../src/mysql/mod.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { one, open, port, run, targetAt, type TestSession } from "./fixture.ts";

let server: Server;

before(async () => {
  server = await startServer({ options: ["--max-connections=12"], tls: true });
});

after(async () => await server?.remove());

/** Tells whether the server has no connection of a pool any more. */
async function isQuiet(): Promise<boolean> {
  return await server.connectionCount() === 0;
}

/** Listens at a free port, and gives each socket to `serve`. */
async function listen(serve: (socket: Socket) => void): Promise<NetServer & AsyncDisposable> {
  const listener = createServer((socket) => serve(socket.on("error", () => undefined)));
  await once(listener.listen(0, "127.0.0.1"), "listening");
  return listener;
}

function portOf(listener: NetServer): number {
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("It does not listen");
  return address.port;
}

test("a session opens over TCP and over the unix socket", async () => {
  const { socketPath } = server;
  for (const options of [{}, { socketPath }]) {
    const session = await open(targetAt(server, options));
    assert.equal(session.threadId, await one(session, "SELECT CONNECTION_ID()"));
    assert.equal(session.isAlive, true);
    await session.close();
  }
});

test("the pool calls a password function for each session, and for each new login", async () => {
  let asked = 0;
  const target = targetAt(server, {
    password: async () => {
      asked++;
      return await Promise.resolve("secret");
    },
  });
  const [one, other] = await Promise.all([open(target), open(target)]);
  assert.equal(asked, 2);
  await one.retarget(target);
  assert.equal(asked, 3);
  await Promise.all([one.close(), other.close()]);
  const failing = targetAt(server, { password: () => Promise.reject(new Error("no token")) });
  await assert.rejects(open(failing), /no token/);
});

test("a connect fails at its timeout if the password function does not answer", async () => {
  const password = (): Promise<string> => new Promise(() => undefined);
  await assert.rejects(open(targetAt(server, { password, connectTimeout: 50 })), {
    code: "ETIMEDOUT",
    message: "connect ETIMEDOUT: the connection was not ready within 50 ms",
  });
});

test("connectTimeout covers the whole connect with its initSql, and 0 is no limit", async () => {
  const initSql = "DO SLEEP(0.2)";
  await assert.rejects(open(targetAt(server, { initSql, connectTimeout: 100 })), {
    code: "ETIMEDOUT",
  });
  await until(isQuiet, "nothing is left of it");
  await (await open(targetAt(server, { initSql, connectTimeout: 0 }))).close();
});

test("initSql has run before a new session is handed over", async () => {
  const session = await open(targetAt(server, { initSql: ["SET @a = 1", "SET @a = @a + 1"] }));
  assert.equal(Number(await one(session, "SELECT @a")), 2);
  assert.equal(session.condition, "clean");
  await session.close();
  await assert.rejects(open(targetAt(server, { initSql: "SELECT nonsense" })), { errno: 1054 });
  await until(isQuiet, "the one whose start failed is closed");
});

test("an initSql function runs on each new session, and again after a reset", async () => {
  const begun: Connection[] = [];
  const initSql = async (connection: Connection): Promise<void> => {
    begun.push(connection);
    await connection.promise().query("SET @begun = ?", [begun.length]);
  };
  const session = await open(targetAt(server, { initSql }));
  assert.equal(Number(await one(session, "SELECT @begun")), 1);
  assert.equal(session.condition, "clean");
  await session.reset();
  assert.equal(Number(await one(session, "SELECT @begun")), 2);
  assert.equal(session.condition, "clean");
  assert.deepEqual(begun, [session.driver, session.driver]);
  await session.close();
  const failing = (): Promise<void> => Promise.reject(new RangeError("No beginning"));
  await assert.rejects(open(targetAt(server, { initSql: failing })), /No beginning/);
  await until(isQuiet, "the one whose start failed is closed");
});

test("a refused connect rejects at once, with the true reason", async () => {
  const listener = await listen(() => undefined);
  const free = portOf(listener);
  listener.close();
  const began = performance.now();
  await assert.rejects(open(new Target({ host: "127.0.0.1", port: free })), {
    code: "ECONNREFUSED",
  });
  await assert.rejects(open(targetAt(server, { password: "wrong" })), { errno: 1045 });
  await assert.rejects(
    open(targetAt(server, { database: "nowhere", user: "root", password: "" })),
    {
      errno: 1049,
    },
  );
  assert.ok(performance.now() - began < 1000);
  await until(isQuiet, "nothing is left of them");
});

test("a connect to a full server rejects, and isFull knows the error", async () => {
  const opened: TestSession[] = [];
  const found = await (async (): Promise<unknown> => {
    for (let count = 0; count < 20; count++) {
      try {
        opened.push(await open(targetAt(server)));
      } catch (error) {
        return error;
      }
    }
    return undefined;
  })();
  assert.equal(found instanceof Error && "errno" in found && found.errno, 1040);
  assert.equal(port.isFull(found), true);
  await Promise.all(opened.map((session) => session.close()));
  await until(isQuiet, "all are closed");
});

test("a connect that is aborted rejects with the reason and leaves nothing behind", async () => {
  for (const delayMs of [0, 0, 1, 1, 2, 2, 3, 4, 5, 8]) {
    const aborted = new AbortController();
    const reason = new Error("no longer wanted");
    const timer = setTimeout(() => aborted.abort(reason), delayMs);
    const connected = port.connect(targetAt(server), () => assert.fail("lost"), aborted.signal);
    try {
      await (await connected).close();
    } catch (error) {
      assert.equal(error, reason);
    }
    clearTimeout(timer);
  }
  await assert.rejects(
    port.connect(targetAt(server), () => undefined, AbortSignal.abort(new Error("before"))),
    /before/,
  );
  const hanging = targetAt(server, { password: () => new Promise<string>(() => undefined) });
  const signal = AbortSignal.timeout(20);
  await assert.rejects(port.connect(hanging, () => undefined, signal), { name: "TimeoutError" });
  await until(isQuiet, "the server has no connection");
});

test("a connect to a silent server fails after connectTimeout", async () => {
  const sockets = new Set<Socket>();
  await using listener = await listen((socket) => sockets.add(socket));
  const target = new Target({ host: "127.0.0.1", port: portOf(listener), connectTimeout: 100 });
  await assert.rejects(open(target), { code: "ETIMEDOUT" });
  await until(
    () => [...sockets].every((socket) => socket.readableEnded || socket.destroyed),
    "ends",
  );
  for (const socket of sockets) socket.destroy();
});

test("a server that hangs up at once is a lost connection, not a refused one", async () => {
  await using listener = await listen((socket) => socket.end());
  const target = new Target({ host: "127.0.0.1", port: portOf(listener) });
  await assert.rejects(open(target), { code: "PROTOCOL_CONNECTION_LOST" });
});

test("LOAD DATA LOCAL sends the server no file of the client", async () => {
  const session = await open(targetAt(server));
  await run(session, "CREATE TABLE files (line TEXT)");
  await assert.rejects(
    run(session, "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE files"),
    /loading of? ?(local data|data).*(disabled|denied|rejected)|not allowed|disabled/i,
  );
  assert.deepEqual(await run(session, "SELECT * FROM files"), []);
  await session.close();
});

test("several statements in one text are refused without multipleStatements", async () => {
  const session = await open(targetAt(server));
  await assert.rejects(run(session, "SELECT 1; SELECT 2"), { errno: 1064 });
  await session.close();
});

test("a new login changes the user, password and database of an open session", async () => {
  await server.query("CREATE DATABASE tenant");
  await server.query("CREATE USER guest");
  await server.query("GRANT SELECT ON tenant.* TO guest");
  const home = targetAt(server);
  const guest = targetAt(server, { uri: server.url("guest", "tenant"), password: "" });
  const nowhere = targetAt(server, { uri: server.url("app", "") });
  assert.equal(port.addressOf(guest), port.addressOf(home));
  const session = await open(home);
  const { threadId } = session;
  await run(session, "SET @x = 1");
  for (
    const [target, user, database] of [
      [guest, "guest@%", "tenant"],
      [nowhere, "app@%", null],
      [home, "app@%", "test"],
    ] as const
  ) {
    await session.retarget(target);
    assert.equal(session.condition, "clean");
    const [row] = await run(session, "SELECT CURRENT_USER() user, DATABASE() db, @x x");
    assert.deepEqual({ ...row }, { user, db: database, x: null });
    await run(session, "SET @x = 1");
    assert.equal(session.condition, "dirty");
  }
  assert.equal(session.threadId, threadId);
  await session.close();
});

test("a new login removes the default role of the former user", async () => {
  await server.query("CREATE ROLE powerful");
  await server.query("CREATE USER strong, weak");
  await server.query("GRANT powerful TO strong");
  const isMariaDb = /maria/i.test(String((await server.query("SELECT VERSION() v"))[0]?.["v"]));
  await server.query(`SET DEFAULT ROLE powerful ${isMariaDb ? "FOR" : "TO"} strong`);
  const options = { password: "" };
  const session = await open(targetAt(server, { uri: server.url("strong", ""), ...options }));
  assert.match(String(await one(session, "SELECT CURRENT_ROLE()")), /powerful/);
  await session.retarget(targetAt(server, { uri: server.url("weak", ""), ...options }));
  assert.doesNotMatch(String(await one(session, "SELECT CURRENT_ROLE()")), /powerful/);
  await session.close();
});

test("a new login that is refused ends the session, with the server's reason", async () => {
  const session = await open(targetAt(server));
  await assert.rejects(session.retarget(targetAt(server, { password: "wrong" })), { errno: 1045 });
  assert.equal(session.condition, "broken");
  await assert.rejects(run(session, "SELECT 1"));
  await session.close();
  await until(isQuiet, "it is gone");
});
