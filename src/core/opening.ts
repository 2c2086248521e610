/**
 * Whether a target may be brought one more actual connection, how, and from when on.
 *
 * The rules and the deadline ask the same questions here, so that what the deadline
 * announces is what the rules then do.
 */

import { longestRested } from "./idle.ts";
import type { Actual, Instant, LeaseId, PoolState, Target } from "./state.ts";
import { find, first, leastDue, type Node, nth, sizeOf } from "./table.ts";

/** Returns the name of who has waited longest in a line of those for whom none arrives. */
export function uncovered(target: Target): LeaseId | undefined {
  return nth(target.line, target.arriving)?.key;
}

/** Returns how many more a target may have opening, if any; a target that is down, one in all. */
export function openable({ outage, pace, opening }: Target): number {
  return (outage === undefined ? pace : 1) - opening;
}

/** Tells whether whoever waits is served. */
export function isServing({ phase }: PoolState): boolean {
  return phase === "open" || phase === "serving";
}

/** Tells whether no newcomer is let in. */
export function isEnding({ phase }: PoolState): boolean {
  return phase === "serving" || phase === "draining";
}

/** Returns from when on there is room to open one more: `Infinity` if time alone brings none. */
export function roomAt({ policy, actuals, congestion, connecting }: PoolState): Instant {
  const size = sizeOf(actuals);
  if (size >= policy.connectionsMax) return Infinity;
  if (congestion === undefined || size < congestion.ceiling) return -Infinity;
  return connecting > 0 ? Infinity : congestion.retryAt;
}

/** Returns the target that is brought one more first: its waiter has waited longest. */
export function firstClaimant(pool: PoolState, now: Instant): Node<Target["id"]> | undefined {
  if (pool.wanting === undefined && pool.probing === undefined) return undefined;
  const hasRoom = now >= roomAt(pool);
  const wanting = hasRoom || hasVictim(pool, 0) ? first(pool.wanting) : undefined;
  const probing = hasRoom || hasVictim(pool, 1) ? first(pool.probing, now) : undefined;
  if (wanting === undefined || probing === undefined) return wanting ?? probing;
  return wanting.key < probing.key ? wanting : probing;
}

/** Returns the idle one that makes room: of all, the one that has rested longest. */
export function longestIdle(pool: PoolState, instant: Instant = Infinity): Actual | undefined {
  const target = find(pool.targets, first(pool.resting, instant)?.value ?? -1);
  return target && longestRested(target);
}

/**
 * Tells whether an idle one may make room, as what closes already will not make enough.
 *
 * The waiters of a target that is down claim no room, but for the one whose turn it is:
 * it comes on top of the others.
 */
function hasVictim({ resting, claims, closing }: PoolState, probes: 0 | 1): boolean {
  return resting !== undefined && claims + probes > closing;
}

/** Returns how much sooner than usual the longest idle is retired, as too many rest. */
export function hasteMs({ idle, policy }: PoolState): number {
  return idle > policy.restMax ? policy.hasteMs : 0;
}

/** Returns when time alone will have something opened for a waiter. */
export function bringsAt(pool: PoolState): Instant {
  if (!isServing(pool)) return Infinity;
  const room = roomAt(pool);
  const probe = leastDue(pool.probing);
  const withRoom = pool.wanting === undefined ? Math.max(room, probe) : room;
  const byVictim = hasVictim(pool, 1) ? probe : Infinity;
  return Math.min(withRoom, byVictim);
}

/** Returns when time alone will have something opened for a minimum. */
export function fillsAt(pool: PoolState): Instant {
  if (pool.lacking === undefined || pool.phase !== "open") return Infinity;
  return Math.max(roomAt(pool), leastDue(pool.lacking));
}
