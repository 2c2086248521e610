/**
 * Malformed answers: the request fails at once with the code PROTOCOL_ERROR, wherever the driver
 * fails; the driver's error is the cause.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createPool, type Pool } from "../../mod.ts";
import { isLoss, isRepeatable } from "../../src/mysql/errors.ts";
import { failure, refused } from "../support/asking.ts";
import { until } from "../support/wait.ts";
import {
  column,
  type Conduct,
  type Hostility,
  ok,
  packet,
  startHostile,
} from "./hostile_server.ts";

/** How soon a request without a timeout fails, in ms. */
const toldMsMax = 1_000;

const one = packet(1, Buffer.from([1]));
const eof = (number: number): Buffer => packet(number, Buffer.from([0xfe, 0, 0, 2, 0]));
const row = (number: number): Buffer => packet(number, Buffer.from("\x03{a}"));
/** Returns a column in which the byte `at` bytes before its end is replaced. */
const strange = (at: number, byte: number): Buffer => {
  const bytes = column(2);
  bytes[bytes.length - at] = byte;
  return bytes;
};
/** Returns the head of a prepared statement with some columns and parameters. */
const prepared = (columns: number, parameters: number): Buffer =>
  packet(1, Buffer.from([0, 1, 0, 0, 0, columns, 0, parameters, 0, 0, 0, 0]));

/** The driver loses the command if another packet replaces the end of the columns. */
const unending = Buffer.concat([one, column(2), packet(3, Buffer.from("\x04rows"))]);
const halfColumn = Buffer.concat([one, packet(2, Buffer.from([4]))]);

/** Answers to a statement that is sent as text. */
const answers: Readonly<Record<string, Buffer>> = {
  "no end of its columns": unending,
  "a column of one byte": halfColumn,
  "a character set that nobody knows": Buffer.concat([one, strange(11, 0x7f), eof(3), row(4)]),
  "a row of JSON that is none": Buffer.concat([one, strange(6, 0xf5), eof(3), row(4)]),
  "a wrong number": packet(77, ok),
};

/** Answers to a COM_STMT_PREPARE. */
const preparations: Readonly<Record<string, Buffer>> = {
  "no end of its parameters": Buffer.concat([prepared(0, 1), column(2), column(3)]),
  "no end of its columns": Buffer.concat([prepared(1, 0), column(2), column(3)]),
  "a column of one byte": Buffer.concat([prepared(1, 0), packet(2, Buffer.from([4]))]),
  "nothing": packet(1, Buffer.from([0])),
};

const say = (bytes: Buffer): Conduct => (socket) => void socket.write(bytes);

/** What the server sends in place of a greeting, or of the answer to a login. */
const logins: Readonly<Record<string, Hostility>> = {
  "a greeting of one byte": { greets: say(packet(0, Buffer.from([10]))) },
  "an admission with a wrong number": { admits: say(packet(9, ok)) },
};

/** Expects a protocol error, and a pool that has closed the connection. */
async function assertNonsense(error: unknown, db: Pool<"main">): Promise<void> {
  assert.ok(error instanceof Error && "code" in error, String(error));
  assert.equal(error.code, "PROTOCOL_ERROR", String(error));
  assert.ok(isLoss(error) && isRepeatable(error));
  await until(() => db.stats().size === 0, "the connection is closed");
}

/** Sends one statement to a server that answers with some bytes, and returns the error. */
async function askOnce(bytes: Buffer, how: "query" | "execute"): Promise<unknown> {
  await using hostile = await startHostile("secret", { answers: say(bytes) });
  await using db = createPool({ uri: hostile.uri, shared: false, connectionLimit: 1 });
  const began = performance.now();
  const error = await failure(db[how]("SELECT 1"));
  const tookMs = performance.now() - began;
  assert.ok(tookMs < toldMsMax, `it took ${tookMs} ms`);
  await assertNonsense(error, db);
  return error;
}

const limits = { timeout: 5_000 };

for (const [name, bytes] of Object.entries(answers)) {
  test(`an answer with ${name} is a protocol error`, limits, async () => {
    await askOnce(bytes, "query");
  });
}

for (const [name, bytes] of Object.entries(preparations)) {
  test(`a preparation with ${name} is a protocol error`, limits, async () => {
    await askOnce(bytes, "execute");
  });
}

for (const [name, hostility] of Object.entries(logins)) {
  test(`${name} is a protocol error`, limits, async () => {
    await using hostile = await startHostile("secret", hostility);
    await using db = createPool({ uri: hostile.uri, shared: false });
    const { cause } = await refused(db.query("SELECT 1"), "CONNECT_FAILED");
    await assertNonsense(cause, db);
  });
}

test("the driver's own error is the cause of a protocol error", limits, async () => {
  const error = await askOnce(halfColumn, "query");
  assert.ok(error instanceof Error && error.cause instanceof Error);
});

test("statements behind a malformed answer fail with a protocol error too", limits, async () => {
  for (const bytes of [unending, halfColumn]) {
    await using hostile = await startHostile("secret", { answers: say(bytes) });
    await using db = createPool({ uri: hostile.uri, shared: false, connectionLimit: 1 });
    await using lease = await db.lease();
    const asked = [1, 2, 3].map(() => failure(lease.query("SELECT 1")));
    for (const error of await Promise.all(asked)) await assertNonsense(error, db);
  }
});

test("a COMMIT with a malformed answer is COMMIT_UNKNOWN", limits, async () => {
  for (const bytes of [unending, packet(77, ok)]) {
    let count = 0;
    const hostility: Hostility = {
      answers: (socket) => void socket.write(++count === 1 ? packet(1, ok) : bytes),
    };
    await using hostile = await startHostile("secret", hostility);
    await using db = createPool({ uri: hostile.uri, shared: false });
    const { cause } = await refused(db.transaction(() => undefined), "COMMIT_UNKNOWN");
    await assertNonsense(cause, db);
  }
});
