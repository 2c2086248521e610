/**
 * The rules by which the pool grants leases: to which request, with which connection, and
 * which requests it refuses. Each test checks one promise, in a small world whose clock only
 * the test moves.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createState, deadline, type VirtualPolicy } from "../../src/core/mod.ts";
import { Driver } from "./support/driver.ts";

const free: VirtualPolicy = { target: 0, limit: Infinity, minimum: 0 };
const single: VirtualPolicy = { target: 0, limit: 1, minimum: 0 };

test("a new pool commands nothing and has no deadline", () => {
  const driver = new Driver({ virtuals: [{ ...free, minimum: 5 }] });
  assert.equal(deadline(createState(driver.pool.policy)), undefined);
  driver.wait(1_000_000);
  assert.deepEqual(driver.orders, []);
});

test("the pool serves a waiter before a later request", () => {
  const driver = new Driver({ connectionLimit: 1 });
  const [a, b, c] = driver.requests(3);
  driver.wait(10);
  driver.release(a!);
  const d = driver.request();
  driver.release(b!);
  driver.release(c!);
  assert.deepEqual(driver.granted(), [a, b, c, d]);
});

test("the oldest waiter gets a released connection although one opens for it", () => {
  const driver = new Driver({ connectionLimit: 2 });
  const a = driver.request();
  driver.wait(10);
  const b = driver.request();
  const c = driver.request();
  driver.release(a);
  assert.deepEqual(driver.granted(), [a, b]);
  driver.wait(10);
  assert.deepEqual(driver.granted(), [a, b, c]);
});

test("the last to come to rest is lent first", () => {
  const driver = new Driver();
  const leases = driver.requests(4);
  driver.wait(100);
  const order = [2, 0, 3, 1].map((at) => leases[at]!);
  for (const lease of order) driver.release(lease);
  const again = driver.requests(4);
  const holders = order.map((lease) => driver.holder(lease));
  assert.deepEqual(again.map((lease) => driver.holder(lease)), holders.reverse());
});

test("a burst of 50 opens at most 6, if connects take 150 ms and statements 2 ms", () => {
  const driver = new Driver({ connectionLimit: 50 }, { connectMs: 150, statementMs: 2 });
  const leases = driver.requests(50);
  driver.wait(1000);
  assert.ok(leases.every((lease) => driver.isGranted(lease)));
  assert.ok(driver.count("connect") <= 6, `${driver.count("connect")} were opened`);
});

test("a burst after a quiet time opens one connection at first again", () => {
  const driver = new Driver({ connectionLimit: 50 }, { connectMs: 150, statementMs: 2 });
  driver.requests(50);
  driver.wait(1000);
  const opened = driver.count("connect");
  driver.requests(50);
  assert.equal(driver.count("connect"), opened + 1);
});

test("long statements get every connection that the pool may have", () => {
  const driver = new Driver({ connectionLimit: 10 });
  driver.requests(30);
  driver.wait(4 * driver.habits.connectMs);
  assert.equal(driver.granted().length, 10);
  driver.wait(10_000);
  assert.equal(driver.count("connect"), 10);
});

test("the pool opens no more connections than requests wait", () => {
  const driver = new Driver();
  driver.requests(3);
  driver.wait(10_000);
  assert.equal(driver.count("connect"), 3);
});

test("a waiter that its virtual connection's limit blocks holds up no other", () => {
  const driver = new Driver({ connectionLimit: 3, virtuals: [free, single] });
  const [a, b] = driver.requests(2, { virtual: 1 });
  const c = driver.request();
  driver.wait(100);
  assert.deepEqual(driver.granted(), [a, c]);
  driver.release(a!);
  assert.ok(driver.isGranted(b!));
});

test("the limit of a virtual connection holds over all its targets", () => {
  const driver = new Driver({ virtuals: [{ ...free, limit: 2 }] });
  for (const target of [0, 1, 2]) driver.request({ target });
  driver.wait(1000);
  assert.equal(driver.granted().length, 2);
  assert.equal(driver.counts().blocked, 1);
});

test("a grant and a refusal return the request's `waiter`, which the core never reads", () => {
  const driver = new Driver({ connectionLimit: 1, queueLimit: 2, virtuals: [free, single] });
  const askers = [1, 2, 3, 4].map(() => unreadable());
  const [a, b] = [0, 1].map((at) => driver.request({ virtual: 1, waiter: askers[at] }));
  const c = driver.request({ waiter: askers[2] });
  const d = driver.request({ waiter: askers[3] });
  const e = driver.request();
  driver.wait(10);
  driver.release(a!);
  driver.tell({ type: "drainRequested", serveQueue: false });
  const told = driver.orders.flatMap(({ command }) => "waiter" in command ? [command] : []);
  assert.deepEqual(told.map(({ type, lease }) => [type, lease]), [
    ["refuse", d],
    ["refuse", e],
    ["grant", a],
    ["grant", b],
    ["refuse", c],
  ]);
  const waiters = [askers[3], undefined, askers[0], askers[1], askers[2]];
  told.forEach(({ waiter }, at) => assert.ok(waiter === waiters[at]));
});

test("a withdrawn request gets no answer, and its place goes to the next", () => {
  const driver = new Driver({ connectionLimit: 1, virtuals: [free, single] });
  const a = driver.request({ virtual: 1 });
  driver.wait(10);
  const [b, c] = driver.requests(2);
  const [d, e] = driver.requests(2, { virtual: 1 });
  driver.withdraw(b!);
  driver.withdraw(d!);
  driver.release(a);
  assert.ok(driver.isGranted(c!));
  driver.release(c!);
  assert.deepEqual(driver.granted(), [a, c, e]);
});

test("a request that is withdrawn after its grant changes nothing", () => {
  const driver = new Driver();
  const a = driver.request();
  driver.wait(10);
  driver.withdraw(a);
  assert.equal(driver.counts().leased, 1);
});

test("a second or late release of a lease takes nothing from the next lease", () => {
  const driver = new Driver({ connectionLimit: 1 });
  const [a, b] = driver.requests(2);
  driver.wait(10);
  driver.release(a!);
  for (const condition of ["clean", "dirty", "broken"] as const) driver.release(a!, condition);
  assert.ok(driver.isGranted(b!));
  assert.equal(driver.counts().leased, 1);
  assert.equal(driver.count("close"), 0);
});

test("a full queue refuses the new request, and no waiter", () => {
  const driver = new Driver({ connectionLimit: 2, queueLimit: 2 });
  const leases = driver.requests(5);
  assert.deepEqual(leases.map((lease) => driver.refusal(lease)), [
    ...Array(4),
    "queueFull",
  ]);
  driver.wait(1000);
  assert.equal(driver.granted().length, 2);
});

test("a queue limit of 0 serves as many requests as there are connections", () => {
  const driver = new Driver({ connectionLimit: 2, queueLimit: 0 });
  const [a, b, c] = driver.requests(3);
  driver.wait(1000);
  assert.deepEqual(driver.granted(), [a, b]);
  assert.equal(driver.refusal(c!), "queueFull");
});

test("waiters that a virtual connection's limit blocks count as queued too", () => {
  const driver = new Driver({ queueLimit: 1, virtuals: [free, single] });
  const [, b, c] = driver.requests(3, { virtual: 1 });
  assert.equal(driver.refusal(b!), undefined);
  assert.equal(driver.refusal(c!), "queueFull");
  const d = driver.request();
  driver.wait(1000);
  assert.ok(driver.isGranted(d));
});

test("the pool refuses at once the request that would lock all its leases, and only it", () => {
  const driver = new Driver({ connectionLimit: 2, virtuals: [free, free] });
  const [a, b] = driver.requests(2);
  driver.wait(100);
  const c = driver.request({ virtual: 1, enclosing: [a!] });
  assert.equal(driver.refusal(c), undefined);
  const d = driver.request({ virtual: 1, enclosing: [b!] });
  assert.equal(driver.refusal(d), "deadlock");
  driver.release(b!);
  assert.ok(driver.isGranted(c));
});

test("the pool finds leases that lock one another behind limits while others are free", () => {
  const driver = new Driver({ virtuals: [free, single, single] });
  const a = driver.request({ virtual: 1 });
  const b = driver.request({ virtual: 2 });
  driver.wait(100);
  const c = driver.request({ virtual: 2, enclosing: [a] });
  assert.equal(driver.refusal(c), undefined);
  const d = driver.request({ virtual: 1, enclosing: [b] });
  assert.equal(driver.refusal(d), "deadlock");
  driver.release(b);
  assert.ok(driver.isGranted(c));
});

test("the pool sees no deadlock while a lease that encloses no waiter can still end", () => {
  const pair = { ...free, limit: 2 };
  const driver = new Driver({ virtuals: [free, pair, pair] });
  const [a, b, c] = [1, 1, 2].map((virtual) => driver.request({ virtual }));
  driver.wait(100);
  const d = driver.request({ virtual: 1, enclosing: [c!] });
  const e = driver.request({ virtual: 2, enclosing: [a!] });
  assert.equal(driver.refusal(d), undefined);
  assert.ok(driver.isGranted(e) || driver.refusal(e) === undefined);
  driver.release(b!);
  driver.wait(100);
  assert.ok(driver.isGranted(d));
});

test("a withdrawn waiter no longer locks the lease that enclosed it", () => {
  const driver = new Driver({ connectionLimit: 2, virtuals: [free, free] });
  const [a, b] = driver.requests(2);
  driver.wait(100);
  driver.withdraw(driver.request({ virtual: 1, enclosing: [a!] }));
  const d = driver.request({ virtual: 1, enclosing: [b!] });
  assert.equal(driver.refusal(d), undefined);
  driver.release(a!);
  assert.ok(driver.isGranted(d));
});

test("a lease that has ended already encloses no waiter", () => {
  const driver = new Driver({ connectionLimit: 1, virtuals: [free, free] });
  const [a, b] = driver.requests(2);
  driver.wait(10);
  driver.release(a!);
  const c = driver.request({ virtual: 1, enclosing: [a!] });
  assert.equal(driver.refusal(c), undefined);
  driver.release(b!);
  assert.ok(driver.isGranted(c));
});

/** Returns an object that throws at every use, except when code passes it on. */
function unreadable(): unknown {
  const trap = (): never => assert.fail("What asks is looked at");
  const names = Object.getOwnPropertyNames(Reflect);
  return new Proxy(trap, Object.fromEntries(names.map((name) => [name, trap])));
}
