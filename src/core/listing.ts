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
  const { id, outage, line } = target;
  if (line === undefined) target.pace = 1;
  const places = openable(target);
  const longest = longestRested(target);
  // Who can be served from what rests wants none opened.
  const waiter = places > 0 && longest === undefined ? uncovered(target) : undefined;
  const wanting = outage === undefined ? waiter : undefined;
  const probing = outage === undefined ? undefined : waiter;
  const lacking = target.live < target.minimum && places > 0 ? id : undefined;
  const claims = wanting === undefined ? 0 : Math.min(places, sizeOf(line) - target.arriving);
  const retryAt = outage === undefined ? -Infinity : outage.retryAt;
  const idleEndsAt = target.live > target.minimum && longest !== undefined
    ? longest.restedAt + pool.policy.idleMsMax
    : Infinity;
  pool.wanting = move(pool.wanting, target.wanting, wanting, id, retryAt);
  pool.probing = move(pool.probing, target.probing, probing, id, retryAt);
  pool.lacking = move(pool.lacking, target.lacking, lacking, id, retryAt);
  pool.resting = move(pool.resting, target.resting, longest?.rank, id, idleEndsAt);
  pool.claims += claims - target.claims;
  target.wanting = wanting;
  target.probing = probing;
  target.lacking = lacking;
  target.resting = longest?.rank;
  target.claims = claims;
  const forgetAt = forgottenAt(pool, target);
  if (forgetAt !== entry(pool.targets, id)!.due) {
    pool.targets = put(pool.targets, id, target, forgetAt);
  }
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
