/**
 * The rules between targets: how one makes room for another, how long it may keep a connection
 * that an older waiter of another target needs, and that an unused target costs nothing.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { sizeOf } from "../../src/core/table.ts";
import { Driver } from "./support/driver.ts";

test("at the limit the pool retargets an idle connection of the same address", () => {
  const driver = new Driver({ connectionLimit: 1 });
  driver.release(granted(driver, 0));
  const a = driver.request({ target: 1 });
  assert.equal(driver.count("retarget"), 1);
  driver.wait(driver.habits.retargetMs);
  assert.equal(driver.holder(a), 0);
  assert.equal(driver.count("close"), 0);
});

test("at the limit the pool retires an idle connection of another address and opens one", () => {
  const driver = new Driver({ connectionLimit: 1 });
  driver.release(granted(driver, 0));
  const a = driver.request({ target: 1, address: 1 });
  assert.deepEqual(driver.closed("makesRoom"), [0]);
  driver.wait(100);
  assert.equal(driver.holder(a), 1);
  assert.equal(driver.count("retarget"), 0);
});

test("the longest idle connection of all targets makes room", () => {
  const driver = new Driver({ connectionLimit: 3 });
  const leases = [2, 0, 1].map((target) => granted(driver, target));
  for (const lease of leases.toReversed()) {
    driver.wait(10);
    driver.release(lease);
  }
  const a = driver.request({ target: 3 });
  driver.wait(10);
  assert.equal(driver.holder(a), driver.holder(leases.at(-1)!));
});

test("below the limit no connection has to make room", () => {
  const driver = new Driver({ connectionLimit: 3 });
  for (const target of [0, 1, 2]) driver.release(granted(driver, target));
  assert.equal(driver.count("connect"), 3);
  assert.equal(driver.count("retarget"), 0);
});

test("a target with an empty queue gives up a connection at once, whatever `handoverMs` is", () => {
  const driver = new Driver({ connectionLimit: 1, handoverMs: 1_000_000 });
  driver.release(granted(driver, 0));
  const a = driver.request({ target: 1 });
  driver.wait(1);
  assert.ok(driver.isGranted(a));
});

test("a target with waiters keeps a connection for `handoverMs`, and no longer", () => {
  const driver = new Driver({ connectionLimit: 1, handoverMs: 100 }, { statementMs: 2 });
  driver.request();
  driver.wait(10);
  const other = driver.request({ target: 1 });
  while (driver.answeredAt(other) === undefined) {
    driver.request();
    driver.wait(1);
  }
  const waitedMs = driver.answeredAt(other)! - 10;
  assert.ok(waitedMs >= 100 && waitedMs <= 100 + 2 + 1, `${waitedMs} ms`);
});

test("no target starves, and none loses its connection at every turn", () => {
  const driver = new Driver({ connectionLimit: 1, handoverMs: 100 }, { statementMs: 2 });
  const served = [0, 0, 0];
  const lines: number[][] = [[], [], []];
  while (driver.now < 9000) {
    lines.forEach((line, target) => {
      const done = line.filter((lease) => driver.isGranted(lease));
      served[target]! += done.length;
      for (const lease of done) line.splice(line.indexOf(lease), 1);
      while (line.length < 5) line.push(driver.request({ target }));
    });
    driver.wait(1);
  }
  for (const count of served) assert.ok(count > 1000, `served ${served}`);
  assert.ok(driver.count("retarget") <= 90, `${driver.count("retarget")} changes`);
});

test("without `handoverMs` all targets together are served first come, first served", () => {
  const driver = new Driver({ connectionLimit: 1, handoverMs: 0 }, { statementMs: 2 });
  const leases = [0, 1, 0, 1, 1, 0, 0].map((target) => driver.request({ target }));
  driver.wait(1000);
  assert.deepEqual(driver.granted(), leases);
});

test("the pool does not retarget a suspect connection", () => {
  const driver = new Driver({ connectionLimit: 1 });
  driver.release(granted(driver, 0));
  driver.tell({ type: "suspicionRaised" });
  const a = driver.request({ target: 1 });
  driver.wait(100);
  assert.equal(driver.count("retarget"), 0);
  assert.equal(driver.holder(a), 1);
});

test("a connection whose retarget fails closes, and the waiter keeps its place", () => {
  const driver = new Driver({ connectionLimit: 1 });
  driver.release(granted(driver, 0));
  driver.mute.add(0);
  const a = driver.request({ target: 1 });
  driver.wait(100);
  assert.deepEqual(driver.closed("broken"), [0]);
  assert.equal(driver.holder(a), 1);
});

test("the pool forgets a target that has no waiter and no connection", () => {
  const driver = new Driver({ idleTimeout: 100 }, { statementMs: 2 });
  for (let target = 0; target < 100; target++) driver.request({ target });
  driver.wait(10_000);
  assert.equal(driver.count("forget"), 100);
  assert.equal(sizeOf(driver.pool.targets), 0);
  assert.equal(driver.counts().size, 0);
});

test("the pool keeps a target whose only waiter a limit blocks", () => {
  const driver = new Driver({ virtuals: [{ target: 0, limit: 1, minimum: 0 }] });
  const a = granted(driver, 0);
  const b = driver.request({ target: 7 });
  driver.wait(1000);
  driver.release(a);
  driver.wait(100);
  assert.ok(driver.isGranted(b));
});

test("the pool forgets an unused target that is down, after a while", () => {
  const driver = new Driver();
  driver.faults.set(0, "down");
  driver.request();
  driver.wait(100);
  assert.equal(sizeOf(driver.pool.targets), 1);
  driver.wait(10_000);
  assert.equal(sizeOf(driver.pool.targets), 0);
});

test("a connection that opened for a withdrawn request serves its target's next one", () => {
  const driver = new Driver({ connectionLimit: 1 });
  driver.withdraw(driver.request());
  driver.wait(100);
  assert.ok(driver.isGranted(driver.request()));
  assert.equal(driver.count("connect"), 1);
});

test("a target that is down takes no room from others, except for its one attempt", () => {
  const driver = new Driver({ connectionLimit: 2 }, { statementMs: 2 });
  driver.faults.set(1, "down");
  const up = driver.requests(20);
  driver.requests(20, { target: 1 });
  driver.wait(1000);
  assert.ok(up.every((lease) => driver.isGranted(lease)));
});

/** Makes a request for a target, which the pool grants, and returns its lease. */
function granted(driver: Driver, target: number): number {
  const lease = driver.request({ target });
  driver.wait(100);
  assert.ok(driver.isGranted(lease));
  return lease;
}
