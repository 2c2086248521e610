/**
 * The world outside a pool, as events and commands show it: the waiters, the leases and the
 * sockets. It knows nothing of the core's state, so that it can judge that state.
 */

import type { Actual, Event, FailureKind, Phase, PoolState, Status } from "../../src/core/mod.ts";
import { entries } from "../../src/core/table.ts";
import type { Configuration } from "./configurations.ts";

/** A socket, and what is true of the session behind it. */
export interface Conn {
  id: number;
  target: number;
  status: Status;
  servesSince: number;
  agesAt: number;
  restedAt: number;
  /** Its place in the order in which connections became idle. */
  turn: number;
  isSuspect: boolean;
  isRetired: boolean;
  isDirty: boolean;
  isFailed: boolean;
  isLost: boolean;
}

export interface Held {
  lease: number;
  virtual: number;
  actual: number;
}

export interface Wait {
  lease: number;
  virtual: number;
  target: number;
  enclosing: readonly { lease: number; actual: number }[];
  waiter?: unknown;
}

/** What failed attempts show of a target. */
export interface Down {
  until: number;
  failures: number;
}

/** What failed attempts show of the server's room. */
export interface Full extends Down {
  ceiling: number;
  /** How many connections were open when the server last refused one. */
  borne: number;
}

export interface World {
  conns: Conn[];
  held: Held[];
  waits: Wait[];
  down: (Down | undefined)[];
  pace: number[];
  full: Full | undefined;
  awake: boolean[];
  agesFrom: number;
  leaseNext: number;
  turnNext: number;
  phase: Phase;
}

/** A state of the pool, the world that goes with it, and the event that led to both. */
export interface Place {
  configuration: Configuration;
  pool: PoolState;
  world: World;
  now: number;
  parent: Place | undefined;
  event: Event | undefined;
}

/** An id that nothing has. */
export const NOBODY = 1e9;
export const WORKING: readonly Status[] = ["checking", "resetting", "retargeting"];
export const ARRIVING: readonly Status[] = ["connecting", ...WORKING];
export const STATUSES: readonly Status[] = ["idle", "leased", ...ARRIVING, "closing"];

export function startOf(configuration: Configuration, pool: PoolState): Place {
  const { targets, policy } = configuration;
  const world: World = {
    conns: [],
    held: [],
    waits: [],
    down: targets.map(() => undefined),
    pace: targets.map(() => 1),
    full: undefined,
    awake: policy.virtuals.map(() => false),
    agesFrom: -Infinity,
    leaseNext: 1,
    turnNext: 1,
    phase: "open",
  };
  return { configuration, pool, world, now: 0, parent: undefined, event: undefined };
}

/** Returns the world after an event, before the pool has answered the event. */
export function happen(place: Place, event: Event, now: number): World {
  const { policy } = place.configuration;
  const world = copy(place.world);
  const conn = "actual" in event ? world.conns.find(({ id }) => id === event.actual) : undefined;
  switch (event.type) {
    case "leaseRequested":
      world.waits.push({
        ...event,
        enclosing: event.enclosing.filter((outer) =>
          world.held.some(({ lease }) => lease === outer.lease)
        ),
      });
      world.leaseNext++;
      if (event.target === policy.virtuals[event.virtual]!.target && isAwaiting(world.phase)) {
        world.awake[event.virtual] = true;
      }
      break;
    case "requestWithdrawn":
      world.waits = world.waits.filter(({ lease }) => lease !== event.lease);
      break;
    case "leaseReleased":
      world.held = world.held.filter(({ lease }) => lease !== event.lease);
      settle(world, conn!, now);
      conn!.isDirty = event.condition === "dirty";
      conn!.isFailed = event.condition === "broken";
      break;
    case "connectDone":
    case "connectFailed":
    case "workDone":
    case "workFailed":
    case "closeDone":
    case "actualLost":
      befall(place, world, conn!, event, now);
      break;
    default:
      heed(world, event);
  }
  return world;
}

