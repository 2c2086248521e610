/**
 * The line: who waits, and who may come to the front.
 *
 * A waiter stands in the line of its target, unless its virtual connection has as
 * many claims (leases, and waiters in lines) as its limit: then it is blocked, out of
 * everybody's way, until one of these claims ends. So whoever stands in a line may
 * have a lease now, and a target needs to look at nothing else.
 */

import type { RefuseReason } from "./command.ts";
import type { LeaseId, PoolState, VirtualId, Waiter } from "./state.ts";
import { find, first, insert, remove, replace } from "./table.ts";
import { editTarget, editVirtual, order, type Turn } from "./turn.ts";

/** Tells whether one more waiter of a virtual connection would be one too many. */
export function isLineFull(pool: PoolState, virtual: VirtualId): boolean {
  const { connectionsMax, waitersMax } = pool.policy;
  const { congestion, leased, inLine, blocked } = pool;
  const size = pool.actuals === undefined ? 0 : pool.actuals.size;
  const borne = congestion === undefined ? connectionsMax : Math.max(congestion.ceiling, size);
  const isBlocked = isAtLimit(pool, virtual);
  const standing = Math.max(0, inLine + (isBlocked ? 0 : 1) - (borne - leased));
  return standing + blocked + (isBlocked ? 1 : 0) > waitersMax;
}

/** Tells whether a virtual connection has as many claims as it may. */
function isAtLimit(pool: PoolState, virtual: VirtualId): boolean {
  return (find(pool.virtuals, virtual)?.claims ?? 0) >= pool.policy.virtuals[virtual]!.limit;
}

/** Lets a request wait. */
export function join(turn: Turn, waiter: Waiter): void {
  const { pool } = turn;
  if (isAtLimit(pool, waiter.virtual)) {
    const virtual = editVirtual(turn, waiter.virtual);
    virtual.blocked = insert(virtual.blocked, waiter.lease, waiter, Infinity);
    editTarget(turn, waiter.target).blocked++;
    pool.blocked++;
  } else {
    if (isLimited(pool, waiter.virtual)) editVirtual(turn, waiter.virtual).claims++;
    standInLine(turn, waiter);
  }
  if (waiter.enclosing.length > 0) enclose(turn, waiter);
}

/** Returns a waiter, if it has not been answered. */
export function waiterOf(
  pool: PoolState,
  { lease, virtual, target }: Pick<Waiter, "lease" | "virtual" | "target">,
): Waiter | undefined {
  return find(find(pool.targets, target)?.line, lease) ??
    find(find(pool.virtuals, virtual)?.blocked, lease);
}

/** Takes one out of the line who is given a lease; its claim goes on. */
export function comeForward(turn: Turn, waiter: Waiter): void {
  const target = editTarget(turn, waiter.target);
  target.line = remove(target.line, waiter.lease);
  turn.pool.inLine--;
  if (waiter.enclosing.length > 0) disclose(turn, waiter);
}

/** Takes back a request, wherever it waits. */
export function leave(turn: Turn, waiter: Waiter): void {
  const isBlocked = find(find(turn.pool.virtuals, waiter.virtual)?.blocked, waiter.lease);
  if (isBlocked === undefined) {
    comeForward(turn, waiter);
    endClaim(turn, waiter.virtual);
    return;
  }
  unblock(turn, waiter);
  if (waiter.enclosing.length > 0) disclose(turn, waiter);
}

/** Turns a waiter away. */
export function refuse(turn: Turn, waiter: Waiter, reason: RefuseReason, cause?: unknown): void {
  leave(turn, waiter);
  order(turn, { type: "refuse", lease: waiter.lease, reason, cause });
}

/** Ends a claim; the blocked waiter who has waited longest has it next. */
export function endClaim(turn: Turn, id: VirtualId): void {
  if (!isLimited(turn.pool, id)) return;
  const next = first(find(turn.pool.virtuals, id)?.blocked)?.value;
  if (next === undefined) {
    editVirtual(turn, id).claims--;
    return;
  }
  unblock(turn, next);
  standInLine(turn, next);
}

/** Forgets that a lease encloses waiters, because it has ended, or they have their answer. */
export function endEnclosure(turn: Turn, lease: LeaseId): void {
  const { pool } = turn;
  const enclosure = find(pool.enclosing, lease);
  if (enclosure === undefined) return;
  pool.enclosing = remove(pool.enclosing, lease);
  const { virtual } = enclosure;
  if (isLimited(pool, virtual)) editVirtual(turn, virtual).enclosing--;
}

function isLimited(pool: PoolState, virtual: VirtualId): boolean {
  return pool.policy.virtuals[virtual]!.limit !== Infinity;
}

function unblock(turn: Turn, waiter: Waiter): void {
  const virtual = editVirtual(turn, waiter.virtual);
  virtual.blocked = remove(virtual.blocked, waiter.lease);
  editTarget(turn, waiter.target).blocked--;
  turn.pool.blocked--;
}

function standInLine(turn: Turn, waiter: Waiter): void {
  const target = editTarget(turn, waiter.target);
  target.line = insert(target.line, waiter.lease, waiter, Infinity);
  turn.pool.inLine++;
}

/** Notes which leases cannot end before a waiter is answered; those that have ended may. */
function enclose(turn: Turn, waiter: Waiter): void {
  const { pool } = turn;
  pool.enclosed = insert(pool.enclosed, waiter.lease, waiter, Infinity);
  for (const { lease, actual } of waiter.enclosing) {
    const holder = find(pool.actuals, actual);
    if (holder?.status !== "leased" || holder.lease !== lease) continue;
    const { virtual } = holder;
    const count = find(pool.enclosing, lease)?.count ?? 0;
    const enclosure = { virtual, count: count + 1 };
    pool.enclosing = count > 0
      ? replace(pool.enclosing, lease, enclosure, Infinity)
      : insert(pool.enclosing, lease, enclosure, Infinity);
    if (count === 0 && isLimited(pool, virtual)) editVirtual(turn, virtual).enclosing++;
  }
}

/** Lets the leases that enclose a waiter know that it has its answer. */
function disclose(turn: Turn, waiter: Waiter): void {
  const { pool } = turn;
  pool.enclosed = remove(pool.enclosed, waiter.lease);
  for (const { lease } of waiter.enclosing) {
    const enclosure = find(pool.enclosing, lease);
    if (enclosure === undefined) continue;
    const { virtual, count } = enclosure;
    if (count === 1) endEnclosure(turn, lease);
    else pool.enclosing = replace(pool.enclosing, lease, { virtual, count: count - 1 }, Infinity);
  }
}
