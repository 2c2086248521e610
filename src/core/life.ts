/**
 * The life of an actual connection: connect, rest, lease, check, reset, retarget, retire.
 *
 * Each of these ends what it was at and begins what it is at next, so that every
 * count is right whatever the two are.
 */

import type { RetireReason, WorkOrder } from "./command.ts";
import type { Work } from "./event.ts";
import { isAged, isRetired, isSuspect, spacingMs } from "./fitness.ts";
import { layDown, rouse } from "./idle.ts";
import { comeForward, countEncloser, endClaim } from "./line.ts";
import { isEnding } from "./opening.ts";
import type { Actual, TargetId, Waiter } from "./state.ts";
import { put, remove } from "./table.ts";
import { editTarget, order, type Turn } from "./turn.ts";

/** Opens an actual connection. */
export function connect(turn: Turn, target: TargetId): void {
  const { pool, now } = turn;
  const actual = pool.actualNext++;
  begin(turn, {
    id: actual,
    target,
    status: "connecting",
    suspicions: pool.suspicions,
    servesSince: now,
    agesAt: Infinity,
    restedAt: now,
    rank: -1,
    lease: -1,
    virtual: -1,
    encloses: 0,
  });
  order(turn, { type: "connect", actual, target });
}

/** Gives an idle one to a waiter. */
export function lend(turn: Turn, actual: Actual, waiter: Waiter): void {
  const { lease, virtual } = waiter;
  comeForward(turn, waiter);
  become(turn, actual, { ...actual, status: "leased", lease, virtual, encloses: 0 });
  order(turn, { type: "grant", lease, actual: actual.id });
}

/** Lays one to rest, unless it is to go; a suspect is checked first, so suspects lie lowest. */
export function rest(turn: Turn, actual: Actual): void {
  const { pool, now } = turn;
  const unfit = unfitness(turn, actual);
  if (unfit !== undefined) return retire(turn, actual, unfit);
  if (isSuspect(pool, actual) && !isEnding(pool)) return check(turn, actual);
  become(turn, actual, { ...actual, status: "idle", restedAt: now, rank: pool.rankNext++ });
}

/** Wipes what a lease has left in the session, unless it is to go in any case. */
export function reset(turn: Turn, actual: Actual): void {
  const unfit = unfitness(turn, actual);
  if (unfit !== undefined) return retire(turn, actual, unfit);
  work(turn, actual, "resetting", "reset");
}

/** Asks one whether it is still alive. */
export function check(turn: Turn, actual: Actual): void {
  work(turn, actual, "checking", "check");
}

/** Changes an idle one into one of another target. */
export function retarget(turn: Turn, actual: Actual, target: TargetId): void {
  work(turn, actual, "retargeting", "retarget", target);
}

/** Takes one out of service for good, whatever it is at. */
export function retire(turn: Turn, actual: Actual, reason: RetireReason): void {
  if (reason === "aged") turn.pool.agesFrom = turn.now + spacingMs(turn.pool);
  become(turn, actual, { ...actual, status: "closing" });
  order(turn, { type: "close", actual: actual.id, reason });
}

/** Forgets one that has closed, or was never opened. */
export function forget(turn: Turn, actual: Actual): void {
  end(turn, actual);
  turn.pool.actuals = remove(turn.pool.actuals, actual.id);
}

/** Busies one with itself; whatever it does proves whether it is alive. */
function work(
  turn: Turn,
  actual: Actual,
  status: Work,
  type: WorkOrder,
  target: TargetId = actual.target,
): void {
  become(turn, actual, { ...actual, status, target, suspicions: turn.pool.suspicions });
  order(turn, { type, actual: actual.id, target });
}

function become(turn: Turn, actual: Actual, next: Actual): void {
  end(turn, actual);
  begin(turn, next);
}

/** Ends what an actual connection is at; a lease that it serves ends too. */
function end(turn: Turn, actual: Actual): void {
  if (actual.status === "leased") {
    if (actual.encloses > 0) countEncloser(turn, actual.virtual, -1);
    endClaim(turn, actual.virtual);
  }
  count(turn, actual, -1);
}

/** Begins what an actual connection is at now. */
function begin(turn: Turn, actual: Actual): void {
  const { pool } = turn;
  const due = actual.status === "idle" ? actual.agesAt : Infinity;
  pool.actuals = put(pool.actuals, actual.id, actual, due);
  count(turn, actual, 1);
}

/** Counts one among those that are at the same, or no more. */
function count(turn: Turn, actual: Actual, by: 1 | -1): void {
  const { pool } = turn;
  const { status } = actual;
  // What every lease does is spelt out, as a write by a computed name is slow.
  if (status === "idle") pool.idle += by;
  else if (status === "leased") pool.leased += by;
  else pool[status] += by;
  if (status === "closing") return;
  const target = editTarget(turn, actual.target);
  target.live += by;
  if (status === "connecting" || status === "retargeting") target.opening += by;
  if (status === "idle") return by > 0 ? layDown(target, actual) : rouse(target, actual);
  if (status !== "leased") target.arriving += by;
}

/** Tells why one that has ended its work cannot rest, if it cannot. */
function unfitness({ pool, now }: Turn, actual: Actual): RetireReason | undefined {
  if (isRetired(pool, actual)) return "retired";
  if (pool.phase === "draining") return "draining";
  return isAged(pool, actual.agesAt, now) ? "aged" : undefined;
}
