/**
 * A connection that is cut at every byte of a handshake and of a result: the caller gets an error
 * in time and never a wrong result, no connection is left, and the pool serves again.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import type { PoolOptions } from "../../mod.ts";
import { refused } from "../support/asking.ts";
import type { Direction, Ending } from "../support/proxy.ts";
import { type Server, startServer } from "../support/server.ts";
import { lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";
import { assertNeverWrong, bytesOf, eachBelow, openLine, recovers } from "./support/cuts.ts";

/** The timeout of a connect or an answer, in ms, when the network goes silent. */
const patienceMs = 150;

const sql = "SELECT 12345 AS number, 'some text' AS text, NULL AS nothing";
const right = [{ number: 12345, text: "some text", nothing: null }];
const endings: readonly Ending[] = ["reset", "finish", "silence"];

/** The step between cuts: every byte, or some bytes only for silence, which takes a timeout. */
const stepOf = (ending: Ending): number => ending === "silence" ? 5 : 1;

/** Returns the least number of bytes that a server sends until a session is usable. */
async function handshakeBytes(server: Server, options: PoolOptions): Promise<number> {
  const counts: number[] = [];
  // MySQL sends more at a user's first login, and the pool queries more at its first connect.
  for (let i = 0; i < 2; i++) {
    await using line = await openLine(server, options);
    for (let connection = 0; connection < 2; connection++) {
      const take = async (): Promise<void> => (await line.db.lease()).release();
      counts.push(await bytesOf(line, "toClient", take));
      line.db.retire();
      await until(() => line.db.stats().size === 0, "the connection is closed");
    }
  }
  const count = Math.min(...counts);
  assert.ok(count > 80, `a handshake has ${count} bytes`);
  return count;
}

/** Cuts a handshake, with or without TLS, at every byte. */
async function cutHandshakes(server: Server, isSecured: boolean, by: Ending): Promise<void> {
  const options = isSecured ? { ssl: { ca: server.ca ?? "" } } : {};
  // A TLS signature can be some bytes shorter than the counted one.
  const count = await handshakeBytes(server, options) - (isSecured ? 8 : 0);
  // A TLS handshake has thousands of bytes, most of them certificates.
  await eachBelow(count, stepOf(by) * (isSecured ? 17 : 1), async (after) => {
    await using line = await openLine(server, { ...options, connectTimeout: patienceMs });
    line.proxy.meet("toClient", { ends: { after, by } });
    await refused(line.db.query(sql), "CONNECT_FAILED");
    await recovers(line, "toClient");
  });
}

/** Cuts an answer at every byte. */
async function cutAnswers(server: Server, how: "query" | "execute", by: Ending): Promise<void> {
  await using whole = await openLine(server);
  await whole.db.query("SELECT 1");
  const count = await bytesOf(whole, "toClient", () => whole.db[how](sql));
  assert.ok(count > 100, `an answer has ${count} bytes`);
  await eachBelow(count, stepOf(by), async (after) => {
    await using line = await openLine(server);
    await line.db.query("SELECT 1");
    line.proxy.meet("toClient", { ends: { after, by } });
    const timeout = by === "silence" ? patienceMs : 10_000;
    await assertNeverWrong(line.db[how](sql, [], { timeout }), right);
    await recovers(line, "toClient");
  });
}

/** Cuts a COMMIT, or the answer to it, at every byte. */
async function cutCommits(server: Server, direction: Direction, count: number): Promise<void> {
  await eachBelow(count, 1, async (after) => {
    await using line = await openLine(server);
    const { db, proxy } = line;
    const transaction = db.transaction(async () => {
      await db.query("INSERT INTO t VALUES (?)", [after]);
      proxy.meet(direction, { ends: { after, by: "reset" } });
    });
    await refused(transaction, "COMMIT_UNKNOWN");
    await recovers(line, direction);
    const found = await server.query("SELECT v FROM test.t WHERE v = ?", [after]);
    assert.equal(found.length, direction === "toClient" ? 1 : 0);
  });
}

/** Overwrites the length in the first packet of an answer, and of a handshake. */
async function changeLength(server: Server, length: number): Promise<void> {
  const bytes = Buffer.alloc(3);
  bytes.writeUIntLE(length, 0, 3);
  for (const how of ["query", "execute"] as const) {
    await using line = await openLine(server);
    await line.db.query("SELECT 1");
    line.proxy.meet("toClient", { overwrites: { at: 0, bytes } });
    await assertNeverWrong(line.db[how](sql, [], { timeout: patienceMs }), right);
    await recovers(line, "toClient");
  }
  await using line = await openLine(server, { connectTimeout: patienceMs });
  line.proxy.meet("toClient", { overwrites: { at: 0, bytes } });
  await refused(line.db.query(sql), "CONNECT_FAILED");
  await recovers(line, "toClient");
}

for (const flavor of ["mariadb", "mysql"] as const) {
  describe(flavor, { skip: lackOf(flavor) ?? false }, () => {
    let server: Server;
    before(async () => {
      server = await startServer({ flavor, tls: true });
      await server.query("CREATE TABLE test.t (v INT) ENGINE = InnoDB");
    });
    afterEach(async () => {
      await until(async () => await server.connectionCount() === 0, "nothing is left");
      await server.query("TRUNCATE test.t");
    });
    after(() => server?.remove());

    for (const by of endings) {
      for (const over of ["", " over TLS"]) {
        test(`a handshake${over} cut anywhere by ${by} fails, and the next connect succeeds`, () =>
          cutHandshakes(server, over !== "", by));
      }
      for (const how of ["query", "execute"] as const) {
        test(`an answer to ${how} cut anywhere by ${by} is never wrong; the pool goes on`, () =>
          cutAnswers(server, how, by));
      }
    }

    // The driver sends MySQL an empty set of query attributes before the text.
    const commitBytes = 4 + (flavor === "mysql" ? "\x03\0\x01COMMIT" : "\x03COMMIT").length;
    const okBytes = 4 + 7;

    test("a COMMIT cut on its way to the server is not done, and rejects with COMMIT_UNKNOWN", () =>
      cutCommits(server, "toServer", commitBytes));

    test("a COMMIT whose answer is cut is done, and rejects with COMMIT_UNKNOWN", () =>
      cutCommits(server, "toClient", okBytes));

    for (const length of [0, 1, 2, 3, 8, 64, 200, 0xffff, 0xfffffe, 0xffffff]) {
      test(`a packet with the wrong length ${length} never gives a wrong result`, () =>
        changeLength(server, length));
    }
  });
}
