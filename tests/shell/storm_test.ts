/** Random requests, aborts and losses: nothing leaks, and no two requests share a connection. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEADLOCK, FakeServerError, TOO_MANY } from "./support/fake_connector.ts";
import { settled } from "./support/manual_clock.ts";
import { createWorld, endsEmpty, type FakeVirtual, seen, type World } from "./support/pool.ts";

/** Returns numbers in [0, 1) that follow from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs one request, which does work chosen at random. */
async function request(
  { db }: World<"a" | "b">,
  random: () => number,
  signal: AbortSignal,
  owners: Map<number, unknown>,
): Promise<void> {
  const me = {};
  const virtual = (): FakeVirtual => db.connection(random() < 0.5 ? "a" : "b");
  async function use(one: FakeVirtual): Promise<void> {
    const { threadId } = await seen(one);
    const owner = owners.get(threadId);
    assert.ok(owner === undefined || owner === me, `two share ${threadId}`);
    owners.set(threadId, me);
    if (random() < 0.3) await settled();
    owners.delete(threadId);
    if (random() < 0.1) throw new Error("mine");
  }
  async function work(depth: number): Promise<unknown> {
    const one = virtual();
    const dice = depth > 3 ? 0 : random();
    if (dice < 0.2) return await seen(one);
    if (dice < 0.3) return await seen(one, "SET @a = 1");
    if (dice < 0.35) return await seen(one, `FAIL ${DEADLOCK}`);
    if (dice < 0.5) return await one.transaction(() => use(one));
    if (dice < 0.6) return await one.transaction(() => work(depth + 1));
    if (dice < 0.7) return await db.unit(() => work(depth + 1), { bind: { a: { database: "t" } } });
    if (dice < 0.8) return await Promise.allSettled([work(depth + 1), work(depth + 1)]);
    await using lease = await one.lease();
    return await seen(lease);
  }
  const isUnit = random() < 0.7;
  await (isUnit ? db.unit(() => work(0), random() < 0.5 ? { signal } : {}) : work(0));
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`a storm of requests, aborts and losses leaks nothing (seed ${seed})`, async () => {
    const random = randomOf(seed);
    const world = createWorld({ connectionLimit: 3, connections: { a: { limit: 2 }, b: {} } });
    const { db, connector, clock } = world;
    const owners = new Map<number, unknown>();
    const running = new Set<Promise<void>>();
    for (let i = 0; i < 400; i++) {
      const abort = new AbortController();
      const done = request(world, random, abort.signal, owners).catch((error) => {
        assert.doesNotMatch(String(error), /two share/);
      }).finally(() => running.delete(done));
      running.add(done);
      if (random() < 0.2) abort.abort();
      if (random() < 0.05) connector.connectFailures.push(new FakeServerError(TOO_MANY, "full"));
      if (random() < 0.02) connector.connectFailures.push(new FakeServerError(2003, "refused"));
      if (random() < 0.05) {
        connector.open[Math.floor(random() * connector.open.length)]?.kill(random() < 0.5);
      }
      if (random() < 0.02) clock.leap(5_000);
      if (random() < 0.2) abort.abort();
      if (random() < 0.5) await settled();
      if (random() < 0.1) await clock.pass(random() * 200);
    }
    connector.connectFailures.length = 0;
    for (let i = 0; i < 200 && running.size > 0; i++) await clock.pass(100);
    assert.equal(running.size, 0, `${running.size} requests were never answered`);
    await settled();
    const { leased, waiting } = db.stats();
    assert.deepEqual({ leased, waiting }, { leased: 0, waiting: 0 });
    assert.ok(connector.peak <= 3);
    await endsEmpty(world);
  });
}
