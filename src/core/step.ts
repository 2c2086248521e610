/**
 * The state machine of the pool, whose only transition function is `step`.
 *
 * Transitions are of two kinds. Those that an event triggers say what has happened:
 * they are here, in `record`. Those that the state triggers follow from what is now
 * so, however it came about: they are in `follow`. What `follow` can say, `record`
 * does not. (Events are facts and commands are orders; some call them the other way.)
 */

import type { Command } from "./command.ts";
import { closesRing } from "./deadlock.ts";
import type {
  ActualLost,
  ConnectDone,
  ConnectFailed,
  Event,
  LeaseReleased,
  LeaseRequested,
  WorkEnded,
} from "./event.ts";
import { ageAt } from "./fitness.ts";
import { follow } from "./follow.ts";
import { forget, reset, rest, retire } from "./life.ts";
import { holderOf, isLineFull, join, leave, refuse } from "./line.ts";
import { isEnding } from "./opening.ts";
import { learnFailure, learnSuccess, raiseCeiling } from "./outage.ts";
import type { Actual, ActualId, Instant, PoolState, Status } from "./state.ts";
import { entries, find } from "./table.ts";
import { begin, editTarget, editVirtual, know, type Turn } from "./turn.ts";

export { deadline } from "./follow.ts";

/** The pool as an event leaves it, and what its shell must do about it. */
export type Step = readonly [pool: PoolState, commands: readonly Command[]];

/** Returns what becomes of `pool` when `event` happens at `now`. */
export function step(pool: PoolState, event: Event, now: Instant): Step {
  const turn = begin(pool, now);
  record(turn, event);
  follow(turn);
  return [turn.pool, turn.commands];
}

/** The transitions that an event triggers. */
function record(turn: Turn, event: Event): void {
  const { pool } = turn;
  switch (event.type) {
    case "leaseRequested":
      return request(turn, event);
    case "requestWithdrawn":
      return leave(turn, event);
    case "leaseReleased":
      return release(turn, event);
    case "connectDone":
      return welcome(turn, event);
    case "connectFailed":
      return fail(turn, event);
    case "workDone":
    case "workFailed":
      return endWork(turn, event);
    case "closeDone": {
      const closed = at(turn, event.actual, "closing");
      return closed && forget(turn, closed);
    }
    case "actualLost":
      return lose(turn, event);
    case "drainRequested":
      return drain(turn, event.serveLine);
    case "pauseRequested":
      if (pool.phase === "open") pool.phase = "paused";
      return;
    case "resumeRequested":
      if (pool.phase !== "paused") return;
      pool.phase = "open";
      return changeAll(turn);
    case "retireRequested":
      pool.retiredBelow = pool.actualNext;
      return;
    case "suspicionRaised":
      pool.suspicions++;
      return;
    default: // What time alone changes follows.
      event satisfies { readonly type: "deadlineReached" };
  }
}

/** Lets a request wait, unless the pool ends, its line is full, or it closes a ring of waits. */
function request(turn: Turn, waiter: LeaseRequested): void {
  const { pool } = turn;
  know(turn, waiter.target, waiter.address);
  if (isEnding(pool) || pool.phase === "closed") return refuse(turn, waiter, "draining");
  if (isLineFull(pool, waiter.virtual)) return refuse(turn, waiter, "lineFull");
  awaken(turn, waiter);
  join(turn, waiter);
  if (closesRing(pool, waiter)) refuse(turn, waiter, "deadlock");
}

/** From the first request for its own target on, the minimum of a virtual connection is kept. */
function awaken(turn: Turn, { virtual, target }: LeaseRequested): void {
  const { minimum, target: home } = turn.pool.policy.virtuals[virtual]!;
  if (minimum === 0 || target !== home) return;
  if (find(turn.pool.virtuals, virtual)?.isAwake) return;
  editVirtual(turn, virtual).isAwake = true;
  editTarget(turn, target).minimum += minimum;
}

/** Ends a lease; one that no longer holds its actual connection ends nothing. */
function release(turn: Turn, event: LeaseReleased): void {
  const leased = holderOf(turn.pool, event);
  if (leased === undefined) return;
  if (event.condition === "clean") rest(turn, leased);
  else if (event.condition === "dirty") reset(turn, leased);
  else retire(turn, leased, "broken");
}

/** Takes in a new actual connection: its target is up, and the server bears one more. */
function welcome(turn: Turn, { actual, chance }: ConnectDone): void {
  const { pool, now } = turn;
  const connecting = at(turn, actual, "connecting");
  if (connecting === undefined) return;
  raiseCeiling(turn, chance);
  const { suspicions } = pool;
  arrive(turn, { ...connecting, agesAt: ageAt(pool, now, chance), suspicions });
}

/** Lets an actual connection serve a target, which is up. */
function arrive(turn: Turn, actual: Actual): void {
  learnSuccess(turn, actual.target);
  rest(turn, { ...actual, servesSince: turn.now });
}

/** Gives up an actual connection that could not be opened, and learns from it. */
function fail(turn: Turn, event: ConnectFailed): void {
  const connecting = at(turn, event.actual, "connecting");
  if (connecting === undefined) return;
  forget(turn, connecting);
  learnFailure(turn, connecting.target, event);
}

/** Ends a check, a reset or a change of target, unless it has come to nothing meanwhile. */
function endWork(turn: Turn, { type, actual, work }: WorkEnded): void {
  const worked = at(turn, actual, work);
  if (worked === undefined) return;
  if (type === "workFailed") {
    // One that does not answer is as good as lost, and what became of it may have become of others.
    if (work === "checking") turn.pool.suspicions++;
    return retire(turn, worked, "broken");
  }
  if (work === "retargeting") arrive(turn, worked);
  else rest(turn, worked);
}

/** Gives up one whose socket has closed unasked; if the server did it, the others are suspect. */
function lose(turn: Turn, { actual, byServer }: ActualLost): void {
  const lost = find(turn.pool.actuals, actual);
  // One that is being opened, or closes already, reports that by itself.
  if (lost === undefined || lost.status === "connecting" || lost.status === "closing") return;
  if (byServer) turn.pool.suspicions++;
  retire(turn, lost, "lost");
}

/** Lets nobody in any more; those who wait are served, or turned away. */
function drain(turn: Turn, serveLine: boolean): void {
  const { pool } = turn;
  if (pool.phase === "closed" || pool.phase === "draining") return;
  pool.phase = serveLine ? "serving" : "draining";
  changeAll(turn);
  if (serveLine) return;
  for (const { value } of entries(pool.virtuals)) {
    for (const { value: waiter } of entries(value.blocked)) refuse(turn, waiter, "draining");
  }
}

/** Has every target looked at again. */
function changeAll(turn: Turn): void {
  for (const { key } of entries(turn.pool.targets)) editTarget(turn, key);
}

/** Returns an actual connection if it is at `status`; an event that comes too late finds none. */
function at(turn: Turn, id: ActualId, status: Status): Actual | undefined {
  const actual = find(turn.pool.actuals, id);
  return actual?.status === status ? actual : undefined;
}
