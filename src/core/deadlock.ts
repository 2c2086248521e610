/**
 * Leases that wait for one another.
 *
 * A lease that encloses a waiter cannot end before that waiter is answered. It is
 * locked if only the end of locked leases could answer it: because these hold all the
 * actual connections there may be, or all that the waiter's virtual connection may
 * have. Only a request that is enclosed can close such a ring, so nothing else needs
 * to look for one; and the request that closes it is the newest of its waiters.
 */

import { holderOf, limitOf } from "./line.ts";
import type { PoolState, Waiter } from "./state.ts";
import { entries, find } from "./table.ts";

/** Tells whether a waiter that has just joined closes a ring of leases that are locked. */
export function closesRing(pool: PoolState, waiter: Waiter): boolean {
  if (waiter.enclosing.length === 0) return false;
  if (pool.enclosing >= pool.policy.connectionsMax) return true;
  // The search walks all waiters that are enclosed, so it is made only where it may find a ring.
  const lent = find(pool.virtuals, waiter.virtual)?.enclosing ?? 0;
  return lent >= limitOf(pool, waiter.virtual) && isLockedBehindLimits(pool, waiter);
}

/** Tells whether the virtual connection of a waiter has lent all that it may to locked leases. */
function isLockedBehindLimits(
  pool: PoolState,
  waiter: Waiter,
  among: readonly Waiter[] = entries(pool.enclosed).map(({ value }) => value),
): boolean {
  const holdings = among.flatMap(({ enclosing }) => enclosing);
  // Leases that have ended hold nothing, and a lease may enclose many.
  const holders = new Set(holdings.map((holding) => holderOf(pool, holding)));
  const lent = Map.groupBy(holders, (holder) => holder?.virtual);
  const locked = among.filter(({ virtual }) =>
    (lent.get(virtual)?.length ?? 0) >= limitOf(pool, virtual)
  );
  return locked.includes(waiter) &&
    (locked.length === among.length || isLockedBehindLimits(pool, waiter, locked));
}
