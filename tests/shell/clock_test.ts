/** The clock of a pool: it counts the time of a freeze, and its alarms never ring early. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClock } from "../../src/shell/clock.ts";

function sourceOf(): { mono: number; walls: number; monotonic(): number; wall(): number } {
  return {
    mono: 0,
    walls: 1_000_000,
    monotonic() {
      return this.mono;
    },
    wall() {
      return this.walls;
    },
  };
}

test("a leap of the wall clock counts as time passed", () => {
  const source = sourceOf();
  const clock = createClock(source);
  const before = clock.now();
  source.mono += 10;
  source.walls += 60_010;
  assert.equal(clock.now() - before, 60_010);
  assert.equal(clock.leaps, 1);
  source.mono += 5;
  source.walls += 5;
  assert.equal(clock.now() - before, 60_015);
  assert.equal(clock.leaps, 1);
});

test("time never goes back, and ignores small adjustments of the wall clock", () => {
  const source = sourceOf();
  const clock = createClock(source);
  const before = clock.now();
  source.mono += 10;
  source.walls -= 3_600_000;
  assert.equal(clock.now() - before, 10);
  for (let i = 0; i < 100; i++) {
    source.mono += 10;
    source.walls += 510;
    clock.now();
  }
  assert.equal(clock.now() - before, 1_010);
  assert.equal(clock.leaps, 0);
});

test("a wall clock that a test tool has stopped does not stop the pool's time", async () => {
  let walls = 1_000_000;
  const clock = createClock({ monotonic: () => performance.now(), wall: () => walls });
  const before = clock.now();
  const rung = await new Promise<number>((resolve) => {
    clock.alarm(before + 20, () => resolve(clock.now() - before));
  });
  assert.ok(rung >= 20, `it rang after ${rung} ms`);
  walls += 1;
  assert.ok(clock.now() - before >= rung);
  assert.equal(clock.leaps, 0);
});

test("an alarm rings at its time or a little later, once, and not if it is cancelled", async () => {
  const clock = createClock();
  const at = clock.now() + 20;
  const rang = Promise.withResolvers<number>();
  const cancel = clock.alarm(at - 10, () => rang.reject(new Error("it was cancelled")));
  cancel();
  clock.alarm(at, () => rang.resolve(clock.now()));
  const keepAlive = setTimeout(() => rang.reject(new Error("it did not ring")), 10_000);
  assert.ok(await rang.promise >= at);
  clearTimeout(keepAlive);
});

test("an alarm beyond the maximum delay of setTimeout does not ring at once", async () => {
  const clock = createClock();
  let rings = 0;
  const cancel = clock.alarm(clock.now() + 2 ** 33, () => rings++);
  await new Promise((resolve) => setTimeout(resolve, 20));
  cancel();
  assert.equal(rings, 0);
});
