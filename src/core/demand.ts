/**
 * Which targets need an actual connection opened, are below their minimum or have one idle;
 * whether one more may be opened, for whom first, and from when on.
 *
 * The lists of targets follow from the targets, and are brought up to date whenever a target
 * has changed; so what concerns all targets is found without asking each. The rules and the
 * deadline ask the same questions here, so that what the deadline announces is what the
 * rules then do.
 */

import type { Draft, Writable } from "./draft.ts";
import { nthOf } from "./fifo.ts";
import { oldestIdle } from "./lifecycle.ts";
import {
  type Actual,
  type Instant,
  isEnding,
  isServing,
  type LeaseId,
  type PoolState,
  type Target,
  type TargetId,
} from "./state.ts";
import {
  entry,
  find,
  first,
  firstDue,
  leastDue,
  type Node,
  put,
  remove,
  sizeOf,
  type Table,
} from "./table.ts";

/** Lists a target that has changed where it now belongs. */
export function list({ pool }: Draft, target: Writable<Target>): void {
  const { id, outage, queue } = target;
  if (queue === undefined) target.openRate = 1;
  const places = openable(target);
  const longest = oldestIdle(target);
  // Who can be served from what rests wants none opened.
  const waiter = places > 0 && longest === undefined ? uncovered(target) : undefined;
  const needed = outage === undefined ? waiter : undefined;
  const probing = outage === undefined ? undefined : waiter;
  const belowMinimum = target.live < target.minimum && places > 0 ? id : undefined;
  const claims = needed === undefined ? 0 : Math.min(places, sizeOf(queue) - target.arriving);
  const retryAt = outage === undefined ? -Infinity : outage.retryAt;
  const idleEndsAt = target.live > target.minimum && longest !== undefined
    ? longest.restedAt! + pool.policy.idleTimeout
    : undefined;
  pool.needed = move(pool.needed, target.needed, needed, id, retryAt);
  pool.probing = move(pool.probing, target.probing, probing, id, retryAt);
  pool.belowMinimum = move(pool.belowMinimum, target.belowMinimum, belowMinimum, id, retryAt);
  pool.resting = move(pool.resting, target.resting, longest?.idleOrder, id, idleEndsAt);
  pool.claims += claims - target.claims;
  target.needed = needed;
  target.probing = probing;
  target.belowMinimum = belowMinimum;
  target.resting = longest?.idleOrder;
  target.claims = claims;
  const forgetAt = forgottenAt(pool, target);
  if (forgetAt !== target.forgetAt) {
    target.forgetAt = forgetAt;
    pool.targets = put(pool.targets, id, target, forgetAt);
  }
}

/** Returns when a target may be forgotten, if ever; an outage is kept for the next attempts. */
function forgottenAt(
  pool: PoolState,
  { queue, blocked, live, minimum, outage }: Target,
): Instant | undefined {
  if (queue !== undefined || blocked > 0 || live > 0) return undefined;
  if (isEnding(pool)) return -Infinity;
  if (minimum > 0) return undefined;
  return outage === undefined ? -Infinity : outage.retryAt + pool.policy.backoffMsMax;
}

/** Returns a list with a target at another place. */
function move(
  table: Table<TargetId>,
  from: number | undefined,
  to: number | undefined,
  id: TargetId,
  due: Instant | undefined,
): Table<TargetId> {
  if (from === to && (to === undefined || entry(table, to)!.due === due)) return table;
  const without = from === undefined || from === to ? table : remove(table, from);
  return to === undefined ? without : put(without, to, id, due);
}

/** Returns the request that has waited longest of those for which no connection is on its way. */
export function uncovered(target: Target): LeaseId | undefined {
  return nthOf(target.queue, target.arriving)?.lease;
}

/** Returns how many more a target may have opening, if any; a target that is down, one in all. */
export function openable({ outage, openRate, opening }: Target): number {
  return (outage === undefined ? openRate : 1) - opening;
}

/** Returns from when on there is room to open one more: `Infinity` if time alone brings none. */
export function roomAt({ policy, actuals, congestion, connecting }: PoolState): Instant {
  const size = sizeOf(actuals);
  if (size >= policy.connectionLimit) return Infinity;
  if (congestion === undefined || size < congestion.ceiling) return -Infinity;
  return connecting > 0 ? Infinity : congestion.retryAt;
}

/** Returns the target that is brought one more first: its waiter has waited longest. */
export function firstClaimant(pool: PoolState, now: Instant): Node<Target["id"]> | undefined {
  if (pool.needed === undefined && pool.probing === undefined) return undefined;
  const hasRoom = now >= roomAt(pool);
  const needed = hasRoom || hasVictim(pool, 0) ? first(pool.needed) : undefined;
  const probing = hasRoom || hasVictim(pool, 1) ? firstDue(pool.probing, now) : undefined;
  if (needed === undefined || probing === undefined) return needed ?? probing;
  return needed.key < probing.key ? needed : probing;
}

/** Returns the idle one that makes room: of all, the one that has rested longest. */
export function longestIdle(pool: PoolState): Actual | undefined {
  return oldestOf(pool, first(pool.resting));
}

/** Returns the idle one that has rested too long, of those the one that has rested longest. */
export function overdueIdle(pool: PoolState, now: Instant): Actual | undefined {
  return oldestOf(pool, firstDue(pool.resting, now + idleCut(pool)));
}

function oldestOf(pool: PoolState, resting: Table<TargetId>): Actual | undefined {
  return resting && oldestIdle(find(pool.targets, resting.value)!);
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
export function idleCut({ idle, policy }: PoolState): number {
  return idle > policy.maxIdle ? policy.idleCutMs : 0;
}

/** Returns when time alone will have something opened for a waiter. */
export function bringsAt(pool: PoolState): Instant {
  if (!isServing(pool)) return Infinity;
  const room = roomAt(pool);
  const probe = leastDue(pool.probing);
  const withRoom = pool.needed === undefined ? Math.max(room, probe) : room;
  const byVictim = hasVictim(pool, 1) ? probe : Infinity;
  return Math.min(withRoom, byVictim);
}

/** Returns when time alone will have something opened for a minimum. */
export function fillsAt(pool: PoolState): Instant {
  if (pool.belowMinimum === undefined || pool.phase !== "open") return Infinity;
  return Math.max(roomAt(pool), leastDue(pool.belowMinimum));
}
