/**
 * On a real server: the pool executes a prepared statement directly, and still runs code that
 * others put before the driver's methods, as tracers do.
 */

import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { after, before, test } from "node:test";
import mysql2 from "mysql2";
import { type Server, startServer } from "../support/server.ts";
import { failure } from "../support/asking.ts";
import { open, run, targetAt, type TestSession } from "./fixture.ts";

const sql = "SELECT ? + 1 AS n";

let server: Server;

before(async () => {
  server = await startServer();
});

after(async () => await server?.remove());

/** A command of the driver, as dd-trace reads it. */
interface Command {
  readonly sql?: string;
  readonly query?: string;
  readonly statement?: { readonly query: string };
}

type Method = (this: object, ...args: unknown[]) => unknown;

/** Puts code before a method of an object, as tracers do; returns a function that removes it. */
function hook(object: object, name: string, see: (args: readonly unknown[]) => void): () => void {
  const own = Object.getOwnPropertyDescriptor(object, name);
  const method: Method = Reflect.get(object, name);
  Reflect.set(object, name, function (this: object, ...args: unknown[]) {
    see(args);
    return method.apply(this, args);
  });
  return () => {
    if (own === undefined) Reflect.deleteProperty(object, name);
    else Object.defineProperty(object, name, own);
  };
}

/** Opens a session while `see` runs before a method of the driver's class. */
async function opened(name: string, see: (args: readonly unknown[]) => void): Promise<TestSession> {
  const takeAway = hook(mysql2.Connection.prototype, name, see);
  try {
    return await open(targetAt(server));
  } finally {
    takeAway();
  }
}

/** Opens a session, and notes the commands that the driver gets, with their texts. */
async function watched(commands: string[]): Promise<TestSession> {
  const session = await opened("addCommand", ([command]) => {
    const { query, statement, sql } = command as Command;
    const text = statement?.query ?? query ?? sql;
    if (text === undefined) return;
    commands.push(`${Object(command).constructor.name}: ${text}`);
  });
  commands.length = 0;
  return session;
}

/** Executes a statement once for each value, and checks its answers. */
async function execute(session: TestSession, values: readonly number[]): Promise<void> {
  for (const value of values) {
    assert.deepEqual(await run(session, sql, [value], true), [{ n: value + 1 }]);
  }
}

const prepares = `Prepare: ${sql}`;

test("a statement is prepared once and then executed directly; addCommand sees each", async () => {
  const commands: string[] = [];
  const session = await watched(commands);
  await execute(session, [1, 2, 3]);
  const handle = `Execute: ${sql}`;
  assert.deepEqual(commands, [prepares, handle, handle, handle]);
  await session.close();
});

test("code before `execute` of the driver's class sees each statement", async () => {
  const texts: unknown[] = [];
  const session = await opened("execute", ([text]) => texts.push(text));
  await execute(session, [1, 2, 3]);
  assert.deepEqual(texts, [sql, sql, sql]);
  await session.close();
});

test("code before `execute` of a connection sees each statement from then on", async () => {
  const texts: unknown[] = [];
  const session = await open(targetAt(server));
  await execute(session, [1, 2]);
  const takeAway = hook(session.driver, "execute", ([text]) => texts.push(text));
  await execute(session, [3, 4]);
  takeAway();
  await execute(session, [5]);
  assert.deepEqual(texts, [sql, sql]);
  await session.close();
});

test("a subscriber to the driver's channel sees each statement from then on", async () => {
  const texts: unknown[] = [];
  const see = (message: unknown): void => void texts.push(Object(message).query);
  const session = await open(targetAt(server));
  await execute(session, [1, 2]);
  for (const part of ["start", "asyncEnd"]) {
    const channel = `tracing:mysql2:execute:${part}`;
    subscribe(channel, see);
    await execute(session, [3, 4]);
    unsubscribe(channel, see);
    await execute(session, [5]);
  }
  assert.deepEqual(texts, [sql, sql, sql, sql]);
  await session.close();
});

test("invalid values are refused, whether the text was prepared before or not", async () => {
  const session = await open(targetAt(server));
  for (const values of [[undefined], [() => 1], { n: 1 }]) {
    const first = await failure(run(session, "SELECT ? AS first", values, true));
    await execute(session, [1]);
    const second = await failure(run(session, sql, values, true));
    assert.match(String(first), /^TypeError: (?:Bind parameters must|Parameter 1 of 1 is missing)/);
    const withoutText = (error: unknown): string => String(error).replace(/: SELECT.*/, "");
    assert.equal(withoutText(second), withoutText(first));
  }
  await session.close();
});

test("named placeholders work in a text that was prepared before", async () => {
  const session = await open(targetAt(server, { namedPlaceholders: true }));
  for (const n of [1, 2]) {
    assert.deepEqual(await run(session, "SELECT :n + 1 AS n", { n }, true), [{ n: n + 1 }]);
  }
  for (const _ of [1, 2]) {
    assert.deepEqual(await run(session, "SELECT 1 AS n", undefined, true), [{ n: 1 }]);
  }
  await session.close();
});

test("a statement behind one that closes prepared statements is prepared anew", async () => {
  const commands: string[] = [];
  const session = await watched(commands);
  await execute(session, [1, 2]);
  commands.length = 0;
  const [, rows] = await Promise.all([
    run(session, "USE information_schema"),
    run(session, sql, [3], true),
  ]);
  assert.deepEqual(rows, [{ n: 4 }]);
  assert.equal(commands.filter((command) => command === prepares).length, 1);
  await session.close();
});

test("a direct execution counts as a use, so that the cache keeps the statement", async () => {
  const session = await open(targetAt(server, { maxPreparedStatements: 2 }));
  await execute(session, [1]);
  await run(session, "SELECT ? AS second", [1], true);
  await execute(session, [2]);
  await run(session, "SELECT ? AS third", [1], true);
  const before = await server.status("Com_stmt_prepare");
  await execute(session, [3]);
  assert.equal(await server.status("Com_stmt_prepare"), before);
  await run(session, "SELECT ? AS second", [1], true);
  assert.equal(await server.status("Com_stmt_prepare"), before + 1);
  await session.close();
});
