/**
 * On real servers: a command without a callback on the driver's own connection, such as a stream,
 * ends with its connection, for the true reason, and with the signal of its unit.
 */

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { Readable } from "node:stream";
import { test } from "node:test";
import type { Lease, Pool } from "../../mod.ts";
import { onBoth, serversOf } from "../support/both.ts";
import type { Server } from "../support/server.ts";
import { until } from "../support/wait.ts";
import {
  busyThread,
  busyThreads,
  connected,
  endless,
  failure,
  one,
  poolAt,
  refused,
  threadOf,
} from "./support/fixture.ts";

/** More rows than any test reads. */
const rows = "SELECT REPEAT('x', 1000) AS x FROM information_schema.columns a, " +
  "information_schema.columns b";
const reason = new Error("The client has gone");

const serverOf = serversOf([]);
const gone = (server: Server): Promise<void> => connected(server, 0);
const withServer = onBoth(serverOf, gone);

/** Declares a test on both servers, with a pool of one connection. */
function testOnBoth(name: string, fn: (server: Server, db: Pool<"main">) => Promise<void>): void {
  withServer(name, async (server) => {
    await using db = poolAt(server, { connectionLimit: 1 });
    await fn(server, db);
  });
}

function streamOf(lease: Lease, sql: string): Readable {
  return lease.connection.query(sql).stream({ highWaterMark: 2 });
}

