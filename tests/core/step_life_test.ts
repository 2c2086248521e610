/**
 * The rules for the life of actual connections: how long they may be idle and how old they may
 * become, when the pool resets, checks and retires them, and how it keeps a minimum.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { deadline, type Instant, type Policy } from "../../src/core/mod.ts";
import { Driver, type Habits } from "./support/driver.ts";

test("an idle connection is retired exactly at its deadline", () => {
  const driver = rested(1, { idleTimeout: 500 });
  assert.equal(deadline(driver.pool), driver.now + 500);
  driver.wait(499);
  assert.equal(driver.counts().idle, 1);
  driver.wait(1);
  assert.deepEqual(driver.closed("idle"), [0]);
});

test("the pool retires the longest idle connection first, and never a leased one", () => {
  const driver = new Driver({ idleTimeout: 500 });
  const [a, b, c] = driver.requests(3);
  driver.wait(100);
  driver.release(b!);
  driver.wait(100);
  driver.release(a!);
  driver.wait(10_000);
  assert.deepEqual(driver.closed(), [driver.holder(b!), driver.holder(a!)]);
  assert.ok(driver.isGranted(c!));
  assert.equal(driver.counts().leased, 1);
});

test("idle connections beyond `maxIdle` retire sooner, the longest idle first", () => {
  const driver = rested(4, { idleTimeout: 500, maxIdle: 1, idleCut: 400 });
  assert.equal(deadline(driver.pool), driver.now + 100);
  driver.wait(99);
  assert.equal(driver.counts().idle, 4);
  driver.wait(1);
  assert.equal(driver.closed("idle").length, 3);
  assert.deepEqual(driver.closed("idle"), driver.closed("idle").toSorted((a, b) => a - b));
  assert.equal(driver.counts().idle, 1);
  driver.wait(399);
  assert.equal(driver.counts().idle, 1);
  driver.wait(1);
  assert.equal(driver.counts().idle, 0);
});

test("the pool keeps surplus idle connections for a moment, and a minimum for good", () => {
  const virtuals = [{ target: 0, limit: Infinity, minimum: 2 }];
  const driver = rested(3, { idleTimeout: 500, maxIdle: 0, idleCut: 400, virtuals });
  driver.wait(50);
  assert.equal(driver.counts().idle, 3);
  driver.wait(10_000);
  assert.equal(driver.counts().idle, 2);
});

test("retirements for age keep their distance, for up to a tenth of the age", () => {
  const driver = rested(10, { maxLifetime: 10_000 });
  // All are old at once: one goes then, the others 1,000 ms later, as that is a tenth of the age.
  driver.wait(20_000);
  const closedAt = driver.orders.filter(({ command }) => command.type === "close").map(({ at }) =>
    at
  );
  assert.equal(closedAt.length, 10);
  assert.equal(closedAt[1]! - closedAt[0]!, 1000);
  for (const at of closedAt) assert.ok(at >= 10_000 && at <= 11_100, `closed at ${at}`);
});

test("chance spreads the retirements of connections that opened together", () => {
  const driver = new Driver({ maxLifetime: 10_000 }, { connectMs: 0 });
  for (const random of [0.9, 0.5, 0.1]) {
    driver.habits = { ...driver.habits, random };
    driver.request();
    driver.wait(0);
  }
  for (const lease of driver.granted()) driver.release(lease);
  driver.wait(20_000);
  const closedAt = driver.orders.filter(({ command }) => command.type === "close").map(({ at }) =>
    at
  );
  assert.deepEqual(closedAt, [9100, 10_100, 10_900]);
});

test("the pool lends no connection that is more than a tenth over its maximum age", () => {
  const driver = new Driver({ connectionLimit: 5, maxLifetime: 1000 }, { statementMs: 7 });
  while (driver.now < 10_000) {
    driver.requests(3);
    driver.wait(3);
  }
  const bornAt = new Map<number, Instant>();
  for (const { at, command } of driver.orders) {
    if (command.type === "connect") bornAt.set(command.actual, at + driver.habits.connectMs);
    if (command.type !== "grant") continue;
    assert.ok(at - bornAt.get(command.actual)! <= 1100, `#${command.actual} is lent at ${at}`);
  }
  assert.ok(driver.closed("aged").length > 20);
});

test("the pool lends no connection that is too old, even if the timer is late", () => {
  const driver = rested(1, { maxLifetime: 1000 });
  driver.now += 2000;
  const a = driver.request();
  assert.deepEqual(driver.closed("aged"), [0]);
  driver.wait(100);
  assert.equal(driver.holder(a), 1);
});

test("a connection that reaches its maximum age in use closes at its release", () => {
  const driver = new Driver({ maxLifetime: 1000 });
  const a = driver.request();
  driver.wait(5000);
  assert.equal(driver.count("close"), 0);
  driver.release(a);
  assert.deepEqual(driver.closed("aged"), [0]);
});

test("the pool keeps a minimum from the first request on, and for good", () => {
  const driver = new Driver({
    idleTimeout: 500,
    virtuals: [{ target: 0, limit: Infinity, minimum: 2 }, {
      target: 1,
      limit: Infinity,
      minimum: 3,
    }],
  });
  driver.requests(5);
  driver.wait(100);
  assert.equal(driver.counts().size, 5);
  for (const lease of driver.granted()) driver.release(lease);
  driver.wait(10_000);
  assert.equal(driver.counts().idle, 2);
  driver.request({ virtual: 1 });
  driver.wait(100);
  assert.equal(driver.counts().size, 5);
});

test("the pool refills a minimum when a connection is lost or too old", () => {
  const driver = new Driver({
    maxLifetime: 1000,
    virtuals: [{ target: 0, limit: Infinity, minimum: 2 }],
  });
  driver.release(first(driver));
  driver.lose(1, false);
  driver.wait(100);
  assert.equal(driver.counts().idle, 2);
  for (let second = 0; second < 10; second++) {
    driver.wait(1000);
    const { size, closing } = driver.counts();
    assert.equal(size - closing, 2);
  }
  assert.ok(driver.closed("aged").length >= 16);
});

test("the pool checks a connection idle for more than `validateAfter` before it lends it", () => {
  const driver = rested(1, { validateAfter: 100 });
  driver.wait(100);
  driver.release(first(driver));
  assert.equal(driver.count("check"), 0);
  driver.wait(101);
  const a = driver.request();
  assert.equal(driver.isGranted(a), false);
  driver.wait(driver.habits.checkMs);
  assert.ok(driver.isGranted(a));
  assert.equal(driver.count("check"), 1);
});

test("a connection that fails its check closes, and the waiter keeps its place", () => {
  const driver = rested(1, { validateAfter: 100, connectionLimit: 1 });
  driver.mute.add(0);
  driver.wait(101);
  const [a, b] = driver.requests(2);
  driver.wait(50);
  assert.deepEqual(driver.closed("broken"), [0]);
  assert.deepEqual([driver.isGranted(a!), driver.isGranted(b!)], [true, false]);
});

test("after the server closed one, the pool checks each older one once, and closes none", () => {
  const driver = new Driver();
  const [a, b, c] = driver.requests(3);
  driver.wait(100);
  driver.release(a!);
  driver.release(b!);
  driver.lose(driver.holder(b!));
  // The holder releases the leased one, and the pool lends both that are left twice.
  driver.release(c!);
  for (let round = 0; round < 2; round++) {
    driver.wait(100);
    const again = driver.requests(2);
    driver.wait(100);
    for (const lease of again) driver.release(lease);
  }
  assert.equal(driver.count("check"), 2);
  assert.equal(driver.count("connect"), 3);
  assert.deepEqual(driver.closed(), [driver.holder(b!)]);
});

test("a loss on this side raises no suspicion", () => {
  const driver = rested(3);
  driver.lose(0, false);
  driver.wait(100);
  assert.ok(driver.isGranted(driver.request()));
  assert.equal(driver.count("check"), 0);
});

test("after a freeze all open connections are suspect, and new ones are not", () => {
  const driver = rested(1);
  driver.tell({ type: "suspicionRaised" });
  const [a, b] = driver.requests(2);
  driver.wait(100);
  assert.equal(driver.count("check"), 1);
  assert.ok(driver.isGranted(a!) && driver.isGranted(b!));
});

test("retire closes idle connections now and leased ones at their release", () => {
  const driver = rested(3);
  const a = driver.request();
  driver.tell({ type: "retireRequested" });
  assert.equal(driver.closed("retired").length, 2);
  driver.release(a);
  assert.equal(driver.closed("retired").length, 3);
  driver.wait(10);
  const b = driver.request();
  driver.wait(10);
  assert.equal(driver.holder(b), 3);
  driver.release(b);
  assert.equal(driver.counts().idle, 1);
});

test("the pool resets a dirty connection before it lends it again, and serves others", () => {
  const driver = new Driver({ connectionLimit: 2 });
  const [a, b] = driver.requests(2);
  driver.wait(100);
  driver.release(a!);
  driver.release(b!, "dirty");
  const [c, d] = driver.requests(2);
  assert.equal(driver.holder(c!), driver.holder(a!));
  assert.equal(driver.isGranted(d!), false);
  driver.wait(driver.habits.resetMs);
  assert.equal(driver.holder(d!), driver.holder(b!));
});

test("the pool lends a clean connection on as it is", () => {
  const driver = new Driver({ connectionLimit: 1 }, { statementMs: 2 });
  driver.requests(100);
  driver.wait(1000);
  assert.equal(driver.granted().length, 100);
  assert.equal(driver.orders.length, 101);
});

test("a broken connection closes, and keeps its place until its socket has closed", () => {
  const driver = new Driver({ connectionLimit: 1 }, { closeMs: 50 });
  const [a, b] = driver.requests(2);
  driver.wait(10);
  driver.release(a!, "broken");
  driver.wait(49);
  assert.equal(driver.count("connect"), 1);
  driver.wait(1 + driver.habits.connectMs);
  assert.ok(driver.isGranted(b!));
  assert.deepEqual(driver.closed("broken"), [0]);
});

/** Returns a world in which `count` connections opened at once and are idle. */
function rested(count: number, policy: Partial<Policy> = {}, habits?: Partial<Habits>): Driver {
  const driver = new Driver(policy, { ...habits, connectMs: 0 });
  const leases = driver.requests(count);
  driver.wait(0);
  for (const lease of leases) driver.release(lease);
  driver.habits = { ...driver.habits, connectMs: 10 };
  return driver;
}

/** Makes a request, which the pool grants, and returns its lease. */
function first(driver: Driver): number {
  const lease = driver.request();
  driver.wait(100);
  assert.ok(driver.isGranted(lease));
  return lease;
}
