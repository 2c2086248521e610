/** The promises that every command must keep; each breach names the promise it breaks. */

import type { Command, Event, RetireReason } from "../../src/core/mod.ts";
import { Judge, must } from "./judge.ts";
import type { Conn, Place } from "./world.ts";

/** A target whose queue is empty, even for a moment, opens one at a time again. */
export function slowDown(place: Place): void {
  const judge = new Judge(place);
  for (const target of judge.targets) {
    if (judge.line(target).length === 0) place.world.pace[target] = 1;
  }
}

/** Carries out a command in the world; the command must keep every promise. */
export function obey(place: Place, command: Command, event: Event): void {
  const { world } = place;
  const judge = new Judge(place);
  const conn = "actual" in command
    ? world.conns.find(({ id }) => id === command.actual)
    : undefined;
  switch (command.type) {
    case "connect":
      must(conn === undefined, "each actual connection has a name of its own");
      return obeyConnect(place, judge, command.actual, command.target);
    case "grant":
      return obeyGrant(place, judge, conn, command);
    case "check": {
      must(conn?.status === "idle" && !judge.isFresh(conn), "only what may be dead is checked");
      const isComing = "actual" in event && event.actual === conn.id;
      const isWanted = judge.isServing() && judge.uncovered(conn.target) !== undefined;
      must(judge.isSound(conn), "what is to go is not checked");
      must(isWanted || (isComing && conn.isSuspect), "nothing is checked for nobody");
      conn.status = "checking";
      conn.isSuspect = false;
      return;
    }
    case "reset":
      must(conn?.status === "idle" && conn.isDirty, "only what is dirty is reset");
      must(!conn.isRetired && !judge.isAged(conn), "what is to go is not reset");
      must(world.phase !== "draining", "nothing is reset for nobody");
      conn.status = "resetting";
      conn.isDirty = conn.isSuspect = false;
      return;
    case "retarget":
      return obeyRetarget(place, judge, conn, command.target);
    case "close":
      return obeyClose(place, judge, conn, command.reason);
    case "refuse":
      return obeyRefuse(place, judge, event, command);
    case "forget":
      return obeyForget(place, judge, command.target);
    case "finish":
      must(world.phase !== "closed" && judge.isEnding(), "only a pool that ends finishes");
      must(world.conns.length + world.waits.length === 0, "a pool finishes when all is closed");
      world.phase = "closed";
  }
}

function obeyForget({ world, now }: Place, judge: Judge, id: number): void {
  const down = world.down[id];
  const isKept = !judge.isOver() && down !== undefined &&
    now < down.until + judge.policy.backoffMax;
  const isAwaited = world.waits.some(({ target }) => target === id);
  must(!isAwaited, "a target with waiters is not forgotten");
  must(judge.live(id) === 0 && !isKept, "what is there is not forgotten");
  must(judge.isOver() || judge.minimum(id) === 0, "a minimum is not forgotten");
  world.down[id] = undefined;
  world.pace[id] = 1;
}

function obeyConnect({ world, now }: Place, judge: Judge, id: number, target: number): void {
  must(world.conns.length < judge.policy.connectionLimit, "there is one maximum");
  must(judge.hasRoom(), "a full server is left alone until it is time, and probed by one");
  const { full } = world;
  const isEarly = full !== undefined && full.failures > 0 && now < full.until;
  must(
    !isEarly || world.conns.length < full.borne,
    "what a full server refused is not asked at once",
  );
  const down = world.down[target];
  must(
    down === undefined || now >= down.until,
    "a target that is down is left alone until it is time",
  );
  must(judge.openable(target) > 0, "no more are opened at once than the line has shown to need");
  const isWanted = judge.claimant(target) !== undefined;
  const isLacking = world.phase === "open" && judge.live(target) < judge.minimum(target);
  must(isWanted || isLacking, "nothing is opened that nobody needs");
  must(judge.isFirst(target), "who has waited longest is brought one first");
  must(
    !isWanted || !judge.idle(target).some((conn) => judge.isFresh(conn)),
    "what rests is lent before one is opened",
  );
  world.conns.push({
    id,
    target,
    status: "connecting",
    servesSince: now,
    agesAt: Infinity,
    restedAt: now,
    turn: 0,
    isSuspect: false,
    isRetired: false,
    isDirty: false,
    isFailed: false,
    isLost: false,
  });
}

function obeyGrant(
  place: Place,
  judge: Judge,
  conn: Conn | undefined,
  { lease, waiter }: Command & { type: "grant" },
): void {
  const { world } = place;
  const wait = world.waits.find((waiting) => waiting.lease === lease);
  must(wait !== undefined, "a request is answered once");
  must(waiter === wait.waiter, "an answer comes with what asked");
  must(conn?.status === "idle", "nobody shares");
  must(judge.isServing(), "nothing is granted while paused or draining");
  must(conn.target === wait.target, "a lease is to the target that was asked for");
  must(judge.line(wait.target)[0] === wait, "first come, first served");
  must(!conn.isDirty, "no session state of a former holder is lent on");
  must(!judge.isAged(conn), "none is lent that is too old");
  must(judge.isFresh(conn), "what is broken, suspect or long idle is not lent unchecked");
  must(judge.idle(wait.target).at(-1) === conn, "the last to come to rest is lent first");
  const victim = judge.longestIdle()!;
  const isPassing = !judge.hasRoom() && judge.isTenured(victim) &&
    judge.targets.some((other) =>
      other !== wait.target && judge.couldBring(other) && judge.claimant(other)!.lease < lease
    );
  must(!isPassing, "no target keeps what an older waiter of another wants beyond its tenure");
  conn.status = "leased";
  world.waits = world.waits.filter((waiting) => waiting !== wait);
  world.held.push({ lease, virtual: wait.virtual, actual: conn.id });
}

