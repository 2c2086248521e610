/**
 * The life of an actual connection: connect, rest, lease, check, reset, retarget, retire.
 *
 * Each of these ends what it was at and begins what it is at next, so that every
 * count is right whatever the two are.
 */

import type { RetireReason } from "./command.ts";
import { isAged, isRetired, isSuspect, spacingMs } from "./fitness.ts";
import { layDown, rouse } from "./idle.ts";
import { comeForward, endClaim, endEnclosure } from "./line.ts";
import { isEnding } from "./opening.ts";
import type { Actual, TargetId, Waiter } from "./state.ts";
import { add, drop, editActual, editTarget, order, put, type Turn } from "./turn.ts";

/** Opens an actual connection. */
export function connect(turn: Turn, id: TargetId): void {
  const target = editTarget(turn, id);
  target.arriving++;
  target.opening++;
  target.live++;
  turn.pool.connecting++;
  const actual = turn.pool.actualNext++;
  add(turn, {
    id: actual,
    target: id,
    status: "connecting",
    suspicions: turn.pool.suspicions,
    servesSince: turn.now,
    agesAt: Infinity,
    restedAt: turn.now,
    rank: -1,
    lease: -1,
    virtual: -1,
  });
  order(turn, { type: "connect", actual, target: id });
}

/** Gives an idle one to a waiter. */
export function lend(turn: Turn, actual: Actual, waiter: Waiter): void {
  comeForward(turn, waiter);
  quit(turn, actual);
  turn.pool.leased++;
  const leased = editActual(actual, "leased");
  leased.lease = waiter.lease;
  leased.virtual = waiter.virtual;
  put(turn, leased);
  order(turn, { type: "grant", lease: waiter.lease, actual: actual.id });
}

/** Lays one to rest, unless it is to go; a suspect is checked first, so suspects lie lowest. */
export function rest(turn: Turn, actual: Actual): void {
  const unfit = unfitness(turn, actual);
  if (unfit !== undefined) return retire(turn, actual, unfit);
  if (isSuspect(turn.pool, actual) && !isEnding(turn.pool)) return check(turn, actual);
  quit(turn, actual);
  const rested = editActual(actual, "idle");
  rested.restedAt = turn.now;
  rested.rank = turn.pool.rankNext++;
  put(turn, rested);
  layDown(editTarget(turn, actual.target), rested);
}

/** Wipes what a lease has left in the session, unless it is to go in any case. */
export function reset(turn: Turn, actual: Actual): void {
  const unfit = unfitness(turn, actual);
  if (unfit !== undefined) return retire(turn, actual, unfit);
  quit(turn, actual);
  editTarget(turn, actual.target).arriving++;
  const resetting = editActual(actual, "resetting");
  resetting.suspicions = turn.pool.suspicions;
  put(turn, resetting);
  order(turn, { type: "reset", actual: actual.id });
}

/** Asks one whether it is still alive. */
export function check(turn: Turn, actual: Actual): void {
  quit(turn, actual);
  editTarget(turn, actual.target).arriving++;
  const checking = editActual(actual, "checking");
  checking.suspicions = turn.pool.suspicions;
  put(turn, checking);
  order(turn, { type: "check", actual: actual.id });
}

/** Changes an idle one into one of another target. */
export function retarget(turn: Turn, actual: Actual, id: TargetId): void {
  quit(turn, actual);
  editTarget(turn, actual.target).live--;
  const target = editTarget(turn, id);
  target.arriving++;
  target.opening++;
  target.live++;
  const retargeting = editActual(actual, "retargeting");
  retargeting.target = id;
  retargeting.suspicions = turn.pool.suspicions;
  put(turn, retargeting);
  order(turn, { type: "retarget", actual: actual.id, target: id });
}

/** Takes one out of service for good, whatever it is at. */
export function retire(turn: Turn, actual: Actual, reason: RetireReason): void {
  quit(turn, actual);
  editTarget(turn, actual.target).live--;
  turn.pool.closing++;
  if (reason === "aged") turn.pool.agesFrom = turn.now + spacingMs(turn.pool);
  put(turn, editActual(actual, "closing"));
  order(turn, { type: "close", actual: actual.id, reason });
}

/** Forgets one that has closed, or was never opened. */
export function forget(turn: Turn, actual: Actual): void {
  quit(turn, actual);
  if (actual.status !== "closing") editTarget(turn, actual.target).live--;
  drop(turn, actual);
}

/** Ends what an actual connection is at; a lease that it serves ends too. */
function quit(turn: Turn, actual: Actual): void {
  const { pool } = turn;
  switch (actual.status) {
    case "leased":
      pool.leased--;
      endEnclosure(turn, actual.lease);
      return endClaim(turn, actual.virtual);
    case "idle":
      return rouse(editTarget(turn, actual.target), actual);
    case "closing":
      pool.closing--;
      return;
    case "connecting":
      pool.connecting--;
      editTarget(turn, actual.target).opening--;
      break;
    case "retargeting":
      editTarget(turn, actual.target).opening--;
      break;
  }
  editTarget(turn, actual.target).arriving--;
}

/** Tells why one that has ended its work cannot rest, if it cannot. */
function unfitness({ pool, now }: Turn, actual: Actual): RetireReason | undefined {
  if (isRetired(pool, actual)) return "retired";
  if (pool.phase === "draining") return "draining";
  return isAged(pool, actual.agesAt, now) ? "aged" : undefined;
}
