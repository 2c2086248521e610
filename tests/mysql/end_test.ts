/** On a real server: how sessions end, and how their running statements end. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { after, before, test } from "node:test";
import type { Loss } from "../../src/port/session.ts";
import { endless } from "../support/asking.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { open, run, targetAt, type TestSession } from "./fixture.ts";

let server: Server;

before(async () => {
  server = await startServer({ tls: true });
});

after(async () => await server?.remove());

async function isQuiet(): Promise<boolean> {
  return await server.connectionCount() === 0;
}

/** Starts an endless statement, and returns its outcome once the server runs the statement. */
async function busy(
  session: TestSession,
  signal?: AbortSignal,
): Promise<{ answer: Promise<unknown> }> {
  const statement = { sql: endless, values: undefined, isPrepared: false, options: undefined };
  const answer = session.run(statement, signal).catch((error: unknown) => error);
  await until(async () => {
    const rows = await server.query(
      "SELECT 1 FROM information_schema.processlist WHERE id = ? AND info LIKE 'SELECT COUNT%'",
      [session.threadId],
    );
    return rows.length > 0;
  }, "the server is at it");
  return { answer };
}

async function kill(session: TestSession): Promise<void> {
  await server.query(`KILL ${session.threadId}`);
}

for (const name of ["plain", "TLS"]) {
  const options = (): object => name === "TLS" ? { ssl: { ca: server.ca } } : {};

  test(`${name}: a session that the server ends is lost once, and then rejects`, async () => {
    const losses: Loss[] = [];
    const session = await open(targetAt(server, options()), losses);
    await kill(session);
    await until(() => losses.length > 0, "it is lost");
    assert.equal(session.isAlive, false);
    assert.equal(session.condition, "broken");
    const loss = losses[0];
    assert.equal(loss?.byServer, true);
    assert.equal(codeOf(loss?.cause), "PROTOCOL_CONNECTION_LOST");
    await assert.rejects(run(session, "SELECT 1"), (error) => error === loss?.cause);
    await assert.rejects(session.check(), (error) => error === loss?.cause);
    await session.close();
    assert.equal(losses.length, 1);
  });

  test(`${name}: a running statement rejects when the server ends the session`, async () => {
    const losses: Loss[] = [];
    const session = await open(targetAt(server, options()), losses);
    const { answer } = await busy(session);
    const behind = run(session, "SELECT 1").catch((error: unknown) => error);
    await kill(session);
    assert.equal(codeOf(await answer), "PROTOCOL_CONNECTION_LOST");
    assert.equal(codeOf(await behind), "PROTOCOL_CONNECTION_LOST");
    await until(() => losses.length === 1, "it is lost");
    assert.equal(losses[0]?.byServer, true);
  });

  test(`${name}: an abort rejects at once, and ends the session`, async () => {
    const losses: Loss[] = [];
    const session = await open(targetAt(server, options()), losses);
    const aborted = new AbortController();
    const { answer } = await busy(session, aborted.signal);
    const behind = run(session, "SELECT 1").catch((error: unknown) => error);
    const reason = Object.freeze(new Error("enough"));
    const began = performance.now();
    aborted.abort(reason);
    assert.equal(await answer, reason);
    assert.ok(performance.now() - began < 50);
    assert.equal(session.condition, "broken");
    assert.equal(codeOf(await behind), "ECONNABORTED");
    await until(() => losses.length === 1, "it is lost");
    assert.equal(losses[0]?.byServer, false);
    await session.close();
    await server.query(`KILL ${session.threadId}`).catch(() => undefined);
  });

  test(`${name}: destroy rejects a running statement with its reason, and is no loss`, async () => {
    const losses: Loss[] = [];
    const session = await open(targetAt(server, options()), losses);
    const { answer } = await busy(session);
    const reason = new Error("the pool has no use for it");
    session.destroy(reason);
    assert.equal(await answer, reason);
    await session.close();
    assert.deepEqual(losses, []);
    await server.query(`KILL ${session.threadId}`).catch(() => undefined);
  });

  test(`${name}: close sends COM_QUIT, and the server has closed its side after that`, async () => {
    await until(isQuiet, "the server has let go of those before");
    const losses: Loss[] = [];
    const aborted = Number(await server.status("Aborted_clients"));
    const session = await open(targetAt(server, options()), losses);
    session.setRef(false);
    await session.close();
    await until(isQuiet, "the server has let go");
    assert.equal(Number(await server.status("Aborted_clients")), aborted);
    assert.deepEqual(losses, []);
    await assert.rejects(run(session, "SELECT 1"), /closed/);
    await session.close();
  });
}

test("a process ends by itself while a session is idle, with and without TLS", async () => {
  for (const ssl of [undefined, { ca: server.ca }]) {
    const script = `
      import { createConnector, Target } from ${JSON.stringify(here("../../src/mysql/mod.ts"))};
      import { adapter } from ${JSON.stringify(here("../../src/adapters/node.ts"))};
      const port = createConnector(adapter);
      const target = new Target(${JSON.stringify({ uri: server.url(), ssl })});
      const session = await port.connect(target, () => {}, new AbortController().signal);
      session.setRef(false);
    `;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
      stdio: "inherit",
    });
    assert.deepEqual(await once(child, "exit"), [0, null]);
  }
});

test("close does not wait for a busy session", async () => {
  const session = await open(targetAt(server));
  const { answer } = await busy(session);
  const began = performance.now();
  await session.close();
  assert.ok(performance.now() - began < 500);
  assert.equal(codeOf(await answer), "ECONNABORTED");
  await server.query(`KILL ${session.threadId}`).catch(() => undefined);
});

