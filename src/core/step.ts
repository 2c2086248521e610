/**
 * The state machine of the pool, whose only transition function is `step`.
 *
 * Transitions are of two kinds. `applyEvent`, here, has those that an event triggers: they
 * record what has happened. `applyRules` has those that the state triggers, whichever event
 * led to it. `applyEvent` does nothing that `applyRules` can do.
 */

import { addTarget, begin, type Draft, editTarget, editVirtual } from "./draft.ts";
import { all } from "./fifo.ts";
import { ageAt, forget, makeIdle, reset, retire } from "./lifecycle.ts";
import type {
  ActualLost,
  Command,
  ConnectDone,
  ConnectFailed,
  Event,
  LeaseReleased,
  LeaseRequested,
  WorkEnded,
} from "./messages.ts";
import { learnFailure, learnSuccess, raiseCeiling } from "./outage.ts";
import { closesRing, holderOf, isQueueFull, join, leave, refuse } from "./queue.ts";
import { applyRules } from "./rules.ts";
import {
  type Actual,
  type ActualId,
  type Instant,
  isEnding,
  type PoolState,
  type Status,
} from "./state.ts";
import { entries, find, values } from "./table.ts";

export { deadline } from "./rules.ts";

/** The pool after an event, and the commands for its shell. */
export type Step = readonly [pool: PoolState, commands: readonly Command[]];

/** Returns the pool after `event` at `now`, and the commands that follow from it. */
export function step(pool: PoolState, event: Event, now: Instant): Step {
  const draft = begin(pool, now);
  applyEvent(draft, event);
  applyRules(draft);
  return [draft.pool, draft.commands];
}

/** The transitions that an event triggers. */
function applyEvent(draft: Draft, event: Event): void {
  const { pool } = draft;
  switch (event.type) {
    case "leaseRequested":
      return request(draft, event);
    case "requestWithdrawn":
      return leave(draft, event);
    case "leaseReleased":
      return release(draft, event);
    case "connectDone":
      return onConnected(draft, event);
    case "connectFailed":
      return onConnectFailed(draft, event);
    case "workDone":
    case "workFailed":
      return endWork(draft, event);
    case "closeDone": {
      const closed = at(draft, event.actual, "closing");
      return closed && forget(draft, closed);
    }
    case "actualLost":
      return onLost(draft, event);
    case "drainRequested":
      return drain(draft, event.serveQueue);
    case "pauseRequested":
      if (pool.phase === "open") pool.phase = "paused";
      return;
    case "resumeRequested":
      if (pool.phase !== "paused") return;
      pool.phase = "open";
      return changeAll(draft);
    case "retireRequested":
      pool.retiredBelow = pool.actualNext;
      return;
    case "suspicionRaised":
      pool.suspicions++;
      return;
    default: // `applyRules` does what is due by time alone.
      event satisfies { readonly type: "deadlineReached" };
  }
}

/** Lets a request wait, unless the pool ends, the queue is full, or it would be a deadlock. */
function request(draft: Draft, waiter: LeaseRequested): void {
  const { pool } = draft;
  addTarget(draft, waiter.target, waiter.address);
  if (isEnding(pool) || pool.phase === "closed") return refuse(draft, waiter, "draining");
  if (isQueueFull(pool, waiter.virtual)) return refuse(draft, waiter, "queueFull");
  activate(draft, waiter);
  join(draft, waiter);
  if (closesRing(pool, waiter)) refuse(draft, waiter, "deadlock");
}

/** Keeps a virtual connection's minimum from the first request for its own target on. */
function activate(draft: Draft, { virtual, target }: LeaseRequested): void {
  const { minimum, target: ownTarget } = draft.pool.policy.virtuals[virtual]!;
  if (minimum === 0 || target !== ownTarget) return;
  if (find(draft.pool.virtuals, virtual)?.isActive) return;
  editVirtual(draft, virtual).isActive = true;
  editTarget(draft, target).minimum += minimum;
}

/** Ends a lease; does nothing if the lease no longer holds its actual connection. */
function release(draft: Draft, event: LeaseReleased): void {
  const leased = holderOf(draft.pool, event);
  if (leased === undefined) return;
  if (event.condition === "clean") makeIdle(draft, leased);
  else if (event.condition === "dirty") reset(draft, leased);
  else retire(draft, leased, "broken");
}

/** Takes in a new actual connection: its target is up, and the server had room for it. */
function onConnected(draft: Draft, { actual, random }: ConnectDone): void {
  const { pool, now } = draft;
  const connecting = at(draft, actual, "connecting");
  if (connecting === undefined) return;
  raiseCeiling(draft, random);
  const { suspicions } = pool;
  arrive(draft, { ...connecting, agesAt: ageAt(pool, now, random), suspicions });
}

/** Lets an actual connection serve its target, which is up. */
function arrive(draft: Draft, actual: Actual): void {
  learnSuccess(draft, actual.target);
  makeIdle(draft, { ...actual, servesSince: draft.now });
}

/** Forgets an actual connection that could not be opened, and learns from the failure. */
function onConnectFailed(draft: Draft, event: ConnectFailed): void {
  const connecting = at(draft, event.actual, "connecting");
  if (connecting === undefined) return;
  forget(draft, connecting);
  learnFailure(draft, connecting.target, event);
}

/** Ends a check, reset or retarget, unless the connection is no longer at that work. */
function endWork(draft: Draft, { type, actual, work }: WorkEnded): void {
  const worked = at(draft, actual, work);
  if (worked === undefined) return;
  if (type === "workFailed") {
    // A connection that fails its check is as good as lost, and others may be lost as well.
    if (work === "checking") draft.pool.suspicions++;
    return retire(draft, worked, "broken");
  }
  if (work === "retargeting") arrive(draft, worked);
  else makeIdle(draft, worked);
}

/** Retires one whose socket closed unasked; if the server did it, the others become suspect. */
function onLost(draft: Draft, { actual, byServer }: ActualLost): void {
  const lost = find(draft.pool.actuals, actual);
  // A connecting or closing connection reports its end by another event.
  if (lost === undefined || lost.status === "connecting" || lost.status === "closing") return;
  if (byServer) draft.pool.suspicions++;
  retire(draft, lost, "lost");
}

/** Accepts no more requests; the pool serves its waiters if `serveQueue`, or refuses them. */
function drain(draft: Draft, serveQueue: boolean): void {
  const { pool } = draft;
  if (pool.phase === "closed" || pool.phase === "draining") return;
  pool.phase = serveQueue ? "serving" : "draining";
  changeAll(draft);
  if (serveQueue) return;
  for (const value of values(pool.virtuals)) {
    for (const waiter of all(value.blocked)) refuse(draft, waiter, "draining");
  }
}

/** Marks every target as changed, so that the rules look at it again. */
function changeAll(draft: Draft): void {
  for (const { key } of entries(draft.pool.targets)) editTarget(draft, key);
}

/** Returns an actual connection if it has `status`; an event that comes too late finds none. */
function at(draft: Draft, id: ActualId, status: Status): Actual | undefined {
  const actual = find(draft.pool.actuals, id);
  return actual?.status === status ? actual : undefined;
}
