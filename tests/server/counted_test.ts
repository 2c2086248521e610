/**
 * On real servers: a connection in which the server still works counts, however it was given up.
 * So the server never runs more statements of a pool than the pool's limit.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
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
  threadOf,
  timed,
} from "./support/fixture.ts";

/** Procedures that run as the user, and one that runs as root, where the user may kill nothing. */
const procedures = [
  "CREATE PROCEDURE naps() SQL SECURITY INVOKER BEGIN DO SLEEP(1); DO SLEEP(1); DO SLEEP(1); END",
  "CREATE PROCEDURE stubborn() SQL SECURITY INVOKER BEGIN " +
  "DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; " +
  "DO SLEEP(1); SELECT SLEEP(1); SELECT COUNT(*) FROM information_schema.columns; DO SLEEP(1); END",
  "CREATE PROCEDURE endless() SQL SECURITY INVOKER BEGIN " +
  "DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; " +
  "WHILE TRUE DO DO SLEEP(0.01); END WHILE; END",
  "CREATE PROCEDURE foreign_naps() BEGIN DO SLEEP(0.3); DO SLEEP(0.3); DO SLEEP(0.3); END",
];
/** Less than an abandoned connection counts for, and more than a busy machine needs. */
const soonMsMax = 2_000;
const reason = new Error("The client has gone");

const serverOf = serversOf([], async (server) => {
  for (const sql of ["USE test", ...procedures]) await server.query(sql);
});
const gone = (server: Server): Promise<void> => connected(server, 0);
const testOnBoth = onBoth(serverOf, gone);

/** Returns a pool that allows several statements in one text. */
function pool(server: Server, connectionLimit: number): Pool<"main"> {
  return poolAt(server, { connectionLimit, multipleStatements: true });
}

/** Returns the highest number of the test's statements that ran at once during `work`. */
async function mostRunning(server: Server, work: Promise<unknown>): Promise<number> {
  let most = 0;
  let isOver = false;
  const over = work.finally(() => isOver = true);
  while (!isOver) {
    // Other statements are the pool's own. In a procedure of root the server shows root as user.
    const [row] = await server.query<{ n: number }>(
      "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE id <> CONNECTION_ID() " +
        "AND command IN ('Query', 'Execute') AND info REGEXP 'SLEEP|columns'",
    );
    most = Math.max(most, Number(row?.n));
  }
  await over;
  return most;
}

/** The statement to abort, how often in turn, and the pool's limit. */
const cases: readonly (readonly [name: string, sql: string, rounds: number, limit: number])[] = [
  ["a procedure", "CALL naps()", 3, 1],
  ["a procedure", "CALL naps()", 3, 2],
  ["a procedure that handles errors", "CALL stubborn()", 3, 1],
  ["a procedure that handles all and does not end", "CALL endless()", 1, 1],
  ["a procedure in which nothing may be killed", "CALL foreign_naps()", 1, 2],
  ["the second statement of a text", "DO 1; DO SLEEP(2); SELECT SLEEP(2); DO SLEEP(2)", 3, 2],
  ["one that ends by itself", "SELECT SLEEP(0.05)", 5, 2],
];

for (const [name, sql, rounds, limit] of cases) {
  testOnBoth(`${name}, aborted again and again, never runs more than ${limit} times`, async (
    server,
  ) => {
    await using db = pool(server, limit);
    let lanes = limit;
    const abortInTurn = Array.from({ length: limit }, async () => {
      for (let round = 0; round < rounds; round++) {
        const abort = new AbortController();
        // A statement that has already ended is not aborted.
        let hasEnded = false;
        const attempt = db.query(sql, [], { signal: abort.signal })
          .then(() => reason, (error: unknown) => error)
          .finally(() => hasEnded = true);
        await until(() => hasEnded || db.stats().leased >= lanes, "all have a connection");
        await sleep(30);
        abort.abort(reason);
        assert.equal(await attempt, reason);
      }
      lanes--;
      // A waiting statement runs when another has ended.
      await db.query("DO SLEEP(0.05)");
    });
    const most = await mostRunning(server, Promise.all(abortInTurn));
    assert.ok(most >= 1 && most <= limit, `${most} ran`);
  });
}

testOnBoth(
  "aborted procedures and later statements end at the server, their connection stays",
  async (
    server,
  ) => {
    await using db = pool(server, 1);
    const thread = await threadOf(db);
    for (
      const sql of ["CALL naps()", "CALL stubborn()", "DO SLEEP(2); SELECT SLEEP(2); DO SLEEP(2)"]
    ) {
      const abort = new AbortController();
      const attempt = failure(db.query(sql, [], { signal: abort.signal }));
      await busyThread(server);
      abort.abort(reason);
      assert.equal(await attempt, reason);
      assert.ok(await timed(threadOf(db)) < soonMsMax);
      assert.equal(await threadOf(db), thread, sql);
    }
  },
);

/** Ways to give up a connection while the server works in it. */
const ways: Readonly<Record<string, (db: Pool<"main">, lease: Lease) => unknown>> = {
  "released": (_, lease) => lease.release(),
  "destroyed by its holder": (_, { connection }) => connection.destroy(),
  "destroyed by promises": (_, { connection }) => connection.promise().destroy(),
  "ended by its holder": (_, { connection }) => connection.end(),
  "out of the driver's own time": (_, { connection }) => {
    connection.query({ sql: "SELECT 1", timeout: 1 }).on("error", () => undefined);
  },
  "amid an answer that cannot be read": (_, { connection }) => {
    // The driver throws when it reads the server's next packet.
    (connection as unknown as { _command: { next(): never } })._command.next = () => {
      throw new TypeError("Nobody can read this");
    };
  },
};

for (const [name, giveUp] of Object.entries(ways)) {
  testOnBoth(
    `a connection that is ${name} counts until the server has ended it`,
    async (server) => {
      await using db = pool(server, 1);
      const lease = await db.lease();
      lease.connection.query("SELECT 1; SELECT SLEEP(3); SELECT SLEEP(3)").on("error", () => 0);
      await busyThread(server);
      const next = (async () => {
        giveUp(db, lease);
        lease.release();
        return await db.query("SELECT SLEEP(0.2)");
      })();
      const took = timed(next);
      assert.equal(await mostRunning(server, next), 1);
      assert.ok(await took < soonMsMax, `it took ${await took} ms`);
    },
  );
}

testOnBoth("statements that a drain destroys end at the server too", async (server) => {
  const db = pool(server, 2);
  const attempts = [failure(db.query(endless)), failure(db.query("CALL endless()"))];
  await until(async () => (await busyThreads(server)).length === 2, "both run");
  await db.drain({ timeout: 20 });
  await Promise.all(attempts);
  assert.equal(db.stats().size, 0);
  await until(async () => (await busyThreads(server)).length === 0, "nothing runs");
});

test("over a unix socket, where threads look alike, an abort ends the connection", async () => {
  const server = await serverOf("mariadb");
  if (server.socketPath === undefined) return;
  const { socketPath } = server;
  await using db = poolAt(server, { socketPath, connectionLimit: 1, user: "app" });
  const thread = await threadOf(db);
  const abort = new AbortController();
  const attempt = failure(db.query("SELECT SLEEP(0.4)", [], { signal: abort.signal }));
  await busyThread(server);
  abort.abort(reason);
  assert.equal(await attempt, reason);
  const next = threadOf(db);
  assert.equal(await mostRunning(server, next), 1);
  assert.notEqual(await next, thread);
  assert.equal(await one(db, "SELECT 7"), 7);
});
