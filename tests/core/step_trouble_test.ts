/** The rules for trouble and for the end: servers that are down or full, pauses, and drains. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Driver } from "./support/driver.ts";

test("the pool refuses all waiters of a server that is down at once, with the cause", () => {
  const driver = new Driver();
  driver.faults.set(0, "down");
  const leases = driver.requests(3);
  const elsewhere = driver.request({ target: 1 });
  driver.wait(10);
  for (const lease of leases) {
    assert.equal(driver.refusal(lease), "connectFailed");
    assert.equal(driver.answeredAt(lease), 10);
  }
  assert.deepEqual(
    driver.orders.flatMap(({ command }) => command.type === "refuse" ? [command.cause] : []),
    Array(3).fill("down at 10"),
  );
  assert.ok(driver.isGranted(elsewhere));
});

test("the pool refuses new requests for a server that is down without an attempt", () => {
  const driver = new Driver();
  driver.faults.set(0, "down");
  driver.request();
  driver.wait(59);
  const lease = driver.request();
  assert.equal(driver.refusal(lease), "connectFailed");
  assert.equal(driver.count("connect"), 1);
});

test("the pool tries a server that was down by one connect, and only on a request", () => {
  const driver = new Driver();
  driver.faults.set(0, "down");
  driver.request();
  driver.wait(1000);
  assert.equal(driver.count("connect"), 1);
  driver.faults.clear();
  const leases = driver.requests(5);
  assert.equal(driver.count("connect"), 2);
  driver.wait(1000);
  assert.ok(leases.every((lease) => driver.isGranted(lease)));
});

test("each failure doubles the time to the next attempt, up to a limit", () => {
  const driver = new Driver({ backoffMin: 100, backoffMax: 1000 }, { connectMs: 0, random: 1 });
  driver.faults.set(0, "down");
  for (let tick = 0; tick < 5000; tick++) {
    driver.request();
    driver.wait(1);
  }
  const gaps = driver.gaps("connect");
  assert.deepEqual(gaps.slice(0, 6), [100, 200, 400, 800, 1000, 1000]);
});

test("after a failure the pool opens connections one at a time again", () => {
  const driver = new Driver({ connectionLimit: 50 });
  driver.requests(15);
  driver.wait(100);
  assert.equal(driver.granted().length, 15);
  driver.faults.set(0, "down");
  driver.requests(20);
  driver.wait(10);
  driver.faults.clear();
  while (driver.granted().length === 15) driver.wait(1);
  assert.equal(driver.counts().connecting, 2);
});

test("the pool does not refuse the waiters of a target that has a connection left", () => {
  const driver = new Driver({ connectionLimit: 2 });
  const a = driver.request();
  driver.wait(10);
  driver.faults.set(0, "down");
  const b = driver.request();
  driver.wait(5000);
  assert.equal(driver.refusal(b), undefined);
  driver.release(a);
  assert.ok(driver.isGranted(b));
});

test("the pool refuses no request because the server is full", () => {
  const driver = new Driver({ connectionLimit: 20 }, { room: 4, statementMs: 20 });
  const leases = driver.requests(60);
  driver.wait(10_000);
  assert.ok(leases.every((lease) => driver.isGranted(lease)));
});

test("the ceiling falls to three quarters of a full server's room, and rises by one", () => {
  const driver = new Driver({ connectionLimit: 20 }, { room: 8 });
  driver.requests(12);
  driver.wait(100);
  assert.equal(driver.counts().leased, 8);
  assert.equal(driver.counts().ceiling, 6);
  driver.habits = { ...driver.habits, room: Infinity };
  const opened = driver.count("connect");
  while (driver.counts().leased === 8) driver.wait(1);
  assert.equal(driver.count("connect"), opened + 1);
  assert.equal(driver.counts().ceiling, 7);
  driver.wait(10_000);
  assert.equal(driver.counts().waiting, 0);
});

test("the pool tries a full server by one connect at a time, at growing intervals", () => {
  const driver = new Driver({ connectionLimit: 20 }, { room: 2, connectMs: 1, random: 1 });
  driver.requests(10);
  driver.wait(5000);
  assert.deepEqual(driver.gaps("connect").slice(-6), [201, 401, 801, 1001, 1001, 1001]);
  assert.ok(driver.count("connect") <= 15, `${driver.count("connect")} attempts`);
});

test("attempts that were under way when the server was full cause no further ones", () => {
  const driver = new Driver({ connectionLimit: 20 }, { room: 2, connectMs: 10 });
  driver.requests(10);
  while (driver.pool.congestion === undefined) driver.wait(1);
  const begun = driver.count("connect");
  driver.wait(driver.pool.congestion.retryAt - driver.now - 1);
  assert.equal(driver.count("connect"), begun);
});

test("while other clients fill the server, a waiter waits and the pool tries rarely", () => {
  const driver = new Driver({}, { room: 0 });
  const a = driver.request();
  driver.wait(5000);
  assert.equal(driver.refusal(a), undefined);
  assert.ok(driver.count("connect") <= 15, `${driver.count("connect")} attempts`);
  driver.habits = { ...driver.habits, room: 1 };
  driver.wait(1000);
  assert.ok(driver.isGranted(a));
});

test("a paused pool lends nothing, and serves in order when it is resumed", () => {
  const driver = new Driver({ connectionLimit: 2 });
  const [a] = driver.requests(2);
  driver.wait(100);
  driver.tell({ type: "pauseRequested" });
  driver.release(a!);
  const [c, d] = driver.requests(2);
  const elsewhere = driver.request({ target: 1 });
  driver.wait(1000);
  assert.equal(driver.granted().length, 2);
  assert.equal(driver.count("connect"), 2);
  driver.tell({ type: "resumeRequested" });
  assert.ok(driver.isGranted(c!));
  driver.release(c!);
  driver.wait(1000);
  assert.ok(driver.isGranted(d!));
  driver.release(d!);
  driver.wait(1000);
  assert.ok(driver.isGranted(elsewhere));
});

test("a drain that refuses the queue awaits the leases under way, and finishes once", () => {
  const driver = new Driver({
    connectionLimit: 2,
    virtuals: [{ target: 0, limit: Infinity, minimum: 0 }, { target: 0, limit: 1, minimum: 0 }],
  });
  const [a, b] = driver.requests(2);
  driver.wait(100);
  driver.release(b!);
  const waiting = [...driver.requests(2, { virtual: 1 }), driver.request()];
  const held = waiting.filter((lease) => driver.isGranted(lease));
  driver.tell({ type: "drainRequested", serveQueue: false });
  for (const lease of waiting) {
    assert.ok(held.includes(lease) || driver.refusal(lease) === "draining");
  }
  assert.equal(driver.refusal(driver.request()), "draining");
  driver.wait(1000);
  assert.equal(driver.count("finish"), 0);
  for (const lease of [a!, ...held]) driver.release(lease);
  driver.wait(1000);
  assert.equal(driver.count("finish"), 1);
  assert.equal(driver.orders.at(-1)?.command.type, "finish");
  assert.equal(driver.closed("draining").length, 2);
});

test("a drain that serves the queue serves all waiters, and refuses new requests", () => {
  const driver = new Driver({ connectionLimit: 1 }, { statementMs: 2 });
  const waiting = [...driver.requests(5), driver.request({ target: 1 })];
  driver.tell({ type: "drainRequested", serveQueue: true });
  assert.equal(driver.refusal(driver.request()), "draining");
  driver.wait(1000);
  assert.deepEqual(driver.granted(), waiting);
  assert.equal(driver.orders.at(-1)?.command.type, "finish");
});

test("a drain of an unused pool finishes at once, and the pool stays closed", () => {
  const driver = new Driver();
  driver.tell({ type: "drainRequested", serveQueue: true });
  assert.equal(driver.count("finish"), 1);
  driver.tell({ type: "drainRequested", serveQueue: false });
  driver.tell({ type: "resumeRequested" });
  assert.equal(driver.refusal(driver.request()), "draining");
  assert.equal(driver.count("finish"), 1);
  assert.equal(driver.counts().phase, "closed");
});

test("a paused pool can be drained", () => {
  const driver = new Driver();
  driver.tell({ type: "pauseRequested" });
  const a = driver.request();
  driver.tell({ type: "drainRequested", serveQueue: true });
  driver.wait(100);
  driver.release(a);
  driver.wait(100);
  assert.equal(driver.count("finish"), 1);
});

test("a drain closes a connection that opens for no waiter", () => {
  const driver = new Driver();
  driver.withdraw(driver.request());
  driver.tell({ type: "drainRequested", serveQueue: false });
  driver.wait(100);
  assert.deepEqual(driver.closed("draining"), [0]);
  assert.equal(driver.orders.at(-1)?.command.type, "finish");
});