/** Reads a stream, and calls `then` at the first row. */
async function read(stream: Readable, then: () => unknown): Promise<void> {
  let count = 0;
  for await (const _ of stream) if (count++ === 0) await then();
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

testOnBoth("a stream fails when the server ends its connection, and its unit ends", async (
  server,
  db,
) => {
  const unit = db.unit(async () => {
    await using lease = await db.lease();
    const { threadId } = lease;
    await read(streamOf(lease, rows), () => server.query(`KILL ${threadId}`));
  });
  assert.equal(codeOf(await failure(unit)), "PROTOCOL_CONNECTION_LOST");
  assert.equal(await one(db, "SELECT 7"), 7);
});

testOnBoth("a stream that waits behind another statement fails with the same loss", async (
  server,
  db,
) => {
  await using lease = await db.lease();
  const first = read(streamOf(lease, endless), () => undefined);
  const second = read(streamOf(lease, "SELECT 1"), () => undefined);
  const outcomes = Promise.all([failure(first), failure(second)]);
  await server.query(`KILL ${await busyThread(server)}`);
  assert.deepEqual((await outcomes).map(codeOf), Array(2).fill("PROTOCOL_CONNECTION_LOST"));
});

testOnBoth("a stream that its holder stopped reading ends when the pool drains", async (_, db) => {
  const lease = await db.lease();
  const stream = streamOf(lease, rows);
  const told = once(stream, "error");
  await once(stream, "readable");
  await until(() => stream.readableLength >= 2, "it is full");
  await db.drain({ timeout: 50 });
  assert.equal(codeOf((await told)[0]), "POOL_DRAINING");
  await refused(lease.query("SELECT 1"), "CONNECTION_LOST");
});

testOnBoth("a stream ends when a statement behind it times out", async (server, db) => {
  await using lease = await db.lease();
  const streaming = failure(read(streamOf(lease, endless), () => undefined));
  await busyThread(server);
  await refused(lease.query("SELECT 1", [], { timeout: 100 }), "STATEMENT_TIMEOUT");
  const { cause } = await streaming as Error;
  assert.equal(codeOf(cause), "STATEMENT_TIMEOUT");
});

for (const [how, sql] of [["is read", rows], ["has no row yet", endless]] as const) {
  testOnBoth(`the signal of a unit ends a stream that ${how}, at the server too`, async (
    server,
    db,
  ) => {
    const thread = await threadOf(db);
    const abort = new AbortController();
    const unit = failure(db.unit(async () => {
      await using lease = await db.lease();
      await read(streamOf(lease, sql), () => abort.abort(reason));
    }, { signal: abort.signal }));
    await busyThread(server);
    abort.abort(reason);
    assert.equal(await unit, reason);
    assert.equal(await threadOf(db), thread);
    await until(async () => (await busyThreads(server)).length === 0, "nothing runs");
  });
}

testOnBoth("the signal of a unit ends a stream that is paused", async (_, db) => {
  const thread = await threadOf(db);
  const abort = new AbortController();
  await db.unit(async () => {
    await using lease = await db.lease();
    const { connection } = lease;
    const stream = streamOf(lease, rows);
    const told = once(stream, "error");
    await once(stream, "readable");
    abort.abort(reason);
    assert.equal((await told)[0], reason);
    assert.equal(await failure(connection.promise().query("SELECT 1")), reason);
  }, { signal: abort.signal });
  assert.equal(await threadOf(db), thread);
});

testOnBoth("the signal of a unit ends commands with callbacks and promises", async (server, db) => {
  const abort = new AbortController();
  await db.unit(async () => {
    await using lease = await db.lease();
    const promises = lease.connection.promise();
    const asked = [
      promises.query(endless),
      promises.execute("SELECT 1"),
      promises.prepare("SELECT 2"),
      promises.ping(),
      new Promise((resolve, reject) =>
        lease.connection.query("SELECT 3", (error) => error ? reject(error) : resolve(3))
      ),
    ].map(failure);
    await busyThread(server);
    abort.abort(reason);
    assert.deepEqual(await Promise.all(asked), asked.map(() => reason));
  }, { signal: abort.signal });
  assert.equal(await one(db, "SELECT 7"), 7);
});

/** The driver's commands without a callback. */
const commands = {
  "query": ({ connection }) => connection.query("SELECT 1"),
  "execute": ({ connection }) => connection.execute("SELECT 1"),
  "prepare": ({ connection }) => emitted(connection.prepare("SELECT 1")),
  "ping": ({ connection }) => emitted((connection.ping as () => unknown)()),
  "a statement with a time of its own": ({ connection }) =>
    connection.query({ sql: "SELECT 1", timeout: 100 }),
} satisfies Record<string, (lease: Lease) => EventEmitter>;

function emitted(command: unknown): EventEmitter {
  assert.ok(command instanceof EventEmitter);
  return command;
}

testOnBoth("every command without a callback emits a loss, whether it runs or waits", async (
  server,
  db,
) => {
  await using lease = await db.lease();
  const running = lease.connection.query({ sql: endless, timeout: 60_000 });
  const waiting = Object.values(commands).map((ask) => ask(lease));
  // These have no listener: their error must not be uncaught.
  for (const ask of Object.values(commands)) ask(lease);
  const told = [running, ...waiting].map(async (command) => (await once(command, "error"))[0]);
  await server.query(`KILL ${await busyThread(server)}`);
  const errors = await Promise.all(told);
  assert.deepEqual(errors.map(codeOf), errors.map(() => "PROTOCOL_CONNECTION_LOST"));
});

test("a command after the loss emits the loss as its error, once", async () => {
  const server = await serverOf("mariadb");
  await using db = poolAt(server, { connectionLimit: 1 });
  await using lease = await db.lease();
  const { connection, threadId } = lease;
  await server.query(`KILL ${threadId}`);
  await until(() => connection.state !== "authenticated", "it is lost");
  for (const [name, ask] of Object.entries(commands)) {
    const command = ask({ connection } as Lease);
    const heard: unknown[] = [];
    command.on("error", (error: unknown) => heard.push(error));
    await new Promise((resolve) => command.on("end", resolve));
    assert.deepEqual(heard.map(codeOf), ["PROTOCOL_CONNECTION_LOST"], name);
  }
  const heard: unknown[] = [];
  connection.execute("SELECT 1", (error: unknown) => heard.push(error));
  await until(() => heard.length > 0, "its callback is called");
  assert.deepEqual(heard.map(codeOf), ["PROTOCOL_CONNECTION_LOST"]);
});