/** Changes the world by an event of a socket. */
function befall(place: Place, world: World, conn: Conn, event: Event, now: number): void {
  const { policy } = place.configuration;
  switch (event.type) {
    case "connectDone":
      settle(world, conn, now);
      conn.agesAt = now + policy.maxLifetime * (1 - 0.1 * event.random);
      conn.servesSince = now;
      conn.isSuspect = false;
      succeed(world, conn.target, policy.connectionLimit);
      bear(world, policy.connectionLimit, now + backoff(place, 1, event.random));
      return;
    case "connectFailed":
      world.conns = world.conns.filter((other) => other !== conn);
      failTo(place, world, conn.target, event.kind, event.random, now);
      return;
    case "workDone":
      if (event.work === "retargeting") {
        conn.servesSince = now;
        succeed(world, conn.target, policy.connectionLimit);
      }
      settle(world, conn, now);
      return;
    case "workFailed":
      if (event.work === "checking") suspectAll(world);
      settle(world, conn, now);
      conn.isFailed = true;
      return;
    case "closeDone":
      world.conns = world.conns.filter((other) => other !== conn);
      return;
    case "actualLost":
      if (event.byServer) suspectAll(world);
      world.held = world.held.filter(({ actual }) => actual !== conn.id);
      settle(world, conn, now);
      conn.isLost = true;
      return;
  }
}

function heed(world: World, event: Event): void {
  switch (event.type) {
    case "suspicionRaised":
      return suspectAll(world);
    case "retireRequested":
      for (const conn of world.conns) conn.isRetired = true;
      return;
    case "pauseRequested":
      if (world.phase === "open") world.phase = "paused";
      return;
    case "resumeRequested":
      if (world.phase === "paused") world.phase = "open";
      return;
    case "drainRequested":
      if (world.phase !== "draining" && world.phase !== "closed") {
        world.phase = event.serveQueue ? "serving" : "draining";
      }
  }
}

function copy(world: World): World {
  return {
    ...world,
    full: world.full && { ...world.full },
    conns: world.conns.map((conn) => ({ ...conn })),
    held: [...world.held],
    waits: [...world.waits],
    down: [...world.down],
    pace: [...world.pace],
    awake: [...world.awake],
  };
}

function isAwaiting(phase: Phase): boolean {
  return phase === "open" || phase === "paused";
}

function settle(world: World, conn: Conn, now: number): void {
  conn.status = "idle";
  conn.restedAt = now;
  conn.turn = world.turnNext++;
  conn.isDirty = false;
}

function suspectAll(world: World): void {
  for (const conn of world.conns) conn.isSuspect = true;
}

function succeed(world: World, target: number, max: number): void {
  world.down[target] = undefined;
  world.pace[target] = Math.min(max, world.pace[target]! * 2);
}

function bear(world: World, max: number, until: number): void {
  if (world.full === undefined) return;
  const ceiling = world.full.ceiling + 1;
  const isOver = ceiling >= max || world.conns.length >= max;
  const borne = world.conns.length;
  world.full = isOver ? undefined : { ceiling, borne, until, failures: 0 };
}

function failTo(
  place: Place,
  world: World,
  target: number,
  kind: FailureKind,
  random: number,
  now: number,
): void {
  const known = kind === "full" ? world.full : world.down[target];
  const isNew = known === undefined || now >= known.until;
  const failures = (known?.failures ?? 0) + 1;
  const until = now + backoff(place, failures, random);
  if (kind === "down") {
    world.pace[target] = 1;
    if (isNew) world.down[target] = { until, failures };
    return;
  }
  const borne = world.conns.filter(({ status }) => status !== "connecting").length;
  if (!isNew) {
    world.full!.ceiling = Math.min(world.full!.ceiling, borne);
    world.full!.borne = Math.min(world.full!.borne, borne);
  } else {
    world.full = { ceiling: Math.floor(borne * 0.75), borne, until, failures };
  }
}

function backoff({ configuration: { policy } }: Place, failures: number, random: number): number {
  return Math.min(policy.backoffMax, policy.backoffMin * 2 ** (failures - 1)) * (1 + random) /
    2;
}

/** Returns a pool's actual connections, as its state has them. */
export function toldActuals(pool: PoolState): readonly Actual[] {
  return entries(pool.actuals).map(({ value }) => value);
}
