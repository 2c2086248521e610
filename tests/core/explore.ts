/**
 * Visits every state that small pools can reach and checks every promise in each: breadth
 * first, so that the story of a breach is one of the shortest.
 */

import type * as core from "../../src/core/mod.ts";
import type { Event, PoolState } from "../../src/core/mod.ts";
import type { Configuration } from "./configurations.ts";
import { misuses, possible } from "./possible.ts";
import { fingerprint } from "./fingerprint.ts";
import { must } from "./judge.ts";
import { obey, slowDown } from "./orders.ts";
import { check } from "./verdict.ts";
import { happen, type Place, startOf } from "./world.ts";

/** The core that is explored, or a mutant of it. */
export type Core = Pick<typeof core, "createState" | "step" | "deadline">;

/** The result of an exploration. */
export interface Outcome {
  states: number;
  transitions: number;
  /** How many events lead to the farthest state. */
  depth: number;
  seconds: number;
  /** Whether it visited every state. */
  isWhole: boolean;
}

/** A broken promise, with the story of the events that led to it. */
export class Failure extends Error {}

/** More events than any fair ending of these pools needs. */
const ENDING_MAX = 300;

export function explore(on: Core, configuration: Configuration, statesMax = Infinity): Outcome {
  const began = performance.now();
  const start = startOf(configuration, freeze(on.createState(configuration.policy)));
  const seen = new Set([fingerprint(start)]);
  let [transitions, depth] = [0, 0];
  let front = [start];
  while (front.length > 0 && seen.size < statesMax) {
    const next: Place[] = [];
    for (const place of front) {
      judged(place, undefined, () => inspect(on, place));
      for (const [event, ticks] of possible(place)) {
        transitions++;
        const after = judged(place, event, () => go(on, place, event, ticks));
        const print = fingerprint(after);
        if (seen.has(print)) continue;
        seen.add(print);
        next.push(after);
      }
      if (seen.size >= statesMax) break;
    }
    front = next;
    if (front.length > 0) depth++;
  }
  const seconds = (performance.now() - began) / 1000;
  return { states: seen.size, transitions, depth, seconds, isWhole: front.length === 0 };
}

/** Lets an event happen and the pool answer it. */
function go(on: Core, place: Place, event: Event, ms: number): Place {
  const now = place.now + ms;
  const [pool, commands] = on.step(place.pool, event, now);
  const world = happen(place, event, now);
  const after: Place = {
    configuration: place.configuration,
    pool: freeze(pool),
    world,
    now,
    parent: place,
    event,
  };
  slowDown(after);
  for (const command of commands) {
    obey(after, command, event);
    slowDown(after);
  }
  check(after, event);
  return after;
}

function inspect(on: Core, place: Place): void {
  checkMisuse(on, place);
  checkDeadline(on, place);
  checkEnding(on, place);
}

/** Checks that late, repeated and unknown events change nothing. */
function checkMisuse(on: Core, place: Place): void {
  for (const event of misuses(place)) {
    const [pool, commands] = on.step(place.pool, event, place.now);
    const told = JSON.stringify(event);
    must(commands.length === 0, `misuse is ignored: ${told}`);
    for (const key of Object.keys(pool) as (keyof PoolState)[]) {
      must(pool[key] === place.pool[key], `misuse changes nothing, not even ${key}: ${told}`);
    }
  }
}

/** Checks that time alone changes nothing before the deadline, and something at it. */
function checkDeadline(on: Core, { pool, now }: Place): void {
  const due = on.deadline(pool);
  const reached: Event = { type: "deadlineReached" };
  const changesAt = (at: number) => on.step(pool, reached, at)[1].length > 0;
  if (due === undefined) return must(!changesAt(now + 1e6), "what time alone changes is announced");
  must(due > now, "a deadline is yet to come");
  must(!changesAt(due - 0.001), "nothing changes before the deadline");
  must(changesAt(due), "something changes at the deadline");
}

/** Checks that a fair ending exists: the pool serves its queue, all work succeeds, it closes. */
function checkEnding(on: Core, start: Place): void {
  let place = start;
  for (let i = 0; i < ENDING_MAX && place.world.phase !== "closed"; i++) {
    const event = fairEvent(place);
    const due = on.deadline(place.pool);
    must(event !== undefined || due !== undefined, "nobody is stranded");
    place = event === undefined
      ? go(on, place, { type: "deadlineReached" }, due! - place.now)
      : go(on, place, event, 0);
  }
  must(place.world.phase === "closed", "every pool that drains ends");
}

function fairEvent({ world }: Place): Event | undefined {
  if (world.phase === "paused") return { type: "resumeRequested" };
  if (world.phase === "open") return { type: "drainRequested", serveQueue: true };
  for (const { id: actual, status } of world.conns) {
    if (status === "connecting") return { type: "connectDone", actual, random: 0 };
    if (status === "closing") return { type: "closeDone", actual };
    if (status !== "idle" && status !== "leased") return { type: "workDone", actual, work: status };
  }
  const enclosing = world.waits.flatMap((wait) => wait.enclosing.map(({ lease }) => lease));
  const free = world.held.find(({ lease }) => !enclosing.includes(lease));
  return free && { type: "leaseReleased", ...free, condition: "clean" };
}

/** Freezes a state and all it holds, so that a step that writes to it throws. */
function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
  return value;
}

function judged<T>(place: Place, event: Event | undefined, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const then = event === undefined ? [] : [`  then ${JSON.stringify(event)}`];
    const story = [...tell(place), ...then].join("\n");
    const why = `${place.configuration.name}: ${(cause as Error).message}`;
    throw new Failure(`${why}, after\n${story}`, { cause });
  }
}

/** Returns the events that led to a place, one a line. */
function tell(place: Place): string[] {
  const lines: string[] = [];
  for (let at: Place | undefined = place; at?.event; at = at.parent) {
    const { type, ...rest } = at.event;
    lines.unshift(`  at ${at.now} ${type} ${JSON.stringify(rest)}`);
  }
  return lines;
}
