/** Statements outside any unit of work: each is a unit of its own. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeServerError, TOO_MANY } from "./support/fake_connector.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";

test("creating a pool, its virtual connections and methods opens nothing and sets no alarm", () => {
  const { db, connector, clock } = createWorld({
    connections: { shop: {}, reports: { limit: 2 } },
  });
  db.connection("shop").method("SELECT :a");
  assert.equal(connector.sessions.length, 0);
  assert.equal(connector.opening, 0);
  assert.equal(clock.alarms, 0);
  assert.equal(db.stats().size, 0);
});

test("a statement returns rows and fields, and leaves one idle connection", async () => {
  const world = createWorld();
  const [rows, fields] = await world.db.query("SELECT 1", [7]);
  assert.equal(rows[0]?.["sql"], "SELECT 1");
  assert.deepEqual(rows[0]?.["values"], [7]);
  assert.deepEqual(fields, []);
  assert.equal(world.db.stats().idle, 1);
  await endsEmpty(world);
});

test("serial statements share a connection; parallel ones use more, up to the limit", async () => {
  const world = createWorld({ connectionLimit: 2 });
  await seen(world.db);
  await seen(world.db);
  assert.equal(world.connector.sessions.length, 1);
  const threads = await Promise.all(Array.from({ length: 9 }, () => seen(world.db)));
  assert.equal(threads.length, 9);
  assert.ok(world.connector.peak <= 2);
  await endsEmpty(world);
});

test("the pool resets a connection that was left dirty, and not a clean one", async () => {
  const world = createWorld();
  await seen(world.db);
  assert.equal(world.connector.sessions[0]?.resets, 0);
  await world.db.unit(() => seen(world.db, "SET names utf8"));
  await settled();
  assert.equal(world.connector.sessions[0]?.resets, 1);
  await endsEmpty(world);
});

/** Returns how many timers keep the process alive. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

test("an idle connection does not keep the process alive, a leased one does", async () => {
  const { db, connector } = createWorld();
  const before = timers();
  await seen(db);
  const [session] = connector.sessions;
  assert.deepEqual([session?.isRef, timers()], [false, before]);
  const hanging = seen(db, "HANG");
  await settled();
  assert.deepEqual([session?.isRef, timers()], [false, before + 1]);
  session?.answer();
  await hanging;
  assert.equal(timers(), before);
});

test("if the server is down, the error comes at once, with cause, stats and caller", async () => {
  const { db, connector } = createWorld();
  connector.connectFailures.push(new FakeServerError(2003, "connect ECONNREFUSED"));
  async function caller(): Promise<void> {
    await db.query("SELECT 1");
  }
  const error = await refused(caller(), "CONNECT_FAILED");
  assert.match(
    error.message,
    /^Cannot connect to a as "app": connect ECONNREFUSED \(pool: 0 of 10 in use\)$/,
  );
  assert.ok(error.cause instanceof FakeServerError);
  assert.equal(error.stage, "connect");
  assert.match(error.stack ?? "", /at async caller .*statement_test\.ts/);
});

test("if the server is full, requests wait and do not fail", async () => {
  const world = createWorld();
  const holder = seen(world.db, "HANG");
  await settled();
  world.connector.connectFailures.push(new FakeServerError(TOO_MANY, "Too many connections"));
  const waiting = seen(world.db);
  await settled();
  assert.equal(world.db.stats().waiting, 1);
  await world.clock.pass(1_000);
  await waiting;
  world.connector.sessions[0]?.answer();
  await holder;
  await endsEmpty(world);
});

test("the caller gets the server's error unchanged, with its own line in the stack", async () => {
  const { db } = createWorld();
  async function caller(): Promise<void> {
    await db.query("FAIL 1064");
  }
  const error: unknown = await caller().catch((error) => error);
  assert.ok(error instanceof FakeServerError);
  assert.equal(error.errno, 1064);
  assert.match(
    error.stack ?? "",
    /at async caller .*statement_test\.ts[^]*caused at\n {4}at .*fake_session/,
  );
});

test("the pool refuses a request at its timeout, with the last connect error", async () => {
  const { db, connector, clock } = createWorld({ acquireTimeout: 300 });
  const holder = seen(db, "HANG");
  await settled();
  for (let i = 0; i < 20; i++) {
    connector.connectFailures.push(new FakeServerError(TOO_MANY, "Too many connections"));
  }
  const waiting = refused(db.query("SELECT 1"), "LEASE_TIMEOUT");
  await settled();
  await clock.pass(299);
  assert.equal(db.stats().waiting, 1);
  await clock.pass(1);
  const error = await waiting;
  assert.match(
    error.message,
    /"main" within 300 ms: Too many connections \(pool: 1 of 10 in use.*held by "main" for 300 ms/,
  );
  assert.equal(db.stats().waiting, 0);
  connector.sessions[0]?.answer();
  await holder;
});

test("a statement's timeout removes it from the queue, or ends its connection", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const running = refused(seen(world.db, "HANG", { timeout: 100 }), "STATEMENT_TIMEOUT");
  const waiting = refused(seen(world.db, "SELECT", { timeout: 50 }), "LEASE_TIMEOUT");
  await settled();
  await world.clock.pass(50);
  await waiting;
  await world.clock.pass(50);
  await running;
  assert.equal(world.connector.open.length, 0);
  assert.notEqual((await seen(world.db)).threadId, 1);
  await endsEmpty(world);
});

test("an abort rejects a statement with its reason before, in and after the queue", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const reason = new Error("gone");
  await assert.rejects(seen(world.db, "SELECT", { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(world.connector.log.length, 0);
  const abort = new AbortController();
  const { signal } = abort;
  const running = assert.rejects(seen(world.db, "HANG", { signal }), reason);
  const waiting = assert.rejects(seen(world.db, "SELECT", { signal }), reason);
  await settled();
  abort.abort(reason);
  await Promise.all([running, waiting]);
  await endsEmpty(world);
});

test("an abort between the grant and the statement releases the connection unused", async () => {
  const world = createWorld({ connectionLimit: 1 });
  await seen(world.db);
  const holder = seen(world.db, "HANG");
  const abort = new AbortController();
  const reason = new Error("gone");
  const waiting = assert.rejects(seen(world.db, "SELECT b", { signal: abort.signal }), reason);
  world.db.on("release", () => abort.abort(reason));
  await settled();
  world.connector.sessions[0]?.answer();
  await Promise.all([holder, waiting]);
  assert.deepEqual(world.connector.log.filter((line) => line.includes("SELECT b")), []);
  assert.equal((await seen(world.db)).threadId, 1);
  await endsEmpty(world);
});

test("a full queue refuses the next request", async () => {
  const world = createWorld({ connectionLimit: 1, queueLimit: 1 });
  const holder = seen(world.db, "HANG");
  await settled();
  const waiter = seen(world.db);
  await refused(seen(world.db), "QUEUE_FULL");
  world.connector.sessions[0]?.answer();
  await Promise.all([holder, waiter]);
  await endsEmpty(world);
});

test("the pool never lends a session that died unnoticed; its waiter keeps its place", async () => {
  const world = createWorld({ connectionLimit: 1 });
  await seen(world.db);
  world.connector.sessions[0]?.kill(false);
  const order: string[] = [];
  const first = seen(world.db).then(() => order.push("first"));
  const second = seen(world.db).then(() => order.push("second"));
  await Promise.all([first, second]);
  assert.deepEqual(order, ["first", "second"]);
  assert.equal(world.connector.log.filter((line) => line.startsWith("1:")).length, 1);
  await endsEmpty(world);
});

test("after a leap of the clock the pool checks an idle connection before a lease", async () => {
  const world = createWorld({ validateAfter: 3_600_000, idleTimeout: 3_600_000 });
  await seen(world.db);
  await seen(world.db);
  assert.equal(world.connector.sessions[0]?.checks, 0);
  world.clock.leap(5_000);
  await seen(world.db);
  assert.equal(world.connector.sessions[0]?.checks, 1);
  await endsEmpty(world);
});

test("after a late answer to a reset the pool still checks the connection", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { promise: gate, resolve: answer } = Promise.withResolvers<void>();
  world.connector.resetGate = gate;
  await world.db.unit(() => world.db.query("SET @a = 1"));
  await world.clock.pass(1_000);
  world.connector.checkFailure = new Error("It has ended");
  const next = seen(world.db);
  answer();
  assert.equal((await next).threadId, 2);
  assert.equal(world.connector.sessions[0]?.checks, 1);
  await endsEmpty(world);
});

test("the pool closes a connection after idleTimeout, and then no alarm is left", async () => {
  const { db, connector, clock } = createWorld({ idleTimeout: 1_000 });
  await seen(db);
  await clock.pass(600);
  await seen(db);
  await clock.pass(999);
  assert.equal(connector.open.length, 1);
  await clock.pass(1);
  assert.equal(connector.open.length, 0);
  assert.equal(clock.alarms, 0);
  assert.equal(db.stats().targets, 0);
});

test("a method binds its arguments and returns rows", async () => {
  const { db } = createWorld();
  const byId = db.method<{ id: number }>("SELECT :id");
  const [row] = await byId({ id: 7 });
  assert.equal(row?.["sql"], "SELECT ?");
  assert.deepEqual(row?.["values"], [7]);
});

test("a statement in an object passes the driver's options on", async () => {
  const { db } = createWorld();
  const [rows] = await db.query({ sql: "SELECT ?", values: [1], rowsAsArray: true });
  assert.deepEqual(rows[0]?.["values"], [1]);
  const signal = AbortSignal.abort();
  await assert.rejects(db.query({ sql: "SELECT", signal }), { name: "AbortError" });
  await assert.rejects(db.query({ sql: "SELECT", signal }, [], { timeout: 9 }), {
    name: "AbortError",
  });
  await refused(db.query({ sql: 7 } as never), "OPTION_INVALID");
  await refused(db.query("SELECT", [], { timeout: -1 }), "OPTION_INVALID");
});
