/** The event "statement" and the tracing channel of statements. */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { tracingChannel } from "node:diagnostics_channel";
import { test } from "node:test";
import type { StatementEvent } from "../../src/shell/events.ts";
import { createWorld, endsEmpty, refused, seen } from "./support/pool.ts";
import { settled } from "./support/manual_clock.ts";
import { DEADLOCK, FakeServerError } from "./support/fake_server.ts";

test("each statement emits one event with its text, rows, wait and run time, and error", async () => {
  const world = createWorld({ connectionLimit: 1 });
  const { db, connector, clock } = world;
  const events: StatementEvent[] = [];
  db.on("statement", (event) => void events.push(event));
  const first = db.query("HANG ?", [7]);
  await settled();
  const second = db.execute("SELECT");
  await clock.pass(30);
  connector.sessions[0]?.answer();
  await Promise.all([first, second]);
  await assert.rejects(db.unit(() => db.query(`FAIL ${DEADLOCK}`)), FakeServerError);
  await using lease = await db.lease();
  await lease.query("SELECT");
  const common = { virtual: "main", isPrepared: false, rows: 1, error: undefined };
  assert.deepEqual(events.map(({ error, ...event }) => ({ ...event, error: error && "error" })), [
    { ...common, sql: "HANG ?", waitMs: 0, runMs: 30 },
    { ...common, sql: "SELECT", isPrepared: true, waitMs: 30, runMs: 0 },
    { ...common, sql: `FAIL ${DEADLOCK}`, rows: 0, waitMs: 0, runMs: 0, error: "error" },
    { ...common, sql: "SELECT", waitMs: 0, runMs: 0 },
  ]);
  assert.ok(events[2]?.error instanceof FakeServerError);
  lease.release();
  await endsEmpty(world);
});

test("a statement that is never sent emits its wait and its error", async () => {
  const world = createWorld({ connectionLimit: 1, acquireTimeout: 50 });
  const { db, connector, clock } = world;
  const events: StatementEvent[] = [];
  db.on("statement", (event) => void events.push(event));
  const first = db.query("HANG");
  await settled();
  const late = refused(db.query("SELECT"), "LEASE_TIMEOUT");
  await clock.pass(50);
  const error = await late;
  assert.deepEqual(events, [{
    virtual: "main",
    sql: "SELECT",
    isPrepared: false,
    rows: 0,
    waitMs: 50,
    runMs: 0,
    error,
  }]);
  connector.sessions[0]?.answer();
  await first;
  await endsEmpty(world);
});

test("an error keeps the caller's line while statements are traced", async () => {
  const world = createWorld();
  const { db } = world;
  db.on("statement", () => undefined);
  async function caller(): Promise<void> {
    await db.query(`FAIL ${DEADLOCK}`);
  }
  for (const run of [caller, () => db.unit(caller)]) {
    const error = await run().then(() => undefined, (error: Error) => error);
    assert.match(error?.stack ?? "", /at async caller .*statement_event_test\.ts/);
  }
  await endsEmpty(world);
});

test("a tracing channel gets the start and the end, and its stores reach listeners", async () => {
  const world = createWorld();
  const { db } = world;
  const storage = new AsyncLocalStorage<object>();
  const channel = tracingChannel<object, { sql: string; error?: unknown }>("sublet:statement");
  const told: string[] = [];
  channel.start.bindStore(storage, ({ sql }) => ({ span: sql }));
  const subscribers = {
    start: () => void told.push("start"),
    end: () => void told.push("end"),
    asyncStart: () => void told.push("asyncStart"),
    asyncEnd: () => void told.push("asyncEnd"),
    error: ({ error }: { error?: unknown }) => void told.push(`error ${error instanceof Error}`),
  };
  channel.subscribe(subscribers);
  const stores: unknown[] = [];
  db.once("acquire", () => stores.push(storage.getStore()));
  await seen(db);
  await assert.rejects(db.query(`FAIL ${DEADLOCK}`), FakeServerError);
  channel.unsubscribe(subscribers);
  channel.start.unbindStore(storage);
  assert.deepEqual(told, [
    ...["start", "end", "asyncStart", "asyncEnd"],
    ...["start", "end", "error true", "asyncStart", "asyncEnd"],
  ]);
  assert.deepEqual(stores, [{ span: "SELECT" }]);
  assert.equal(storage.getStore(), undefined);
  await endsEmpty(world);
});

test("without a listener, no statement is traced", async () => {
  const world = createWorld();
  const { db } = world;
  const events: unknown[] = [];
  const listener = (event: unknown): void => void events.push(event);
  db.on("statement", listener);
  db.off("statement", listener);
  await seen(db);
  assert.deepEqual(events, []);
  await endsEmpty(world);
});
