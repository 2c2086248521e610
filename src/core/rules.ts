/**
 * What follows from what is now so, however it came about.
 *
 * Each rule applies once and says whether it did. First every target that changed is
 * listed anew, then queues are served where something is idle, then the rules that
 * concern all targets are asked in order, until none applies.
 */

import {
  bringsAt,
  fillsAt,
  firstClaimant,
  idleCut,
  list,
  longestIdle,
  overdueIdle,
  roomAt,
  uncovered,
} from "./demand.ts";
import { type Draft, emit, saveActual } from "./draft.ts";
import { headOf } from "./fifo.ts";
import {
  check,
  connect,
  goesAt,
  isAged,
  isDoubtful,
  isRetired,
  isSuspect,
  lend,
  newestIdle,
  retarget,
  retire,
} from "./lifecycle.ts";
import { refuse } from "./queue.ts";
import {
  type Actual,
  type Instant,
  isEnding,
  isServing,
  type LeaseId,
  type PoolState,
  type Target,
  type TargetId,
  type Waiter,
} from "./state.ts";
import { find, firstDue, leastDue, remove, search } from "./table.ts";

/** Applies every rule until none applies. */
export function applyRules(draft: Draft): void {
  while (
    listChanged(draft) || serveReady(draft) || bringOne(draft) || retireOne(draft) ||
    keepMinimum(draft) || forgetOne(draft) || finish(draft)
  );
}

/** Returns when the shell must report that the deadline is reached, if ever. */
export function deadline(pool: PoolState): Instant | undefined {
  const soonestAt = Math.min(
    bringsAt(pool),
    fillsAt(pool),
    leastDue(pool.resting) - idleCut(pool),
    goesAt(pool, leastDue(pool.actuals)),
    leastDue(pool.targets),
  );
  return soonestAt === Infinity ? undefined : soonestAt;
}

/** Lists the targets that have changed; those with a queue are ready to be served. */
function listChanged(draft: Draft): boolean {
  const { changed, ready } = draft;
  if (changed === undefined) return false;
  const { top, below } = changed;
  draft.changed = below;
  list(draft, top);
  if (top.queue !== undefined) draft.ready = { top, below: ready };
  return true;
}

/** Serves the first waiter of a target that is ready. */
function serveReady(draft: Draft): boolean {
  const { ready } = draft;
  if (ready === undefined) return false;
  draft.ready = ready.below;
  const waiter = headOf(ready.top.queue);
  if (waiter !== undefined) serve(draft, ready.top, waiter);
  return true;
}

/** Lends the last rested, if it is fit, and no older waiter of another target may have it. */
function serve(draft: Draft, target: Target, waiter: Waiter): void {
  const { pool, now } = draft;
  const { outage, live } = target;
  if (pool.phase === "draining") return refuse(draft, waiter, "draining");
  if (!isServing(pool)) return;
  const idle = newestIdle(target);
  if (idle === undefined) {
    if (outage === undefined || live > 0 || now >= outage.retryAt) return;
    return refuse(draft, waiter, "connectFailed", outage.cause);
  }
  if (isAged(pool, idle.agesAt!, now)) return retire(draft, idle, "aged");
  if (yieldToOlder(draft, waiter.lease)) return;
  if (!isDoubtful(pool, idle, now)) return lend(draft, idle, waiter);
  if (uncovered(target) !== undefined) check(draft, idle);
}

/** Gives an idle connection to an older waiter of another target, unless the tenure protects it. */
function yieldToOlder(draft: Draft, lease: LeaseId): boolean {
  const { pool, now } = draft;
  const claimant = firstClaimant(pool, now);
  if (claimant === undefined || claimant.key >= lease || now >= roomAt(pool)) return false;
  const victim = longestIdle(pool)!;
  if (now - victim.servesSince! < pool.policy.handoverMs) return false;
  makeRoom(draft, victim, claimant.value);
  return true;
}

/** Brings one more to who has waited longest: opened, or made of the longest idle. */
function bringOne(draft: Draft): boolean {
  const { pool, now } = draft;
  if (!isServing(pool)) return false;
  const claimant = firstClaimant(pool, now);
  if (claimant === undefined) return false;
  if (now >= roomAt(pool)) connect(draft, claimant.value);
  else makeRoom(draft, longestIdle(pool)!, claimant.value);
  return true;
}

/** Changes an idle one into one of another target, or closes it, so that another can be opened. */
function makeRoom(draft: Draft, victim: Actual, id: TargetId): void {
  const { pool, now } = draft;
  const isKin = find(pool.targets, victim.target)!.address === find(pool.targets, id)!.address;
  const isFit = !isAged(pool, victim.agesAt!, now) && !isSuspect(pool, victim);
  if (isKin && isFit) retarget(draft, victim, id);
  else retire(draft, victim, "makesRoom");
}

/** Retires what nobody needs: too long idle, or one too many, too old, or as the pool ends. */
function retireOne(draft: Draft): boolean {
  const { pool, now } = draft;
  // As every step ends with this question too, the pool then has all that was written.
  saveActual(draft);
  const longest = longestIdle(pool) ?? unwanted(pool);
  if (longest === undefined) return false;
  const idled = overdueIdle(pool, now);
  const agesAt = leastDue(pool.actuals);
  // Who was asked to go rested before all who came later, so the longest idle is one of them.
  if (isEnding(pool)) retire(draft, longest, "draining");
  else if (isRetired(pool, longest)) retire(draft, longest, "retired");
  else if (idled !== undefined) retire(draft, idled, "idle");
  else if (isAged(pool, agesAt, now)) retire(draft, firstDue(pool.actuals, agesAt)!.value, "aged");
  else return false;
  return true;
}

/** Returns one that is being opened although the pool ends and nobody waits any more. */
function unwanted(pool: PoolState): Actual | undefined {
  if (!isEnding(pool) || pool.waiting > 0 || pool.connecting === 0) return undefined;
  return search(pool.actuals, ({ value }) => value.status === "connecting")?.value;
}

/** Opens one more for a target that has less than its minimum, where there is room. */
function keepMinimum(draft: Draft): boolean {
  const { pool, now } = draft;
  if (pool.phase !== "open" || now < roomAt(pool)) return false;
  const belowMinimum = firstDue(pool.belowMinimum, now);
  if (belowMinimum === undefined) return false;
  connect(draft, belowMinimum.value);
  return true;
}

/** Forgets a target that nobody waits for and that has no actual connection. */
function forgetOne(draft: Draft): boolean {
  const { pool, now } = draft;
  const forgotten = firstDue(pool.targets, now);
  if (forgotten === undefined) return false;
  pool.targets = remove(pool.targets, forgotten.key);
  emit(draft, { type: "forget", target: forgotten.key });
  return true;
}

/** A pool that ends is done when nobody waits and all is closed. */
function finish(draft: Draft): boolean {
  const { pool } = draft;
  const isEmpty = pool.actuals === undefined && pool.waiting === 0;
  if (!isEnding(pool) || !isEmpty) return false;
  pool.phase = "closed";
  emit(draft, { type: "finish" });
  return true;
}
