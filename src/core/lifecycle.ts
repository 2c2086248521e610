/**
 * One actual connection: connect, idle, lease, check, reset, retarget, retire.
 *
 * Each of these ends what the connection was at and begins what it is at next, so that
 * every count is right whatever the two are.
 */

import { type Draft, editTarget, emit, type Writable, writeActual } from "./draft.ts";
import type { RetireReason, Work, WorkOrder } from "./messages.ts";
import { countEncloser, dequeue, endClaim } from "./queue.ts";
import {
  type Actual,
  type Instant,
  isEnding,
  type LeaseId,
  type PoolState,
  type Status,
  type Target,
  type TargetId,
  type VirtualId,
  type Waiter,
} from "./state.ts";
import { first, last, put, remove } from "./table.ts";

/** Opens an actual connection. */
export function connect(draft: Draft, target: TargetId): void {
  const { pool } = draft;
  const id = pool.actualNext++;
  const actual: Actual = {
    id,
    target,
    status: "connecting",
    suspicions: pool.suspicions,
    servesSince: undefined,
    agesAt: undefined,
    restedAt: undefined,
    idleOrder: -1,
    lease: -1,
    virtual: -1,
    encloses: 0,
  };
  pool.actuals = put(pool.actuals, id, actual);
  count(draft, actual, 1);
  emit(draft, { type: "connect", actual: id, target });
}

/** Gives an idle one to a waiter. */
export function lend(draft: Draft, actual: Actual, waiter: Waiter): void {
  const { lease, virtual } = waiter;
  dequeue(draft, waiter);
  const { id, restedAt, idleOrder } = actual;
  become(draft, actual, serving(actual, "leased", lease, virtual, 0, restedAt, idleOrder));
  emit(draft, { type: "grant", lease, actual: id, waiter: waiter.waiter });
}

/** Lays one to rest, unless it is to go; a suspect is checked first, so suspects lie lowest. */
export function makeIdle(draft: Draft, actual: Actual): void {
  const { pool, now } = draft;
  const unfit = unfitness(draft, actual);
  if (unfit !== undefined) return retire(draft, actual, unfit);
  if (isSuspect(pool, actual) && !isEnding(pool)) return check(draft, actual);
  const { lease, virtual, encloses } = actual;
  const idleOrder = pool.idleOrderNext++;
  become(draft, actual, serving(actual, "idle", lease, virtual, encloses, now, idleOrder));
}

/** Returns a copy that is lent or idle; every lease makes two, so its fields are spelt out. */
function serving(
  { id, target, suspicions, servesSince, agesAt }: Actual,
  status: Status,
  lease: LeaseId,
  virtual: VirtualId,
  encloses: number,
  restedAt: Instant | undefined,
  idleOrder: number,
): Actual {
  return {
    id,
    target,
    status,
    suspicions,
    servesSince,
    agesAt,
    restedAt,
    idleOrder,
    lease,
    virtual,
    encloses,
  };
}

/** Wipes what a lease has left in the session, unless it is to go in any case. */
export function reset(draft: Draft, actual: Actual): void {
  const unfit = unfitness(draft, actual);
  if (unfit !== undefined) return retire(draft, actual, unfit);
  work(draft, actual, "resetting", "reset");
}

/** Asks one whether it is still alive. */
export function check(draft: Draft, actual: Actual): void {
  work(draft, actual, "checking", "check");
}

/** Changes an idle one into one of another target. */
export function retarget(draft: Draft, actual: Actual, target: TargetId): void {
  work(draft, actual, "retargeting", "retarget", target);
}

/** Takes one out of service for good, whatever it is at. */
export function retire(draft: Draft, actual: Actual, reason: RetireReason): void {
  if (reason === "aged") draft.pool.agesFrom = draft.now + spacingMs(draft.pool);
  become(draft, actual, { ...actual, status: "closing" });
  emit(draft, { type: "close", actual: actual.id, reason });
}

/** Forgets one that has closed, or was never opened. */
export function forget(draft: Draft, actual: Actual): void {
  end(draft, actual);
  draft.pool.actuals = remove(draft.pool.actuals, actual.id);
}

