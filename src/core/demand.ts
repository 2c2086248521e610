/**
 * Which targets need a new actual connection, are below their minimum or have an idle one;
 * whether the pool may open one more, for which target first, and from when on.
 *
 * The pool keeps lists of these targets and updates them whenever a target has changed, so
 * that no rule has to look at every target. The rules and the deadline call the same
 * functions, so that the rules apply when the deadline says that they will.
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

/** Puts a target that has changed into the lists to which it now belongs. */
export function list({ pool }: Draft, target: Writable<Target>): void {
  const { id, outage, queue } = target;
  if (queue === undefined) target.openRate = 1;
  const places = openable(target);
  const longest = oldestIdle(target);
  // A waiter that an idle connection can serve needs no new one.
  const waiter = places > 0 && longest === undefined ? uncovered(target) : undefined;
  const needed = outage === undefined ? waiter : undefined;
  const probing = outage === undefined ? undefined : waiter;
  const belowMinimum = target.live < target.minimum && places > 0 ? id : undefined;
  const wanted = needed === undefined ? 0 : Math.min(places, sizeOf(queue) - target.arriving);
  const retryAt = outage === undefined ? -Infinity : outage.retryAt;
  const idleEndsAt = target.live > target.minimum && longest !== undefined
    ? longest.restedAt! + pool.policy.idleTimeout
    : undefined;
  pool.needed = move(pool.needed, target.needed, needed, id, retryAt);
  pool.probing = move(pool.probing, target.probing, probing, id, retryAt);
  pool.belowMinimum = move(pool.belowMinimum, target.belowMinimum, belowMinimum, id, retryAt);
  pool.resting = move(pool.resting, target.resting, longest?.idleOrder, id, idleEndsAt);
  pool.wanted += wanted - target.wanted;
  target.needed = needed;
  target.probing = probing;
  target.belowMinimum = belowMinimum;
  target.resting = longest?.idleOrder;
  target.wanted = wanted;
  const forgetAt = forgottenAt(pool, target);
  if (forgetAt !== target.forgetAt) {
    target.forgetAt = forgetAt;
    pool.targets = put(pool.targets, id, target, forgetAt);
  }
}

/** Returns when the pool may forget a target, if ever; it keeps an outage for later attempts. */
function forgottenAt(
  pool: PoolState,
  { queue, blocked, live, minimum, outage }: Target,
): Instant | undefined {
  if (queue !== undefined || blocked > 0 || live > 0) return undefined;
  if (isEnding(pool)) return -Infinity;
  if (minimum > 0) return undefined;
  return outage === undefined ? -Infinity : outage.retryAt + pool.policy.backoffMax;
}

/** Returns a list with a target moved from one key to another, either of which may be none. */
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

/** Returns the oldest request in the queue for which no connection is on its way. */
export function uncovered(target: Target): LeaseId | undefined {
  return nthOf(target.queue, target.arriving)?.lease;
}

/** Returns how many more connections a target may start to open; while it is down, one in all. */
export function openable({ outage, openRate, opening }: Target): number {
  return (outage === undefined ? openRate : 1) - opening;
}

/** Returns when there is room for one more connection: `Infinity` if time alone makes none. */
export function roomAt({ policy, actuals, congestion, connecting }: PoolState): Instant {
  const size = sizeOf(actuals);
  if (size >= policy.connectionLimit) return Infinity;
  if (congestion === undefined || size < congestion.ceiling) return -Infinity;
  return connecting > 0 ? Infinity : congestion.retryAt;
}

/** Returns the target that gets the next connection: its waiter has waited longest. */
export function firstInNeed(pool: PoolState, now: Instant): Node<Target["id"]> | undefined {
  if (pool.needed === undefined && pool.probing === undefined) return undefined;
  const hasRoom = now >= roomAt(pool);
  const needed = hasRoom || hasVictim(pool, 0) ? first(pool.needed) : undefined;
  const probing = hasRoom || hasVictim(pool, 1) ? firstDue(pool.probing, now) : undefined;
  if (needed === undefined || probing === undefined) return needed ?? probing;
  return needed.key < probing.key ? needed : probing;
}

/** Returns the idle connection that makes room: the longest idle one of all targets. */
export function longestIdle(pool: PoolState): Actual | undefined {
  return oldestOf(pool, first(pool.resting));
}

/** Returns the longest idle one of the connections whose idle timeout has passed. */
export function overdueIdle(pool: PoolState, now: Instant): Actual | undefined {
  return oldestOf(pool, firstDue(pool.resting, now + idleCut(pool)));
}

function oldestOf(pool: PoolState, resting: Table<TargetId>): Actual | undefined {
  return resting && oldestIdle(find(pool.targets, resting.value)!);
}

/**
 * Tells whether an idle connection may make room, as the closing ones do not make enough.
 *
 * The waiters of a target that is down need no room, except the waiter whose probe is due:
 * `probes` adds it to the others.
 */
function hasVictim({ resting, wanted, closing }: PoolState, probes: 0 | 1): boolean {
  return resting !== undefined && wanted + probes > closing;
}

/** Returns by how much the idle timeout is shortened: more than 0 if too many are idle. */
export function idleCut({ idle, policy }: PoolState): number {
  return idle > policy.maxIdle ? policy.idleCut : 0;
}

/** Returns when time alone lets the pool open a connection for a waiter. */
export function bringsAt(pool: PoolState): Instant {
  if (!isServing(pool)) return Infinity;
  const room = roomAt(pool);
  const probe = leastDue(pool.probing);
  const withRoom = pool.needed === undefined ? Math.max(room, probe) : room;
  const byVictim = hasVictim(pool, 1) ? probe : Infinity;
  return Math.min(withRoom, byVictim);
}

/** Returns when time alone lets the pool open a connection to keep a minimum. */
export function fillsAt(pool: PoolState): Instant {
  if (pool.belowMinimum === undefined || pool.phase !== "open") return Infinity;
  return Math.max(roomAt(pool), leastDue(pool.belowMinimum));
}
