/**
 * Hostile servers: whatever they send, a request settles in time, the process lives on and stays
 * small, no connection is left open, and the server does not get the password or a file.
 */

import assert from "node:assert/strict";
import { generateKeyPairSync, privateDecrypt } from "node:crypto";
import process from "node:process";
import { after, before, test } from "node:test";
import { createPool } from "../../mod.ts";
import { failure, refused } from "../support/asking.ts";
import { until } from "../support/wait.ts";
import {
  column,
  type Conduct,
  endlessly,
  greeting,
  type Hostile,
  type Hostility,
  ok,
  packet,
  startHostile,
} from "./hostile_server.ts";

const password = "hunter2-planted";
/** How long a request with a timeout of 500 ms may take. */
const answerMsMax = 3000;
/** How much the process may grow by what a server sends. */
const bytesMax = 300_000_000;

const crashes: unknown[] = [];
const note = (error: unknown): void => void crashes.push(error);

before(() => void process.on("uncaughtExceptionMonitor", note));
after(() => void process.off("uncaughtExceptionMonitor", note));

const salt = "twenty-bytes-of-salt";
const switchTo = (plugin: string): Conduct => (socket) => {
  const payload = Buffer.from(`\xfe${plugin}\0${salt}\0`, "latin1");
  socket.write(packet(2, payload));
};
const say = (...bytes: Buffer[]): Conduct => (socket) => void socket.write(Buffer.concat(bytes));

/** An answer that never ends: a column, and then rows, as many as a slow network carries. */
const endlessRows: Conduct = (socket) => {
  const eof = packet(3, Buffer.from([0xfe, 0, 0, 2, 0]));
  socket.write(Buffer.concat([packet(1, Buffer.from([1])), column(2), eof]));
  let number = 4;
  const rows = Array.from(
    { length: 256 },
    () => packet(number++ & 255, Buffer.from("\x04rows")),
  );
  const timer = setInterval(() => socket.write(Buffer.concat(rows)), 2);
  socket.on("close", () => clearInterval(timer));
};

const huge = Buffer.from([0xff, 0xff, 0xff, 0]);
const filler = Buffer.alloc(1 << 16, 0x41);

const hostilities: Readonly<Record<string, Hostility>> = {
  "a greeting of no end": { greets: (socket) => endlessly(socket, Buffer.concat([huge, filler])) },
  "a greeting of a huge length that does not come": { greets: say(huge) },
  "a greeting of zeros": { greets: say(packet(0, Buffer.alloc(200))) },
  "a greeting of one byte": { greets: say(packet(0, Buffer.from([10]))) },
  "a greeting with a wrong number": { greets: say(greeting(7)) },
  "an empty packet": { greets: say(packet(0, Buffer.alloc(0))) },
  "an error without a text": { greets: say(packet(0, Buffer.from([0xff]))) },
  "a plugin that wants the password as it is": { admits: switchTo("mysql_clear_password") },
  "a plugin that nobody knows": { admits: switchTo("__proto__") },
  "more data for no plugin": { admits: say(packet(2, Buffer.from([1, 4]))) },
  "an admission with a wrong number": { admits: say(packet(9, ok)) },
  "an admission of no end": {
    admits: (socket) => endlessly(socket, Buffer.concat([huge, filler])),
  },
  "rows of no end": { answers: endlessRows },
  "an answer of a huge length that does not come": {
    answers: say(Buffer.from([255, 255, 254, 1])),
  },
  "an answer of no end": { answers: (socket) => endlessly(socket, Buffer.concat([huge, filler])) },
  "columns by the billion": { answers: say(packet(1, Buffer.from("feffffffff00000000", "hex"))) },
  "rows before columns": { answers: say(packet(1, Buffer.from([1])), packet(2, Buffer.from([4]))) },
  "an answer with a wrong number": { answers: say(packet(77, ok)) },
  "a demand for a file": { answers: say(packet(1, Buffer.from("\xfb/etc/passwd", "latin1"))) },
  "an answer, and half of one": { answers: say(packet(1, ok), Buffer.from([9, 0])) },
  "two answers to one question": { answers: say(packet(1, ok), packet(1, ok)) },
  "an end in the middle": { answers: (socket) => socket.end(Buffer.from([9, 0, 0, 1, 1])) },
};

/** Sends a hostile server two statements, and expects that both settle in time. */
async function endure(hostile: Hostile): Promise<void> {
  const db = createPool({
    uri: hostile.uri,
    shared: false,
    connectionLimit: 1,
    connectTimeout: 400,
    acquireTimeout: 500,
  });
  for (const sql of ["SELECT 1", "SELECT 2"]) {
    const began = performance.now();
    await Promise.allSettled([db.query(sql, [], { timeout: 500 })]);
    const tookMs = performance.now() - began;
    assert.ok(tookMs < answerMsMax, `it took ${Math.round(tookMs)} ms`);
  }
  await db.drain({ timeout: 0 });
  await until(() => db.stats().size === 0, "nothing is open", { timeoutMs: 8000 });
}