test("a check notices a server that stands still, and a close ends in bounded time", async () => {
  const losses: Loss[] = [];
  const [one, other] = await Promise.all([
    open(targetAt(server), losses),
    open(targetAt(server), losses),
  ]);
  await one.check();
  server.freeze();
  try {
    const began = performance.now();
    await Promise.all([assert.rejects(one.check(), { code: "ETIMEDOUT" }), other.close()]);
    assert.ok(performance.now() - began < 1500);
    assert.equal(one.condition, "broken");
  } finally {
    server.thaw();
  }
  await until(() => losses.length === 1, "the one that was checked is lost");
  assert.equal(losses[0]?.byServer, true);
});

test("an aborted session counts as open until the server has ended it too", async () => {
  const session = await open(targetAt(server));
  const aborted = new AbortController();
  const { answer } = await busy(session, aborted.signal);
  const reason = new Error("enough");
  aborted.abort(reason);
  assert.equal(await answer, reason);
  let isClosed = false;
  const closed = session.close().then(() => isClosed = true);
  const sql = "SELECT id FROM information_schema.processlist WHERE id = ?";
  assert.equal((await server.query(sql, [session.threadId])).length, 1);
  assert.equal(isClosed, false);
  await server.query(`KILL ${session.threadId}`);
  await closed;
});

test("a statement whose own timeout passes ends the session, in bounded time", async () => {
  const session = await open(targetAt(server));
  const options = { timeout: 50 };
  const statement = { sql: endless, values: undefined, isPrepared: false, options };
  await assert.rejects(session.run(statement, undefined), { code: "PROTOCOL_SEQUENCE_TIMEOUT" });
  assert.equal(session.condition, "broken");
  const began = performance.now();
  await session.close();
  assert.ok(performance.now() - began < 6000);
  await server.query(`KILL ${session.threadId}`).catch(() => undefined);
});

test("a row that the driver cannot read ends the session: it would misread the rest", async () => {
  const losses: Loss[] = [];
  const session = await open(targetAt(server), losses);
  const typeCast = (): unknown => {
    throw new Error("no such type");
  };
  const sql = "SELECT REPEAT('x', 1000) FROM information_schema.columns";
  const statement = { sql, values: undefined, isPrepared: false, options: { typeCast } };
  const answer = session.run(statement, undefined);
  const behind = run(session, "SELECT 'mine' AS whose").catch((error: unknown) => error);
  await assert.rejects(answer, /no such type/);
  assert.ok(await behind instanceof Error);
  assert.equal(session.condition, "broken");
  await until(() => losses.length === 1, "it is lost");
  assert.equal(losses[0]?.byServer, false);
});

test("an error before the driver sends anything leaves the session as it was", async () => {
  const session = await open(targetAt(server));
  const aborted = new AbortController();
  const statement = { sql: "SELECT ?", values: [undefined], isPrepared: true, options: undefined };
  await assert.rejects(session.run(statement, aborted.signal), /is missing or undefined/);
  aborted.abort();
  assert.equal(session.condition, "clean");
  await assert.rejects(session.run(statement, AbortSignal.abort(new Error("late"))), /late/);
  assert.equal(session.condition, "clean");
  await session.close();
});

test("an abort after the answer does nothing, and no listener stays on the signal", async () => {
  const session = await open(targetAt(server));
  const aborted = new AbortController();
  let listeners = 0;
  const { signal } = aborted;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>): void => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>): void => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  const statement = { sql: "SELECT 1", values: undefined, isPrepared: false, options: undefined };
  await session.run(statement, signal);
  await assert.rejects(session.run({ ...statement, sql: "SELECT nonsense" }, signal));
  assert.equal(listeners, 0);
  aborted.abort();
  assert.equal(session.condition, "clean");
  await session.close();
});

test("a loss that the holder causes on the driver's connection is not the server's", async () => {
  for (const end of ["end", "destroy"] as const) {
    const losses: Loss[] = [];
    const session = await open(targetAt(server), losses);
    session.driver[end]();
    assert.equal(session.condition, "broken");
    await until(() => losses.length === 1, "it is lost");
    assert.equal(losses[0]?.byServer, false);
  }
});

test("a connection destroyed amid a statement counts until the server ends it", async () => {
  const session = await open(targetAt(server));
  const { answer } = await busy(session);
  let isClosed = false;
  session.driver.destroy();
  const closing = session.close().then(() => isClosed = true);
  const threads = await server.query("SELECT 1 FROM information_schema.processlist WHERE id = ?", [
    session.threadId,
  ]);
  assert.deepEqual([threads.length, isClosed], [1, false]);
  await kill(session);
  await closing;
  assert.equal(codeOf(await answer), "ECONNABORTED");
});

test("a server that crashes is a loss for all sessions, idle or busy", async () => {
  const losses: Loss[] = [];
  const [idle, other] = await Promise.all([
    open(targetAt(server), losses),
    open(targetAt(server), losses),
  ]);
  const { answer } = await busy(other);
  await server.kill();
  assert.equal(codeOf(await answer), "PROTOCOL_CONNECTION_LOST");
  await until(() => losses.length === 2, "both are lost");
  assert.deepEqual(losses.map(({ byServer }) => byServer), [true, true]);
  assert.equal(idle.condition, "broken");
  await assert.rejects(open(targetAt(server)), { code: "ECONNREFUSED" });
  await server.restart();
  await (await open(targetAt(server))).close();
});

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : error;
}

function here(path: string): string {
  return new URL(path, import.meta.url).href;
}
