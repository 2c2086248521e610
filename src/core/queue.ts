/**
 * The waiters: which of them may have a lease now, and which would wait for ever.
 *
 * A waiter is in the queue of its target, unless its virtual connection has taken all slots
 * (one for each lease and each waiter in a queue): then it is blocked until one of these slots
 * is free. So every waiter in a queue may have a lease now, and a target needs to look at its
 * queue only.
 *
 * A lease that encloses a waiter cannot end before the pool answers that waiter. The lease is
 * locked if only the end of locked leases could serve the waiter: because these hold all the
 * actual connections that the pool may have, or all that the waiter's virtual connection may
 * have. Only an enclosed request can close such a ring, so the pool looks for a ring at no
 * other time; and the request that closes the ring is the newest of its waiters.
 */

import { type Draft, editTarget, editVirtual, emit, saveActual } from "./draft.ts";
import { add, drop, findIn, headOf } from "./fifo.ts";
import type { RefuseReason } from "./messages.ts";
import type { Actual, LeaseRef, PoolState, Virtual, VirtualId, Waiter } from "./state.ts";
import { find, put, remove, sizeOf, values } from "./table.ts";

/** The fields by which the pool finds a request. */
type RequestName = Pick<Waiter, "lease" | "virtual" | "target">;

/** Tells whether one more waiter of a virtual connection would exceed the queue limit. */
export function isQueueFull(pool: PoolState, virtual: VirtualId): boolean {
  const { connectionLimit, queueLimit } = pool.policy;
  const borne = Math.max(pool.congestion?.ceiling ?? connectionLimit, sizeOf(pool.actuals));
  const places = borne - pool.leased;
  const behind = pool.blocked + (isAtLimit(pool, virtual) ? 1 : 0);
  return Math.max(behind, pool.waiting + 1 - places) > queueLimit;
}

/** Returns how many leases a virtual connection may have at once. */
export function limitOf(pool: PoolState, virtual: VirtualId): number {
  return pool.policy.virtuals[virtual]!.limit;
}

/** Tells whether a virtual connection has taken as many slots as its limit. */
function isAtLimit(pool: PoolState, virtual: VirtualId): boolean {
  return (find(pool.virtuals, virtual)?.slots ?? 0) >= limitOf(pool, virtual);
}

/** Lets a request wait: in its target's queue, or blocked if its virtual connection is at limit. */
export function join(draft: Draft, waiter: Waiter): void {
  const { pool } = draft;
  if (isAtLimit(pool, waiter.virtual)) {
    const virtual = editVirtual(draft, waiter.virtual);
    virtual.blocked = add(virtual.blocked, waiter);
    editTarget(draft, waiter.target).blocked++;
    pool.blocked++;
  } else {
    if (isLimited(pool, waiter.virtual)) editVirtual(draft, waiter.virtual).slots++;
    enqueue(draft, waiter);
  }
  countWaiter(draft, waiter, 1);
}

/** Takes a waiter out of its queue and keeps its slot, which becomes that of the lease. */
export function dequeue(draft: Draft, waiter: Waiter): void {
  const target = editTarget(draft, waiter.target);
  target.queue = drop(target.queue!, waiter.lease);
  countWaiter(draft, waiter, -1);
}

/** Withdraws a request, in a queue or blocked, if it still waits. */
export function leave(draft: Draft, { lease, virtual, target }: RequestName): void {
  const standing = findIn(find(draft.pool.targets, target)?.queue, lease);
  const blocked = findIn(blockedOn(draft.pool, virtual), lease);
  if (standing !== undefined) {
    dequeue(draft, standing);
    freeSlot(draft, virtual);
  } else if (blocked !== undefined) {
    unblock(draft, blocked);
    countWaiter(draft, blocked, -1);
  }
}

/** Refuses a request, whether it waits already or not. */
export function refuse(draft: Draft, request: Waiter, reason: RefuseReason, cause?: unknown): void {
  leave(draft, request);
  const { lease, waiter } = request;
  emit(draft, { type: "refuse", lease, waiter, reason, cause });
}

