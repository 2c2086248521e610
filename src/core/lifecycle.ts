/**
 * The life of an actual connection: connect, idle, lease, check, reset, retarget, retire.
 *
 * Each function ends the old status of the connection and begins its new one, so that every
 * count is right whatever the two are.
 */

import { type Draft, editTarget, emit, type Writable, writeActual } from "./draft.ts";
import type { RetireReason, Work, WorkOrder } from "./messages.ts";
import { countEncloser, dequeue, freeSlot } from "./queue.ts";
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

/** Starts to open an actual connection. */
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

/** Grants an idle connection to a waiter. */
export function lend(draft: Draft, actual: Actual, waiter: Waiter): void {
  const { lease, virtual } = waiter;
  dequeue(draft, waiter);
  const { id, restedAt, idleOrder } = actual;
  become(draft, actual, serving(actual, "leased", lease, virtual, 0, restedAt, idleOrder));
  emit(draft, { type: "grant", lease, actual: id, waiter: waiter.waiter });
}

/**
 * Makes a connection idle, or retires it if it is unfit. The pool checks a suspect first, so
 * that suspects are at the bottom of the idle stack.
 */
export function makeIdle(draft: Draft, actual: Actual): void {
  const { pool, now } = draft;
  const unfit = unfitness(draft, actual);
  if (unfit !== undefined) return retire(draft, actual, unfit);
  if (isSuspect(pool, actual) && !isEnding(pool)) return check(draft, actual);
  const { lease, virtual, encloses } = actual;
  const idleOrder = pool.idleOrderNext++;
  become(draft, actual, serving(actual, "idle", lease, virtual, encloses, now, idleOrder));
}

/** Returns a leased or idle copy; every lease makes two, so it lists its fields, for speed. */
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

/** Wipes what a lease has left in the session, or retires the connection if it is unfit. */
export function reset(draft: Draft, actual: Actual): void {
  const unfit = unfitness(draft, actual);
  if (unfit !== undefined) return retire(draft, actual, unfit);
  work(draft, actual, "resetting", "reset");
}

/** Checks whether a connection is still alive. */
export function check(draft: Draft, actual: Actual): void {
  work(draft, actual, "checking", "check");
}

/** Changes an idle connection to another target. */
export function retarget(draft: Draft, actual: Actual, target: TargetId): void {
  work(draft, actual, "retargeting", "retarget", target);
}

/** Takes a connection out of service for good, whatever its status is. */
export function retire(draft: Draft, actual: Actual, reason: RetireReason): void {
  if (reason === "aged") draft.pool.agesFrom = draft.now + spacingMs(draft.pool);
  become(draft, actual, { ...actual, status: "closing" });
  emit(draft, { type: "close", actual: actual.id, reason });
}

/** Forgets a connection that has closed, or could not be opened. */
export function forget(draft: Draft, actual: Actual): void {
  end(draft, actual);
  draft.pool.actuals = remove(draft.pool.actuals, actual.id);
}

/** Starts a check, a reset or a retarget; each proves whether the connection is alive. */
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

/** Ends the status of an actual connection, and the lease that it serves. */
function end(draft: Draft, actual: Actual): void {
  if (actual.status === "leased") {
    if (actual.encloses > 0) countEncloser(draft, actual.virtual, -1);
    freeSlot(draft, actual.virtual);
  }
  count(draft, actual, -1);
}

/** Adds a connection to the counts of its status and its target, or takes it out of them. */
function count(draft: Draft, actual: Actual, by: 1 | -1): void {
  const { pool } = draft;
  const { status } = actual;
  // Every lease passes these two, so they are spelt out: a write by a computed name is slow.
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

/** Tells why a connection must not become idle, if it must not. */
function unfitness({ pool, now }: Draft, actual: Actual): RetireReason | undefined {
  if (isRetired(pool, actual)) return "retired";
  if (pool.phase === "draining") return "draining";
  return isAged(pool, actual.agesAt!, now) ? "aged" : undefined;
}

/** Puts an actual connection on top of the idle stack. */
export function pushIdle(on: Writable<Target>, actual: Actual): void {
  if (on.newest !== undefined) on.idle = put(on.idle, on.newest.idleOrder, on.newest);
  on.newest = actual;
}

/** Takes an actual connection out of the idle stack. */
export function removeIdle(from: Writable<Target>, actual: Actual): void {
  if (from.newest?.idleOrder === actual.idleOrder) from.newest = undefined;
  else from.idle = remove(from.idle, actual.idleOrder);
}

/** Returns the connection that became idle last, if any is idle. */
export function newestIdle({ newest, idle }: Target): Actual | undefined {
  return newest ?? last(idle)?.value;
}

/** Returns the connection that has been idle longest, if any is idle. */
export function oldestIdle({ newest, idle }: Target): Actual | undefined {
  return first(idle)?.value ?? newest;
}

/** The part of the maximum age that chance may take off, and by which a retirement may be late. */
const AGE_SLACK = 0.1;

/** Returns when an actual connection that opens now reaches its maximum age. */
export function ageAt({ policy }: PoolState, now: Instant, random: number): Instant {
  return now + policy.maxLifetime * (1 - AGE_SLACK * random);
}

/** Returns the time between two retirements for age. */
export function spacingMs({ policy }: PoolState): number {
  return policy.maxLifetime / policy.connectionLimit;
}

/** Returns when a connection that reaches its maximum age at `agesAt` has to retire. */
export function goesAt({ policy, agesFrom }: PoolState, agesAt: Instant): Instant {
  if (agesFrom === undefined) return agesAt;
  return Math.max(agesAt, Math.min(agesFrom, agesAt + policy.maxLifetime * AGE_SLACK));
}

/** Tells whether a connection that reaches its maximum age at `agesAt` has to retire now. */
export function isAged(pool: PoolState, agesAt: Instant, now: Instant): boolean {
  return now >= goesAt(pool, agesAt);
}

/** Tells whether an actual connection existed when the caller last asked to retire all. */
export function isRetired(pool: PoolState, actual: Actual): boolean {
  return actual.id < pool.retiredBelow;
}

/** Tells whether a connection has not proved that it is alive since all last became suspect. */
export function isSuspect(pool: PoolState, actual: Actual): boolean {
  return actual.suspicions < pool.suspicions;
}

/** Tells whether the pool must check a connection before it lends it: idle long, or suspect. */
export function isDoubtful(pool: PoolState, actual: Actual, now: Instant): boolean {
  return now - actual.restedAt! > pool.policy.validateAfter || isSuspect(pool, actual);
}
