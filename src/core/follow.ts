/**
 * What follows from what is now so, however it came about.
 *
 * Each rule applies once and says whether it did. First every target that changed is
 * listed anew, then lines are served where something rests, then the rules that
 * concern all targets are asked in order, until none applies.
 */

import { goesAt, isAged, isDoubtful, isRetired, isSuspect } from "./fitness.ts";
import { lastRested } from "./idle.ts";
import { check, connect, lend, retarget, retire } from "./life.ts";
import { refuse } from "./line.ts";
import { list } from "./listing.ts";
import {
  bringsAt,
  fillsAt,
  firstClaimant,
  hasteMs,
  isEnding,
  isServing,
  longestIdle,
  roomAt,
  uncovered,
} from "./opening.ts";
import type { Actual, Instant, LeaseId, PoolState, Target, TargetId, Waiter } from "./state.ts";
import { entries, find, first, leastDue, remove } from "./table.ts";
import { order, type Turn } from "./turn.ts";

/** Applies every rule until none applies. */
export function follow(turn: Turn): void {
  while (
    listChanged(turn) || serveReady(turn) || bringOne(turn) || retireOne(turn) ||
    keepMinimum(turn) || forgetOne(turn) || finish(turn)
  );
}

/** Returns when the shell must report that the deadline is reached, if ever. */
export function deadline(pool: PoolState): Instant | undefined {
  const soonestAt = Math.min(
    bringsAt(pool),
    fillsAt(pool),
    leastDue(pool.resting) - hasteMs(pool),
    goesAt(pool, leastDue(pool.actuals)),
    leastDue(pool.targets),
  );
  return soonestAt === Infinity ? undefined : soonestAt;
}

/** Lists the targets that have changed; those with somebody in line are ready to be served. */
function listChanged(turn: Turn): boolean {
  const { changed, ready } = turn;
  if (changed === undefined) return false;
  const { top, below } = changed;
  turn.changed = below;
  list(turn, top);
  if (top.line !== undefined) turn.ready = { top, below: ready };
  return true;
}

/** Takes the first in line of a target that is ready, and does what can be done for it. */
function serveReady(turn: Turn): boolean {
  const { ready } = turn;
  if (ready === undefined) return false;
  turn.ready = ready.below;
  const waiter = first(ready.top.line)?.value;
  if (waiter !== undefined) serve(turn, ready.top, waiter);
  return true;
}

/** Lends the last rested, if it is fit, and no older waiter of another target may have it. */
function serve(turn: Turn, target: Target, waiter: Waiter): void {
  const { pool, now } = turn;
  const { outage, live } = target;
  if (pool.phase === "draining") return refuse(turn, waiter, "draining");
  if (!isServing(pool)) return;
  const idle = lastRested(target);
  if (idle === undefined) {
    if (outage === undefined || live > 0 || now >= outage.retryAt) return;
    return refuse(turn, waiter, "connectFailed", outage.cause);
  }
  if (isAged(pool, idle.agesAt, now)) return retire(turn, idle, "aged");
  if (yieldToOlder(turn, waiter.lease)) return;
  if (!isDoubtful(pool, idle, now)) return lend(turn, idle, waiter);
  if (uncovered(target) !== undefined) check(turn, idle);
}

/** Gives what a line wants to an older waiter of another target, if it has had its tenure. */
function yieldToOlder(turn: Turn, lease: LeaseId): boolean {
  const { pool, now } = turn;
  const claimant = firstClaimant(pool, now);
  if (claimant === undefined || claimant.key >= lease || now >= roomAt(pool)) return false;
  const victim = longestIdle(pool)!;
  if (now - victim.servesSince < pool.policy.tenureMs) return false;
  makeRoom(turn, victim, claimant.value);
  return true;
}

/** Brings one more to who has waited longest: opened, or made of the longest idle. */
function bringOne(turn: Turn): boolean {
  const { pool, now } = turn;
  if (!isServing(pool)) return false;
  const claimant = firstClaimant(pool, now);
  if (claimant === undefined) return false;
  if (now >= roomAt(pool)) connect(turn, claimant.value);
  else makeRoom(turn, longestIdle(pool)!, claimant.value);
  return true;
}

/** Changes an idle one into one of another target, or closes it, so that another can be opened. */
function makeRoom(turn: Turn, victim: Actual, id: TargetId): void {
  const { pool, now } = turn;
  const isKin = find(pool.targets, victim.target)!.address === find(pool.targets, id)!.address;
  const isFit = !isAged(pool, victim.agesAt, now) && !isSuspect(pool, victim);
  if (isKin && isFit) retarget(turn, victim, id);
  else retire(turn, victim, "makesRoom");
}

/** Retires what nobody needs: too long idle, or one too many, too old, or as the pool ends. */
function retireOne(turn: Turn): boolean {
  const { pool, now } = turn;
  const longest = longestIdle(pool) ?? unwanted(pool);
  if (longest === undefined) return false;
  const idled = longestIdle(pool, now + hasteMs(pool));
  const agesAt = leastDue(pool.actuals);
  // Who was asked to go rested before all who came later, so the longest idle is one of them.
  if (isEnding(pool)) retire(turn, longest, "draining");
  else if (isRetired(pool, longest)) retire(turn, longest, "retired");
  else if (idled !== undefined) retire(turn, idled, "idle");
  else if (isAged(pool, agesAt, now)) retire(turn, first(pool.actuals, agesAt)!.value, "aged");
  else return false;
  return true;
}

/** Returns one that is being opened although the pool ends and nobody waits any more. */
function unwanted(pool: PoolState): Actual | undefined {
  if (!isEnding(pool) || pool.waiting > 0 || pool.connecting === 0) return undefined;
  return entries(pool.actuals).find(({ value }) => value.status === "connecting")?.value;
}

/** Opens one more for a target that has less than its minimum, where there is room. */
function keepMinimum(turn: Turn): boolean {
  const { pool, now } = turn;
  if (pool.phase !== "open" || now < roomAt(pool)) return false;
  const lacking = first(pool.lacking, now);
  if (lacking === undefined) return false;
  connect(turn, lacking.value);
  return true;
}

/** Forgets a target that nobody waits for and that has no actual connection. */
function forgetOne(turn: Turn): boolean {
  const { pool, now } = turn;
  const forgotten = first(pool.targets, now);
  if (forgotten === undefined) return false;
  pool.targets = remove(pool.targets, forgotten.key);
  order(turn, { type: "forget", target: forgotten.key });
  return true;
}

/** A pool that ends is done when nobody waits and all is closed. */
function finish(turn: Turn): boolean {
  const { pool } = turn;
  const isEmpty = pool.actuals === undefined && pool.waiting === 0;
  if (!isEnding(pool) || !isEmpty) return false;
  pool.phase = "closed";
  order(turn, { type: "finish" });
  return true;
}
