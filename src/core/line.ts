/**
 * The line: who waits, and who may come to the front.
 *
 * A waiter stands in the line of its target, unless its virtual connection has as
 * many claims (leases, and waiters in lines) as its limit: then it is blocked, out of
 * everybody's way, until one of these claims ends. So whoever stands in a line may
 * have a lease now, and a target needs to look at nothing else.
 */

import type { RefuseReason } from "./command.ts";
import type { Holding } from "./event.ts";
import type { Actual, PoolState, Virtual, VirtualId, Waiter } from "./state.ts";
import { find, first, put, remove, sizeOf } from "./table.ts";
import { editTarget, editVirtual, order, type Turn } from "./turn.ts";

/** What a request is found by. */
type RequestName = Pick<Waiter, "lease" | "virtual" | "target">;

/** Tells whether one more waiter of a virtual connection would be one too many. */
export function isLineFull(pool: PoolState, virtual: VirtualId): boolean {
  const { connectionsMax, waitersMax } = pool.policy;
  const borne = Math.max(pool.congestion?.ceiling ?? connectionsMax, sizeOf(pool.actuals));
  const places = borne - pool.leased;
  const behind = pool.blocked + (isAtLimit(pool, virtual) ? 1 : 0);
  return Math.max(behind, pool.waiting + 1 - places) > waitersMax;
}

/** Returns how many leases a virtual connection may have at once. */
export function limitOf(pool: PoolState, virtual: VirtualId): number {
  return pool.policy.virtuals[virtual]!.limit;
}

/** Tells whether a virtual connection has as many claims as it may. */
function isAtLimit(pool: PoolState, virtual: VirtualId): boolean {
  return (find(pool.virtuals, virtual)?.claims ?? 0) >= limitOf(pool, virtual);
}

/** Lets a request wait. */
export function join(turn: Turn, waiter: Waiter): void {
  const { pool } = turn;
  if (isAtLimit(pool, waiter.virtual)) {
    const virtual = editVirtual(turn, waiter.virtual);
    virtual.blocked = put(virtual.blocked, waiter.lease, waiter);
    editTarget(turn, waiter.target).blocked++;
    pool.blocked++;
  } else {
    if (isLimited(pool, waiter.virtual)) editVirtual(turn, waiter.virtual).claims++;
    standInLine(turn, waiter);
  }
  countWaiter(turn, waiter, 1);
}

/** Takes one out of the line who is given a lease; its claim goes on. */
export function comeForward(turn: Turn, waiter: Waiter): void {
  const target = editTarget(turn, waiter.target);
  target.line = remove(target.line, waiter.lease);
  countWaiter(turn, waiter, -1);
}

/** Takes back a request, wherever it waits, if it does. */
export function leave(turn: Turn, { lease, virtual, target }: RequestName): void {
  const standing = find(find(turn.pool.targets, target)?.line, lease);
  const blocked = find(blockedOn(turn.pool, virtual), lease);
  if (standing !== undefined) {
    comeForward(turn, standing);
    endClaim(turn, virtual);
  } else if (blocked !== undefined) {
    unblock(turn, blocked);
    countWaiter(turn, blocked, -1);
  }
}

/** Turns a request away, whether it waits already or not. */
export function refuse(turn: Turn, request: Waiter, reason: RefuseReason, cause?: unknown): void {
  leave(turn, request);
  order(turn, { type: "refuse", lease: request.lease, reason, cause });
}

/** Ends a claim; the blocked waiter who has waited longest has it next. */
export function endClaim(turn: Turn, id: VirtualId): void {
  if (!isLimited(turn.pool, id)) return;
  const next = first(blockedOn(turn.pool, id))?.value;
  if (next === undefined) {
    editVirtual(turn, id).claims--;
    return;
  }
  unblock(turn, next);
  standInLine(turn, next);
}

/** Counts a lease among those that enclose waiters, or no more. */
export function countEncloser(turn: Turn, virtual: VirtualId, by: 1 | -1): void {
  turn.pool.enclosing += by;
  if (isLimited(turn.pool, virtual)) editVirtual(turn, virtual).enclosing += by;
}

/** Returns the actual connection of a lease, unless the lease has ended. */
export function holderOf(pool: PoolState, { lease, actual }: Holding): Actual | undefined {
  const holder = find(pool.actuals, actual);
  return holder?.status === "leased" && holder.lease === lease ? holder : undefined;
}

function isLimited(pool: PoolState, virtual: VirtualId): boolean {
  return limitOf(pool, virtual) !== Infinity;
}

function blockedOn(pool: PoolState, virtual: VirtualId): Virtual["blocked"] {
  return find(pool.virtuals, virtual)?.blocked;
}

function unblock(turn: Turn, waiter: Waiter): void {
  const virtual = editVirtual(turn, waiter.virtual);
  virtual.blocked = remove(virtual.blocked, waiter.lease);
  editTarget(turn, waiter.target).blocked--;
  turn.pool.blocked--;
}

function standInLine(turn: Turn, waiter: Waiter): void {
  const target = editTarget(turn, waiter.target);
  target.line = put(target.line, waiter.lease, waiter);
}

/** Counts one who waits, or no more, with all and with the leases that enclose it. */
function countWaiter(turn: Turn, waiter: Waiter, by: 1 | -1): void {
  const { pool } = turn;
  const { lease, enclosing } = waiter;
  pool.waiting += by;
  if (enclosing.length === 0) return;
  pool.enclosed = by > 0 ? put(pool.enclosed, lease, waiter) : remove(pool.enclosed, lease);
  for (const holding of enclosing) {
    const holder = holderOf(pool, holding);
    if (holder === undefined) continue;
    const encloses = holder.encloses + by;
    if (encloses === 0 || holder.encloses === 0) countEncloser(turn, holder.virtual, by);
    pool.actuals = put(pool.actuals, holder.id, { ...holder, encloses });
  }
}
