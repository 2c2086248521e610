/**
 * The lists of targets: who wants one opened, who lacks one, who has one at rest.
 *
 * They follow from the targets, and are brought up to date whenever a target has
 * changed; so what concerns all targets is found without asking each.
 */

import { longestRested } from "./idle.ts";
import { isEnding, openable, uncovered } from "./opening.ts";
import type { Instant, PoolState, Target, TargetId } from "./state.ts";
import { entry, insert, remove, replace, sizeOf, type Table } from "./table.ts";
import type { Draft, Turn } from "./turn.ts";

/** Lists a target that has changed where it now belongs. */
export function list({ pool }: Turn, target: Draft<Target>): void {
  const { id, outage, line } = target;
  if (line === undefined) target.pace = 1;
  const places = openable(target);
  const longest = longestRested(target);
  // Who can be served from what rests wants none opened.
  const waiter = places > 0 && longest === undefined ? uncovered(target) ?? -1 : -1;
  const wantingKey = outage === undefined ? waiter : -1;
  const probingKey = outage === undefined ? -1 : waiter;
  const lackingKey = target.live < target.minimum && places > 0 ? id : -1;
  const restingKey = longest === undefined ? -1 : longest.rank;
  const retryAt = outage === undefined ? -Infinity : outage.retryAt;
  const claims = wantingKey < 0 ? 0 : Math.min(places, sizeOf(line) - target.arriving);
  pool.claims += claims - target.claims;
  pool.wanting = move(pool.wanting, target.wantingKey, wantingKey, id, -Infinity);
  pool.probing = move(pool.probing, target.probingKey, probingKey, id, retryAt);
  pool.lacking = move(pool.lacking, target.lackingKey, lackingKey, id, retryAt);
  const idleEndsAt = target.live > target.minimum && longest !== undefined
    ? longest.restedAt + pool.policy.idleMsMax
    : Infinity;
  pool.resting = move(pool.resting, target.restingKey, restingKey, id, idleEndsAt);
  target.claims = claims;
  target.wantingKey = wantingKey;
  target.probingKey = probingKey;
  target.lackingKey = lackingKey;
  target.restingKey = restingKey;
  const forgetAt = forgottenAt(pool, target);
  if (entry(pool.targets, id)!.due !== forgetAt) {
    pool.targets = replace(pool.targets, id, target, forgetAt);
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
  from: number,
  to: number,
  id: TargetId,
  due: Instant,
): Table<TargetId> {
  if (from !== to) {
    const without = from < 0 ? table : remove(table, from);
    return to < 0 ? without : insert(without, to, id, due);
  }
  if (to < 0 || entry(table, to)!.due === due) return table;
  return replace(table, to, id, due);
}
