/**
 * A connection that is cut at every byte of a handshake and of a result: whoever asked is told
 * so in time, no answer is a wrong one, nothing is left, and the pool goes on.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { PoolOptions } from "../../mod.ts";
import { refused } from "../support/asking.ts";
import type { Ending } from "../support/proxy.ts";
import { type Server, startServer } from "../support/server.ts";
import { lackOf } from "../support/server_binary.ts";
import { until } from "../support/wait.ts";
import { assertNeverWrong, bytesOf, eachBelow, openLine, recovers } from "./support/cuts.ts";

/** How long a connect, or an answer, may take, in ms, where nobody says that none will come. */
const patienceMs = 150;

const sql = "SELECT 12345 AS number, 'some text' AS text, NULL AS nothing";
const right = [{ number: 12345, text: "some text", nothing: null }];
const endings: readonly Ending[] = ["reset", "finish", "silence"];

/** Each ending is tried at every byte; one that is only noticed in time, at some of them. */
const stepOf = (ending: Ending): number => ending === "silence" ? 5 : 1;

/** Returns how many bytes a server sends until a session can be used. */
async function handshakeBytes(server: Server, options: PoolOptions): Promise<number> {
  let count = 0;
  // MySQL says more to whom it lets in for the first time.
  for (let i = 0; i < 2; i++) {
    await using line = await openLine(server, options);
    count = await bytesOf(line, "toClient", async () => (await line.db.lease()).release());
  }
  assert.ok(count > 80, `a handshake has ${count} bytes`);
  return count;
}

for (const make of ["mariadb", "mysql"] as const) {
  describe(make, { skip: lackOf(make) ?? false }, () => {
    let server: Server;
    before(async () => {
      server = await startServer({ make, tls: true });
      await server.query("CREATE TABLE test.t (v INT) ENGINE = InnoDB");
    });
    after(() => server?.remove());

    for (const ending of endings) {
      for (const secured of [false, true]) {
        test(`a handshake${secured ? " over TLS" : ""} that is cut anywhere by ${ending} fails, and the next one does not`, async () => {
          const options = secured ? { ssl: { ca: server.ca ?? "" } } : {};
          const count = await handshakeBytes(server, options);
          await eachBelow(count, stepOf(ending) * (secured ? 17 : 1), async (at) => {
            await using line = await openLine(server, { ...options, connectTimeout: patienceMs });
            line.proxy.meet("toClient", { ends: { after: at, by: ending } });
            await refused(line.db.query(sql), "CONNECT_FAILED");
            await recovers(line, "toClient");
          });
        });
      }

      for (const how of ["query", "execute"] as const) {
        test(`the answer to ${how} that is cut anywhere by ${ending} is none, and the pool goes on`, async () => {
          await using whole = await openLine(server);
          await whole.db.query("SELECT 1");
          const count = await bytesOf(whole, "toClient", () => whole.db[how](sql));
          assert.ok(count > 100, `an answer has ${count} bytes`);
          await eachBelow(count, stepOf(ending), async (at) => {
            await using line = await openLine(server);
            await line.db.query("SELECT 1");
            line.proxy.meet("toClient", { ends: { after: at, by: ending } });
            const timeout = ending === "silence" ? patienceMs : 10_000;
            await assertNeverWrong(line.db[how](sql, [], { timeout }), right);
            await recovers(line, "toClient");
          });
        });
      }
    }

    test("a COMMIT that is cut on its way, or whose answer is, is reported as unknown", async () => {
      await using whole = await openLine(server);
      const write = (db: typeof whole.db, v: number): Promise<unknown> =>
        db.transaction(() => db.query("INSERT INTO t VALUES (?)", [v]));
      await write(whole.db, -1);
      for (const [direction, isThere] of [["toServer", false], ["toClient", true]] as const) {
        // MySQL is sent a set of no attributes before the text.
        const text = make === "mysql" ? "\x03\0\x01COMMIT" : "\x03COMMIT";
        const count = 4 + (direction === "toServer" ? text.length : 7);
        await eachBelow(count, 1, async (at) => {
          await using line = await openLine(server);
          const { db, proxy } = line;
          const v = at + (isThere ? 1_000 : 0);
          const transaction = db.transaction(async () => {
            await db.query("INSERT INTO t VALUES (?)", [v]);
            proxy.meet(direction, { ends: { after: at, by: "reset" } });
          });
          await refused(transaction, "COMMIT_UNKNOWN");
          await recovers(line, direction);
          const found = await server.query("SELECT v FROM test.t WHERE v = ?", [v]);
          assert.equal(found.length, isThere ? 1 : 0);
        });
      }
      await until(async () => await server.connectionCount() === 1, "nothing is left");
    });

    test("a packet of a wrong length is never taken for another answer", async () => {
      const lengths = [0, 1, 2, 3, 8, 64, 200, 0xffff, 0xfffffe, 0xffffff];
      for (const length of lengths) {
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
    });
  });
}
