/**
 * The transitions that follow from the present state of the pool, whichever event led to it.
 *
 * Each rule applies once and returns whether it did. First the rules list every target that
 * has changed, then they serve queues from idle connections, then the rules for all targets
 * get their turn in order, until none applies.
 */

import {
  bringsAt,
  fillsAt,
  firstInNeed,
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

/** Returns when the shell must report the event `deadlineReached`, if ever. */
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

/** Serves the oldest waiter of a target that is ready. */
function serveReady(draft: Draft): boolean {
  const { ready } = draft;
  if (ready === undefined) return false;
  draft.ready = ready.below;
  const waiter = headOf(ready.top.queue);
  if (waiter !== undefined) serve(draft, ready.top, waiter);
  return true;
}

/** Lends the newest idle connection, if it is fit and no older waiter of another target gets it. */
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

/** Gives an idle connection to an older waiter of another target, unless `handoverMs` forbids. */
function yieldToOlder(draft: Draft, lease: LeaseId): boolean {
  const { pool, now } = draft;
  const inNeed = firstInNeed(pool, now);
  if (inNeed === undefined || inNeed.key >= lease || now >= roomAt(pool)) return false;
  const victim = longestIdle(pool)!;
  if (now - victim.servesSince! < pool.policy.handoverMs) return false;
  makeRoom(draft, victim, inNeed.value);
  return true;
}

/** Opens a connection for the waiter that has waited longest, or makes room for it. */
function bringOne(draft: Draft): boolean {
  const { pool, now } = draft;
  if (!isServing(pool)) return false;
  const inNeed = firstInNeed(pool, now);
  if (inNeed === undefined) return false;
  if (now >= roomAt(pool)) connect(draft, inNeed.value);
  else makeRoom(draft, longestIdle(pool)!, inNeed.value);
  return true;
}

/** Changes an idle connection to another target, or closes it so that the pool can open one. */
function makeRoom(draft: Draft, victim: Actual, id: TargetId): void {
  const { pool, now } = draft;
  const isKin = find(pool.targets, victim.target)!.address === find(pool.targets, id)!.address;
  const isFit = !isAged(pool, victim.agesAt!, now) && !isSuspect(pool, victim);
  if (isKin && isFit) retarget(draft, victim, id);
  else retire(draft, victim, "makesRoom");
}

/** Retires a connection that is too long idle, too old or asked to go, or as the pool ends. */
function retireOne(draft: Draft): boolean {
  const { pool, now } = draft;
  // Every step ends with this rule too, so the table then has all that the step has written.
  saveActual(draft);
  const longest = longestIdle(pool) ?? unwanted(pool);
  if (longest === undefined) return false;
  const idled = overdueIdle(pool, now);
  const agesAt = leastDue(pool.actuals);
  // Connections asked to retire became idle before all later ones: look at the longest idle.
  if (isEnding(pool)) retire(draft, longest, "draining");
  else if (isRetired(pool, longest)) retire(draft, longest, "retired");
  else if (idled !== undefined) retire(draft, idled, "idle");
  else if (isAged(pool, agesAt, now)) retire(draft, firstDue(pool.actuals, agesAt)!.value, "aged");
  else return false;
  return true;
}

/** Returns a connection that is still connecting although the pool ends and no request waits. */
function unwanted(pool: PoolState): Actual | undefined {
  if (!isEnding(pool) || pool.waiting > 0 || pool.connecting === 0) return undefined;
  return search(pool.actuals, ({ value }) => value.status === "connecting")?.value;
}

/** Opens a connection for a target that is below its minimum, if there is room. */
function keepMinimum(draft: Draft): boolean {
  const { pool, now } = draft;
  if (pool.phase !== "open" || now < roomAt(pool)) return false;
  const belowMinimum = firstDue(pool.belowMinimum, now);
  if (belowMinimum === undefined) return false;
  connect(draft, belowMinimum.value);
  return true;
}

/** Forgets a target that no request waits for and that has no actual connection. */
function forgetOne(draft: Draft): boolean {
  const { pool, now } = draft;
  const forgotten = firstDue(pool.targets, now);
  if (forgotten === undefined) return false;
  pool.targets = remove(pool.targets, forgotten.key);
  emit(draft, { type: "forget", target: forgotten.key });
  return true;
}

/** Closes a pool that ends, when no request waits and no actual connection is left. */
function finish(draft: Draft): boolean {
  const { pool } = draft;
  const isEmpty = pool.actuals === undefined && pool.waiting === 0;
  if (!isEnding(pool) || !isEmpty) return false;
  pool.phase = "closed";
  emit(draft, { type: "finish" });
  return true;
}
