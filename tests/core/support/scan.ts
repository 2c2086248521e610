/** What a pool's counts and lists must be, found by a slow scan of everything. */

import assert from "node:assert/strict";
import type { Actual, Instant, PoolState, Target } from "../../../src/core/mod.ts";
import { all, nthOf } from "../../../src/core/fifo.ts";
import { entries, find, type Node, sizeOf, type Table } from "../../../src/core/table.ts";
import { STATUSES } from "../world.ts";
import type { Model } from "./model.ts";

type Row = readonly [key: number, value: unknown, due: number];

/** Fails if a count or a list of the pool differs from a scan of everything. */
export function assertTrue(pool: PoolState, model: Model): void {
  const actuals = valuesOf(pool.actuals);
  assert.deepEqual(
    actuals.map(({ id, target, status }) => [id, target, status]),
    [...model.actuals.values()].map(({ id, target, status }) => [id, target, status]),
  );
  for (const { id, status, lease } of actuals) {
    if (status === "leased") assert.equal(lease, model.actuals.get(id)!.lease);
  }
  const eligible = model.eligible();
  for (const status of STATUSES) assert.equal(pool[status], model.at(status).length, status);
  assert.deepEqual(
    [pool.leased, pool.waiting, pool.blocked],
    [model.held.size, model.waiting.size, model.waiting.size - eligible.size],
  );
  assertVirtuals(pool, model);
  const line = [...eligible].map(([lease, { target }]) => [lease, target] as const);
  assertTargets(pool, actuals, line);
  assertKnown(pool, model);
  assertLists(pool);
  assertEnclosures(pool, model);
}

/** Fails if a request waits although the pool could lend or open a connection for it now. */
export function assertNobodyWaitsInVain(pool: PoolState, now: Instant): void {
  if (pool.phase !== "open" && pool.phase !== "serving") return;
  const size = sizeOf(pool.actuals);
  const { connectionLimit } = pool.policy;
  const isRoom = size < Math.min(connectionLimit, pool.congestion?.ceiling ?? connectionLimit);
  for (const target of valuesOf(pool.targets)) {
    if (sizeOf(target.queue) <= target.arriving) continue;
    assert.equal(restingOn(target).length, 0, `one rests while somebody waits for ${target.id}`);
    if (target.outage !== undefined && now < target.outage.retryAt) continue;
    const canOpen = target.opening < (target.outage === undefined ? target.openRate : 1);
    assert.ok(!canOpen || !isRoom, `none is opened for ${target.id}`);
  }
}

function assertVirtuals(pool: PoolState, model: Model): void {
  const asked = [...model.held.values(), ...model.waiting.values()];
  pool.policy.virtuals.forEach(({ limit }, id) => {
    if (limit === Infinity) return;
    const count = asked.filter(({ virtual }) => virtual === id).length;
    const virtual = find(pool.virtuals, id);
    assert.equal(virtual?.slots ?? 0, Math.min(limit, count));
    assert.equal(sizeOf(virtual?.blocked), Math.max(0, count - limit));
  });
}

function assertTargets(
  pool: PoolState,
  actuals: readonly Actual[],
  line: readonly (readonly [lease: number, target: number])[],
): void {
  for (const target of valuesOf(pool.targets)) {
    const { id, arriving, opening, live } = target;
    const own = actuals.filter((actual) => actual.target === id && actual.status !== "closing");
    const count = (...all: string[]) => own.filter(({ status }) => all.includes(status)).length;
    assert.deepEqual([live, opening, arriving], [
      own.length,
      count("connecting", "retargeting"),
      count("connecting", "retargeting", "checking", "resetting"),
    ]);
    assert.deepEqual(
      all(target.queue).map(({ lease }) => lease),
      line.filter(([, to]) => to === id).map(([lease]) => lease),
    );
    const idle = own.filter(({ status }) => status === "idle").sort((a, b) =>
      a.idleOrder - b.idleOrder
    );
    assert.deepEqual(restingOn(target), idle);
  }
}

