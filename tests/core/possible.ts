/** The events that may happen next in a world, and those that must change nothing. */

import type { Event, Work } from "../../src/core/mod.ts";
import { NOBODY, type Place, WORKING, type World } from "./world.ts";

/** Returns every event that could happen next, and after how many ms. */
export function possible(place: Place): readonly (readonly [Event, number])[] {
  const { world, configuration } = place;
  if (world.phase === "closed") return requests(place).map((event) => [event, 0]);
  const { may, tickMs } = configuration;
  const prompt = [...ofSockets(place), ...ofThePool(place)];
  const either = [...requests(place), ...releases(place)];
  if (may.withdraw) {
    for (const { lease, virtual, target } of world.waits) {
      prompt.push({ type: "requestWithdrawn", lease, virtual, target });
    }
  }
  const late = may.late ? either.map((event) => [event, tickMs] as const) : [];
  return [
    ...[...prompt, ...either].map((event) => [event, 0] as const),
    ...late,
    [{ type: "deadlineReached" }, tickMs],
  ];
}

function requests({ world, configuration }: Place): Event[] {
  const { policy, may, claimsMax, targets: addresses } = configuration;
  if (world.waits.length + world.held.length >= claimsMax) return [];
  const leaseRefs = world.held.map(({ lease, actual }) => ({ lease, actual }));
  // A lease that ended long ago, of an actual connection that another lease may hold now.
  const ended = world.conns.slice(0, may.encloseLate ? 1 : 0).map((
    { id },
  ) => [{ lease: 0, actual: id }]);
  const enclosings = may.enclose
    ? [
      [],
      ...ended,
      ...leaseRefs.map((leaseRef) => [leaseRef]),
      ...(leaseRefs.length > 1 ? [leaseRefs] : []),
    ]
    : [[]];
  return policy.virtuals.flatMap(({ target: home }, virtual) =>
    (may.bind ? addresses.map((_, target) => target) : [home]).flatMap((target) =>
      enclosings.map((enclosing) => ({
        type: "leaseRequested" as const,
        lease: world.leaseNext,
        virtual,
        target,
        address: addresses[target]!,
        enclosing,
        waiter: `asker of ${world.leaseNext}`,
      }))
    )
  );
}

function releases({ world, configuration: { conditions } }: Place): Event[] {
  return world.held.flatMap(({ lease, actual }) =>
    conditions.map((condition) => ({ type: "leaseReleased" as const, lease, actual, condition }))
  );
}

function ofSockets({ world, configuration: { may, fails, chances } }: Place): Event[] {
  return world.conns.flatMap(({ id: actual, status }): Event[] => {
    if (status === "closing") return [{ type: "closeDone", actual }];
    if (status === "connecting") {
      return chances.flatMap((random): Event[] => [
        { type: "connectDone", actual, random },
        ...fails.map((kind) => ({
          type: "connectFailed" as const,
          actual,
          kind,
          cause: "why",
          random,
        })),
      ]);
    }
    const events: Event[] = [];
    if (status !== "idle" && status !== "leased") {
      events.push({ type: "workDone", actual, work: status });
      if (may.failWork || status === "resetting") {
        events.push({ type: "workFailed", actual, work: status });
      }
    }
    if (may.lose) events.push({ type: "actualLost", actual, byServer: true });
    if (may.loseHere) events.push({ type: "actualLost", actual, byServer: false });
    return events;
  });
}

function ofThePool({ world, configuration: { may } }: Place): Event[] {
  const events: Event[] = [];
  if (may.pause) {
    events.push({ type: world.phase === "paused" ? "resumeRequested" : "pauseRequested" });
  }
  if (may.retire) events.push({ type: "retireRequested" });
  if (may.suspect && world.conns.some(({ isSuspect }) => !isSuspect)) {
    events.push({ type: "suspicionRaised" });
  }
  if (may.drain && world.phase !== "draining") {
    events.push({ type: "drainRequested", serveQueue: true });
    events.push({ type: "drainRequested", serveQueue: false });
  }
  return events;
}

/** Returns events that must change nothing: late ones, repeated ones and unknown ones. */
export function misuses({ world }: Place): readonly Event[] {
  const events: Event[] = [
    { type: "requestWithdrawn", lease: NOBODY, virtual: 0, target: 0 },
    ...world.held.map(({ lease, virtual }) => ({
      type: "requestWithdrawn" as const,
      lease,
      virtual,
      target: 0,
    })),
    ...ofWrongStatus(NOBODY, undefined, world),
  ];
  if (world.phase !== "paused") events.push({ type: "resumeRequested" });
  if (world.phase !== "open") events.push({ type: "pauseRequested" });
  for (const { id, status } of world.conns) events.push(...ofWrongStatus(id, status, world));
  return events;
}

function ofWrongStatus(actual: number, status: string | undefined, { held }: World): Event[] {
  const events: Event[] = [
    { type: "leaseReleased", lease: NOBODY, actual, condition: "clean" },
    { type: "leaseReleased", lease: NOBODY, actual, condition: "broken" },
  ];
  const other = held.find((leaseRef) => leaseRef.actual !== actual);
  if (other !== undefined) {
    events.push({ type: "leaseReleased", lease: other.lease, actual, condition: "dirty" });
  }
  if (status === "connecting" || status === "closing" || status === undefined) {
    events.push({ type: "actualLost", actual, byServer: true });
  }
  if (status !== "connecting") {
    events.push({ type: "connectDone", actual, random: 0 });
    events.push({ type: "connectFailed", actual, kind: "down", cause: "late", random: 0 });
    events.push({ type: "connectFailed", actual, kind: "full", cause: "late", random: 0 });
  }
  for (const work of WORKING as readonly Work[]) {
    if (status === work) continue;
    events.push({ type: "workDone", actual, work }, { type: "workFailed", actual, work });
  }
  if (status !== "closing") events.push({ type: "closeDone", actual });
  return events;
}
