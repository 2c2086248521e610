/**
 * Leases that wait for one another.
 *
 * A lease that encloses a waiter cannot end before that waiter is answered. It is
 * locked if only the end of locked leases could answer it: because these hold all the
 * actual connections there may be, or all that the waiter's virtual connection may
 * have. Only a request that is enclosed can close such a ring, so nothing else needs
 * to look for one; and the request that closes it is the newest of its waiters.
 */

import type { LeaseId, PoolState, VirtualId, Waiter } from "./state.ts";
import { entries, find, sizeOf } from "./table.ts";

/** Tells whether a waiter that has just joined closes a ring of leases that are locked. */
export function closesRing(pool: PoolState, waiter: Waiter): boolean {
  if (waiter.enclosing.length === 0) return false;
  if (sizeOf(pool.enclosing) >= pool.policy.connectionsMax) return true;
  // The search walks all waiters that are enclosed, so it is made only where it may find a ring.
  const lent = find(pool.virtuals, waiter.virtual)?.enclosing ?? 0;
  return lent >= pool.policy.virtuals[waiter.virtual]!.limit && isLockedBehindLimits(pool, waiter);
}

/** Tells whether the virtual connection of a waiter has lent all that it may to locked leases. */
function isLockedBehindLimits(pool: PoolState, waiter: Waiter): boolean {
  const { virtuals } = pool.policy;
  const enclosed = entries(pool.enclosed);
  let locked = new Map<LeaseId, VirtualId>();
  for (const { value } of enclosed) addLeases(locked, pool, value);
  for (;;) {
    const lent = countByVirtual(locked);
    const isLocked = ({ virtual }: Waiter) => (lent.get(virtual) ?? 0) >= virtuals[virtual]!.limit;
    if (!isLocked(waiter)) return false;
    const rest = new Map<LeaseId, VirtualId>();
    for (const { value } of enclosed) if (isLocked(value)) addLeases(rest, pool, value);
    if (rest.size === locked.size) return true;
    locked = rest;
  }
}

/** Adds the leases, of those that are held, which enclose a waiter. */
function addLeases(leases: Map<LeaseId, VirtualId>, pool: PoolState, waiter: Waiter): void {
  for (const { lease, actual } of waiter.enclosing) {
    const holder = find(pool.actuals, actual);
    if (holder?.status === "leased" && holder.lease === lease) leases.set(lease, holder.virtual);
  }
}

function countByVirtual(leases: ReadonlyMap<LeaseId, VirtualId>): Map<VirtualId, number> {
  const counts = new Map<VirtualId, number>();
  for (const virtual of leases.values()) counts.set(virtual, (counts.get(virtual) ?? 0) + 1);
  return counts;
}