function obeyRetarget(
  { configuration }: Place,
  judge: Judge,
  conn: Conn | undefined,
  target: number,
): void {
  const { targets } = configuration;
  must(
    conn?.status === "idle" && conn.target !== target,
    "only what rests elsewhere is retargeted",
  );
  must(targets[conn.target] === targets[target], "what is retargeted keeps its address");
  must(
    !judge.hasRoom() && judge.claimant(target) !== undefined,
    "nothing is retargeted without need",
  );
  must(judge.needsRoom(target), "what closes already makes room");
  must(judge.longestIdle() === conn, "the longest idle makes room");
  must(judge.isSound(conn) && !conn.isSuspect, "what is old or suspect is not retargeted");
  must(judge.isFirst(target), "who has waited longest is brought one first");
  mustBeSpared(judge, conn);
  conn.status = "retargeting";
  conn.target = target;
}

/** Checks that a target keeps for `handoverMs` a connection that its own queue needs. */
function mustBeSpared(judge: Judge, conn: Conn): void {
  const isWanted = judge.uncovered(conn.target) !== undefined;
  must(!isWanted || judge.isTenured(conn), "a target is not robbed at every turn");
}

function obeyClose(place: Place, judge: Judge, conn: Conn | undefined, reason: RetireReason): void {
  const { world, now } = place;
  const { policy, configuration } = judge;
  const isUnwanted = judge.isUnwanted() && conn?.status === "connecting";
  must(conn?.status === "idle" || isUnwanted, "what is in use is not closed");
  must(!isUnwanted || reason === "draining", "what is opened in vain is closed as the pool ends");
  const { target } = conn;
  if (reason === "idle") {
    must(now - conn.restedAt >= judge.idleTimeout(), "one may idle as long as it may");
    must(judge.idle(target)[0] === conn, "the longest idle is retired first");
    must(judge.live(target) > judge.minimum(target), "a minimum is kept");
  }
  if (reason === "aged") {
    must(judge.isAged(conn), "retirements for age keep their distance");
    world.agesFrom = now + policy.maxLifetime / policy.connectionLimit;
  }
  if (reason === "retired") must(conn.isRetired, "none is retired that was not asked to go");
  if (reason === "broken") must(conn.isFailed, "none is closed as broken that is not");
  if (reason === "lost") must(conn.isLost, "none is closed as lost that is not");
  if (reason === "draining") {
    must(
      judge.isEnding() && judge.uncovered(target) === undefined,
      "what the line needs is not closed",
    );
  }
  if (reason === "makesRoom") {
    const isFor = (other: number) =>
      other !== target && judge.claimant(other) !== undefined && judge.needsRoom(other) &&
      judge.isFirst(other) && (configuration.targets[other] !== configuration.targets[target] ||
        conn.isSuspect || !judge.isSound(conn));
    must(
      !judge.hasRoom() && judge.targets.some(isFor),
      "room is made for somebody, by closing what cannot be changed",
    );
    must(judge.longestIdle() === conn, "the longest idle makes room");
    mustBeSpared(judge, conn);
  }
  conn.status = "closing";
  conn.isDirty =
    conn.isSuspect =
    conn.isRetired =
    conn.isFailed =
    conn.isLost =
      false;
}

function obeyRefuse(
  { world }: Place,
  judge: Judge,
  event: Event,
  { lease, waiter, reason, cause }: Command & { type: "refuse" },
): void {
  const wait = world.waits.find((waiting) => waiting.lease === lease);
  must(wait !== undefined, "a request is answered once");
  must(waiter === wait.waiter, "an answer comes with what asked");
  const isNew = event.type === "leaseRequested" && event.lease === lease;
  if (reason === "queueFull") {
    must(isNew && judge.excess() > judge.policy.queueLimit, "who has a place is not refused");
  }
  if (reason === "draining") {
    const isLate = isNew && judge.isOver();
    must(
      world.phase === "draining" || isLate,
      "a pool that serves its line refuses only newcomers",
    );
  }
  if (reason === "connectFailed") {
    must(cause === "why", "the refusal has the true cause");
    must(judge.isHopeless(wait.target), "who may hope is not refused");
  }
  if (reason === "deadlock") {
    must(judge.locked() === wait, "of a ring of waits the newest is refused, and of none nobody");
  }
  world.waits = world.waits.filter((waiting) => waiting !== wait);
}