/** Frees a slot; the blocked waiter that has waited longest gets it. */
export function freeSlot(draft: Draft, id: VirtualId): void {
  if (!isLimited(draft.pool, id)) return;
  const next = headOf(blockedOn(draft.pool, id));
  if (next === undefined) {
    editVirtual(draft, id).slots--;
    return;
  }
  unblock(draft, next);
  enqueue(draft, next);
}

/** Adds a lease to the count of those that enclose waiters, or takes it out. */
export function countEncloser(draft: Draft, virtual: VirtualId, by: 1 | -1): void {
  draft.pool.enclosing += by;
  if (isLimited(draft.pool, virtual)) editVirtual(draft, virtual).enclosing += by;
}

/** Returns the actual connection of a lease, unless the lease has ended. */
export function holderOf(pool: PoolState, { lease, actual }: LeaseRef): Actual | undefined {
  const holder = find(pool.actuals, actual);
  return holder?.status === "leased" && holder.lease === lease ? holder : undefined;
}

function isLimited(pool: PoolState, virtual: VirtualId): boolean {
  return limitOf(pool, virtual) !== Infinity;
}

function blockedOn(pool: PoolState, virtual: VirtualId): Virtual["blocked"] {
  return find(pool.virtuals, virtual)?.blocked;
}

function unblock(draft: Draft, waiter: Waiter): void {
  const virtual = editVirtual(draft, waiter.virtual);
  virtual.blocked = drop(virtual.blocked!, waiter.lease);
  editTarget(draft, waiter.target).blocked--;
  draft.pool.blocked--;
}

function enqueue(draft: Draft, waiter: Waiter): void {
  const target = editTarget(draft, waiter.target);
  target.queue = add(target.queue, waiter);
}

/** Adds a waiter to the counts of the pool and of its enclosing leases, or takes it out. */
function countWaiter(draft: Draft, waiter: Waiter, by: 1 | -1): void {
  const { pool } = draft;
  const { lease, enclosing } = waiter;
  pool.waiting += by;
  if (enclosing.length === 0) return;
  saveActual(draft);
  pool.enclosed = by > 0 ? put(pool.enclosed, lease, waiter) : remove(pool.enclosed, lease);
  for (const leaseRef of enclosing) {
    const holder = holderOf(pool, leaseRef);
    if (holder === undefined) continue;
    const encloses = holder.encloses + by;
    if (encloses === 0 || holder.encloses === 0) countEncloser(draft, holder.virtual, by);
    pool.actuals = put(pool.actuals, holder.id, { ...holder, encloses });
  }
}

/** Tells whether a waiter that has just joined closes a ring of leases that are locked. */
export function closesRing(pool: PoolState, waiter: Waiter): boolean {
  if (waiter.enclosing.length === 0) return false;
  if (pool.enclosing >= pool.policy.connectionLimit) return true;
  // The search walks all enclosed waiters, so the pool makes it only where it may find a ring.
  const lent = find(pool.virtuals, waiter.virtual)?.enclosing ?? 0;
  return lent >= limitOf(pool, waiter.virtual) && isLockedBehindLimits(pool, waiter);
}

/** Tells whether locked leases have all that the virtual connection of a waiter may lend. */
function isLockedBehindLimits(
  pool: PoolState,
  waiter: Waiter,
  among: readonly Waiter[] = values(pool.enclosed),
): boolean {
  const leaseRefs = among.flatMap(({ enclosing }) => enclosing);
  // Leases that have ended hold nothing, and a lease may enclose many waiters.
  const holders = new Set(leaseRefs.map((leaseRef) => holderOf(pool, leaseRef)));
  const lent = Map.groupBy(holders, (holder) => holder?.virtual);
  const locked = among.filter(({ virtual }) =>
    (lent.get(virtual)?.length ?? 0) >= limitOf(pool, virtual)
  );
  return locked.includes(waiter) &&
    (locked.length === among.length || isLockedBehindLimits(pool, waiter, locked));
}