/** Fails if the pool has forgotten a target in use, or knows an unused one. */
function assertKnown(pool: PoolState, model: Model): void {
  const needed = new Set([...model.eligible().values()].map(({ target }) => target));
  for (const { target, status } of model.actuals.values()) {
    if (status !== "closing") needed.add(target);
  }
  // The pool may know the targets of blocked waiters as well.
  const wanted = new Set([...model.waiting.values()].map(({ target }) => target));
  for (const id of needed) assert.ok(find(pool.targets, id) !== undefined, `${id} is forgotten`);
  for (const { id, outage, minimum } of valuesOf(pool.targets)) {
    const matters = needed.has(id) || wanted.has(id) || outage !== undefined || minimum > 0;
    assert.ok(matters, `${id} is not forgotten`);
  }
}

function assertLists(pool: PoolState): void {
  const [needed, probing, belowMinimum, resting]: [Row[], Row[], Row[], Row[]] = [[], [], [], []];
  let wanted = 0;
  for (const target of valuesOf(pool.targets)) {
    const { id, queue, arriving, opening, openRate, outage, live, minimum } = target;
    const places = Math.max(0, (outage === undefined ? openRate : 1) - opening);
    const retryAt = outage?.retryAt ?? -Infinity;
    const longest = restingOn(target)[0];
    const uncovered = nthOf(queue, arriving);
    if (uncovered !== undefined && longest === undefined && places > 0) {
      (outage === undefined ? needed : probing).push([uncovered.lease, id, retryAt]);
      if (outage === undefined) wanted += Math.min(places, sizeOf(queue) - arriving);
    }
    if (live < minimum && places > 0) belowMinimum.push([id, id, retryAt]);
    if (longest === undefined) continue;
    const idleEndsAt = longest.restedAt! + pool.policy.idleTimeout;
    resting.push([longest.idleOrder, id, live > minimum ? idleEndsAt : Infinity]);
  }
  assert.deepEqual(rowsOf(pool.needed), sorted(needed));
  assert.deepEqual(rowsOf(pool.probing), sorted(probing));
  assert.deepEqual(rowsOf(pool.resting), sorted(resting));
  assert.equal(pool.wanted, wanted);
  // A pool that ends keeps no minimum any more.
  const isOpen = pool.phase === "open" || pool.phase === "paused";
  if (isOpen) assert.deepEqual(rowsOf(pool.belowMinimum), sorted(belowMinimum));
}

function assertEnclosures(pool: PoolState, model: Model): void {
  const enclosed = [...model.waiting.values()].filter(({ enclosing }) => enclosing.length > 0);
  assert.deepEqual(keysOf(pool.enclosed), enclosed.map(({ lease }) => lease));
  const enclosing = enclosed.flatMap((waiter) => waiter.enclosing.map(({ lease }) => lease));
  const leased = valuesOf(pool.actuals).filter(({ status }) => status === "leased");
  for (const { lease, encloses } of leased) {
    assert.equal(encloses, enclosing.filter((one) => one === lease).length);
  }
  assert.equal(pool.enclosing, leased.filter(({ encloses }) => encloses > 0).length);
}

function restingOn({ idle, newest }: Pick<Target, "idle" | "newest">): Actual[] {
  return newest === undefined ? valuesOf(idle) : [...valuesOf(idle), newest];
}

function rowsOf(table: Table<unknown>): Row[] {
  return entries(table).map(({ key, value, due }: Node<unknown>) => [key, value, due ?? Infinity]);
}

function sorted(rows: readonly Row[]): Row[] {
  return rows.toSorted(([a], [b]) => a - b);
}

function keysOf(table: Table<unknown>): number[] {
  return entries(table).map(({ key }) => key);
}

function valuesOf<V>(table: Table<V>): V[] {
  return entries(table).map(({ value }) => value);
}
