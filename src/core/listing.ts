/**
 * The lists of targets: who wants one opened, who lacks one, who has one at rest.
 *
 * They follow from the targets, and are brought up to date whenever a target has
 * changed; so what concerns all targets is found without asking each.
 */

import { longestRested } from "./idle.ts";
import { isEnding, openable, uncovered } from "./opening.ts";
import type { Instant, PoolState, Target, TargetId } from "./state.ts";
import { entry, put, remove, sizeOf, type Table } from "./table.ts";
import type { Draft, Turn } from "./turn.ts";

/** Lists a target that has changed where it now belongs. */
export function list({ pool }: Turn, target: Draft<Target>): void {
  const { id, outage, line, listed: was } = target;
  if (line === undefined) target.pace = 1;
  const places = openable(target);
  const longest = longestRested(target);
  // Who can be served from what rests wants none opened.
  const waiter = places > 0 && longest === undefined ? uncovered(target) : undefined;
  const wanting = outage === undefined ? waiter : undefined;
  const is = {
    wanting,
    probing: outage === undefined ? undefined : waiter,
    lacking: target.live < target.minimum && places > 0 ? id : undefined,
    resting: longest?.rank,
    claims: wanting === undefined ? 0 : Math.min(places, sizeOf(line) - target.arriving),
    forgetAt: forgottenAt(pool, target),
  };
  const retryAt = outage === undefined ? -Infinity : outage.retryAt;
  const idleEndsAt = target.live > target.minimum && longest !== undefined
    ? longest.restedAt + pool.policy.idleMsMax
    : Infinity;
  pool.wanting = move(pool.wanting, was.wanting, is.wanting, id, retryAt);
  pool.probing = move(pool.probing, was.probing, is.probing, id, retryAt);
  pool.lacking = move(pool.lacking, was.lacking, is.lacking, id, retryAt);
  pool.resting = move(pool.resting, was.resting, is.resting, id, idleEndsAt);
  pool.claims += is.claims - was.claims;
  target.listed = is;
  if (is.forgetAt !== was.forgetAt) pool.targets = put(pool.targets, id, target, is.forgetAt);
}

/** Returns when a target may be forgotten; an outage is remembered for the next attempts. */
function forgottenAt(
  pool: PoolState,
  { line, blocked, live, minimum, outage }: Target,
): Instant {
  if (line !== undefined || blocked > 0 || live > 0) return Infinity;
  if (isEnding(pool)) return -Infinity;
  if (minimum > 0) return Infinity;
  return outage === undefined ? -Infinity : outage.retryAt + pool.policy.backoffMsMax;
}

/** Returns a list with a target at another place. */
function move(
  table: Table<TargetId>,
  from: number | undefined,
  to: number | undefined,
  id: TargetId,
  due: Instant,
): Table<TargetId> {
  if (from === to && (to === undefined || entry(table, to)!.due === due)) return table;
  const without = from === undefined || from === to ? table : remove(table, from);
  return to === undefined ? without : put(without, to, id, due);
}