/** Busies one with itself; whatever it does proves whether it is alive. */
function work(
  draft: Draft,
  actual: Actual,
  status: Work,
  type: WorkOrder,
  target: TargetId = actual.target,
): void {
  become(draft, actual, { ...actual, status, target, suspicions: draft.pool.suspicions });
  emit(draft, { type, actual: actual.id, target });
}

function become(draft: Draft, actual: Actual, next: Actual): void {
  end(draft, actual);
  writeActual(draft, next);
  count(draft, next, 1);
}

/** Ends what an actual connection is at; a lease that it serves ends too. */
function end(draft: Draft, actual: Actual): void {
  if (actual.status === "leased") {
    if (actual.encloses > 0) countEncloser(draft, actual.virtual, -1);
    endClaim(draft, actual.virtual);
  }
  count(draft, actual, -1);
}

/** Counts one among those that are at the same, or no more. */
function count(draft: Draft, actual: Actual, by: 1 | -1): void {
  const { pool } = draft;
  const { status } = actual;
  // What every lease does is spelt out, as a write by a computed name is slow.
  if (status === "idle") pool.idle += by;
  else if (status === "leased") pool.leased += by;
  else pool[status] += by;
  if (status === "closing") return;
  const target = editTarget(draft, actual.target);
  target.live += by;
  if (status === "connecting" || status === "retargeting") target.opening += by;
  if (status === "idle") return by > 0 ? pushIdle(target, actual) : removeIdle(target, actual);
  if (status !== "leased") target.arriving += by;
}

/** Tells why one that has ended its work cannot rest, if it cannot. */
function unfitness({ pool, now }: Draft, actual: Actual): RetireReason | undefined {
  if (isRetired(pool, actual)) return "retired";
  if (pool.phase === "draining") return "draining";
  return isAged(pool, actual.agesAt!, now) ? "aged" : undefined;
}

/** Lays an actual connection down on top of the others. */
export function pushIdle(on: Writable<Target>, actual: Actual): void {
  if (on.newest !== undefined) on.idle = put(on.idle, on.newest.idleOrder, on.newest);
  on.newest = actual;
}

/** Takes an actual connection from among those that rest. */
export function removeIdle(from: Writable<Target>, actual: Actual): void {
  if (from.newest?.idleOrder === actual.idleOrder) from.newest = undefined;
  else from.idle = remove(from.idle, actual.idleOrder);
}

/** Returns the last that came to rest, if any rests. */
export function newestIdle({ newest, idle }: Target): Actual | undefined {
  return newest ?? last(idle)?.value;
}

/** Returns the one that has rested longest, if any rests. */
export function oldestIdle({ newest, idle }: Target): Actual | undefined {
  return first(idle)?.value ?? newest;
}

/** Which part of the age limit chance may take off, and how far beyond its age one may be lent. */
const AGE_SLACK = 0.1;

/** Returns when an actual connection that is born now will be old. */
export function ageAt({ policy }: PoolState, now: Instant, random: number): Instant {
  return now + policy.maxLifetime * (1 - AGE_SLACK * random);
}

/** Returns the distance that retirements for age keep. */
export function spacingMs({ policy }: PoolState): number {
  return policy.maxLifetime / policy.connectionLimit;
}

/** Returns when one that is old from `agesAt` on has to go. */
export function goesAt({ policy, agesFrom }: PoolState, agesAt: Instant): Instant {
  if (agesFrom === undefined) return agesAt;
  return Math.max(agesAt, Math.min(agesFrom, agesAt + policy.maxLifetime * AGE_SLACK));
}

/** Tells whether one that is old from `agesAt` on has to go now. */
export function isAged(pool: PoolState, agesAt: Instant, now: Instant): boolean {
  return now >= goesAt(pool, agesAt);
}

/** Tells whether an actual connection was there when all were asked to go. */
export function isRetired(pool: PoolState, actual: Actual): boolean {
  return actual.id < pool.retiredBelow;
}

/** Tells whether one has not proved to be alive since all became suspect. */
export function isSuspect(pool: PoolState, actual: Actual): boolean {
  return actual.suspicions < pool.suspicions;
}

/** Tells whether an idle one must be checked before it is lent: it rested long, or is suspect. */
export function isDoubtful(pool: PoolState, actual: Actual, now: Instant): boolean {
  return now - actual.restedAt! > pool.policy.validateAfter || isSuspect(pool, actual);
}