for (const [name, hostility] of Object.entries(hostilities)) {
  test(`a server that sends ${name} does no harm`, async () => {
    const before = process.memoryUsage().rss;
    await using hostile = await startHostile(password, hostility);
    await endure(hostile);
    assert.deepEqual(crashes, []);
    assert.doesNotMatch(hostile.heard.toString("latin1"), /hunter2|root:/);
    const grownBytes = process.memoryUsage().rss - before;
    assert.ok(grownBytes < bytesMax, `it grew by ${Math.round(grownBytes / 1e6)} MB`);
  });
}

test("an answer with a wrong number is an error", async () => {
  const answers: Conduct = (socket) => void socket.write(packet(77, ok));
  await using hostile = await startHostile(password, { answers });
  await using db = createPool({ uri: hostile.uri, shared: false });
  assert.match(String(await failure(db.query("SELECT 1"))), /out of order/);
});

test("an answer without a request does not go to the next request", async () => {
  const rowsWritten = (count: number): Buffer => Buffer.from([0, count, 0, 2, 0, 0, 0]);
  let asked = 0;
  const answers: Conduct = (socket) => {
    asked++;
    socket.write(Buffer.concat([packet(1, rowsWritten(asked)), packet(1, rowsWritten(99))]));
  };
  await using hostile = await startHostile(password, { answers });
  await using db = createPool({ uri: hostile.uri, shared: false, connectionLimit: 1 });
  for (const count of [1, 2, 3]) {
    const [result] = await db.query<{ affectedRows: number }>("UPDATE t SET v = 1");
    assert.equal(result.affectedRows, count);
  }
});

test("a server that wants a plain text password gets none, and the error says so", async () => {
  await using hostile = await startHostile(password, { admits: switchTo("mysql_clear_password") });
  await using db = createPool({ uri: hostile.uri, shared: false });
  const error = await failure(db.query("SELECT 1"));
  assert.match(String(error), /mysql_clear_password/);
  assert.doesNotMatch(hostile.heard.toString("latin1"), /hunter2/);
});

/** Starts a server that asks for the password encrypted by its own key; returns what it got. */
async function keyTrap(plugin: string): Promise<[Hostile, () => string]> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const shown = publicKey.export({ type: "spki", format: "pem" }).toString();
  let number = 2;
  const more = (payload: string): Conduct =>
    say(packet(number += 2, Buffer.from(`\x01${payload}`)));
  const answers: Conduct = (socket) => {
    const isFirst = number === 2 && plugin === "caching_sha2_password";
    more(isFirst ? "\x04" : shown)(socket);
  };
  const admits: Conduct = (socket) => {
    number = 2;
    switchTo(plugin)(socket);
  };
  const hostile = await startHostile(password, { admits, answers });
  const caught = (): string => {
    const sealed = hostile.heard.subarray(-256);
    const bytes = privateDecrypt({ key: privateKey, oaepHash: "sha1" }, sealed);
    return String(bytes.map((byte, at) => byte ^ salt.charCodeAt(at % salt.length)));
  };
  return [hostile, caught];
}

for (const plugin of ["caching_sha2_password", "sha256_password"]) {
  test(`a remote server that asks by ${plugin} gets no password under its own key`, async () => {
    const [hostile, caught] = await keyTrap(plugin);
    await using _ = hostile;
    const options = { host: "0.0.0.0", shared: false, connectTimeout: 1000, acquireTimeout: 500 };
    await using db = createPool({ uri: hostile.uri, ...options, ssl: false });
    assert.match(
      String((await refused(db.query("SELECT 1"), "CONNECT_FAILED")).cause),
      /allowPublicKeyRetrieval/,
    );
    assert.throws(caught);
    await using careless = createPool({
      ...{ uri: hostile.uri, ...options, ssl: false },
      allowPublicKeyRetrieval: true,
    });
    await Promise.allSettled([careless.query("SELECT 1")]);
    assert.equal(caught(), `${password}\0`);
  });
}

test("a server that sends without end before the login is cut off", async () => {
  const greets: Conduct = (socket) => endlessly(socket, Buffer.concat([huge, filler]));
  const admits = greets;
  for (const hostility of [{ greets }, { admits }]) {
    await using hostile = await startHostile(password, hostility);
    await using db = createPool({ uri: hostile.uri, shared: false });
    assert.match(String(await failure(db.query("SELECT 1"))), /more than 1000000 bytes/);
  }
});
