/** On a real server: `cancelAll` ends all that a session runs, through the pool or the driver. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { endless, failure } from "../support/asking.ts";
import { lackOf } from "../support/server_binary.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/wait.ts";
import { one, open, run, targetAt, type TestSession } from "./fixture.ts";

const reason = new Error("enough");
let server: Server;

before(async () => {
  server = await startServer();
});

after(async () => await server?.remove());

/** Starts an endless statement through the driver, and returns its error. */
async function busy({ driver, threadId }: TestSession): Promise<{ error: Promise<unknown> }> {
  const error = failure(driver.promise().query(endless));
  const sql =
    "SELECT 1 FROM information_schema.processlist WHERE id = ? AND info LIKE '%columns a%'";
  await until(async () => (await server.query(sql, [threadId])).length > 0, "the server is at it");
  return { error };
}

test("cancelAll of an idle session changes nothing", async () => {
  const session = await open(targetAt(server));
  session.cancelAll(reason);
  assert.equal(session.condition, "clean");
  assert.equal(await one(session, "SELECT 7"), 7);
  await session.close();
});

test("cancelAll rejects with its reason, and the session does nothing before a reset", async () => {
  const session = await open(targetAt(server));
  const { threadId } = session;
  await run(session, "SET @a = 1");
  const { error } = await busy(session);
  const behind = failure(run(session, "SET @a = 2"));
  session.cancelAll(reason);
  session.cancelAll(new Error("once more"));
  assert.deepEqual(await Promise.all([error, behind]), [reason, reason]);
  assert.deepEqual([session.isAlive, session.condition], [false, "dirty"]);
  assert.equal(await failure(session.driver.promise().query("SET @a = 3")), reason);
  await session.reset();
  assert.deepEqual([session.isAlive, session.condition], [true, "clean"]);
  assert.equal(await one(session, "SELECT @a"), null);
  assert.equal(await one(session, "SELECT CONNECTION_ID()"), threadId);
  await session.close();
});

test("a session that is closed during cancelAll has ended at the server", async () => {
  const session = await open(targetAt(server));
  const { error } = await busy(session);
  session.cancelAll(reason);
  await session.close();
  assert.equal(await error, reason);
  await until(async () => await server.connectionCount() === 0, "the server has let it go");
});

test("on MySQL the pool reads the process list of performance_schema", {
  skip: lackOf("mysql") ?? false,
}, async () => {
  await using mysql = await startServer({
    flavor: "mysql",
    options: ["--performance-schema=ON", "--general-log=ON", "--log-output=TABLE"],
  });
  const session = await open(targetAt(mysql));
  const error = failure(session.driver.promise().query("DO SLEEP(20)"));
  const asked = async (text: string): Promise<number> => {
    const sql = "SELECT * FROM mysql.general_log WHERE argument LIKE ? AND thread_id <> ?";
    const [me] = await mysql.query<{ id: number }>("SELECT CONNECTION_ID() AS id");
    return (await mysql.query(sql, [text, me?.id])).length;
  };
  await until(async () => await asked("DO SLEEP%") === 1, "the server is at it");
  session.cancelAll(reason);
  assert.equal(await error, reason);
  await session.reset();
  assert.equal(session.condition, "clean");
  assert.ok(await asked("KILL QUERY%") > 0);
  assert.ok(await asked("%performance_schema.processlist%") > 0);
  assert.equal(await asked("%information_schema.PROCESSLIST%"), 0);
  await session.close();
});
