/** The promises that must hold in every state, whichever events led to it. */

import type { Event } from "../../src/core/mod.ts";
import { all } from "../../src/core/fifo.ts";
import { entries } from "../../src/core/table.ts";
import { Judge, must } from "./judge.ts";
import { type Place, STATUSES, toldActuals } from "./world.ts";

/** Checks the promises that must hold after a step. */
export function check(place: Place, event: Event): void {
  const judge = new Judge(place);
  const { world } = place;
  checkTold(place, judge);
  checkSockets(place, judge, event);
  if (judge.isServing()) checkServed(judge);
  must(judge.locked() === undefined, "no ring of waits is left");
  if (world.phase === "draining") {
    must(world.waits.length === 0, "a pool that drains refuses all waiters");
  }
  must(
    !judge.isUnwanted() || judge.count("connecting") === 0,
    "a pool that ends opens nothing for nobody",
  );
  if (judge.isEnding()) {
    must(world.conns.length + world.waits.length > 0, "a pool that has ended says so");
  }
  if (event.type !== "leaseRequested") return;
  const isIn = [...world.waits, ...world.held].some(({ lease }) => lease === event.lease);
  const { phase } = place.parent!.world;
  must(!isIn || phase === "open" || phase === "paused", "a pool that ends lets nobody in");
  const isWaiting = world.waits.some(({ lease }) => lease === event.lease);
  must(
    !isWaiting || judge.excess() <= judge.policy.queueLimit,
    "the line is no longer than it may be",
  );
}

/** Checks that what the pool knows of itself is true. */
function checkTold({ pool, world, now }: Place, judge: Judge): void {
  const told = toldActuals(pool).map(({ id, status, target }) => `${id} ${status} ${target}`);
  const seen = world.conns.map(({ id, status, target }) => `${id} ${status} ${target}`);
  must(told.join() === seen.join(), "the pool knows its actual connections");
  must(pool.phase === world.phase, "the pool knows its phase");
  must(
    (pool.congestion?.ceiling ?? Infinity) === (world.full?.ceiling ?? Infinity),
    "the pool knows its ceiling",
  );
  for (const status of STATUSES) {
    must(pool[status] === judge.count(status), "the pool counts right");
  }
  must(pool.waiting === world.waits.length, "the pool counts its waiters");
  must(
    pool.blocked === world.waits.length - judge.eligible().length,
    "the pool counts the waiters that limits block",
  );
  for (const { value: target } of entries(pool.targets)) {
    const line = all(target.queue).map(({ lease }) => lease);
    must(
      line.join() === judge.line(target.id).map(({ lease }) => lease).join(),
      "the line is in order",
    );
    const down = world.down[target.id];
    const isRemembered = !judge.isOver() && down !== undefined &&
      now < down.until + judge.policy.backoffMax;
    const isAwaited = world.waits.some((wait) => wait.target === target.id);
    const isAlive = isAwaited || judge.live(target.id) > 0 ||
      (!judge.isOver() && judge.minimum(target.id) > 0);
    must(isAlive || isRemembered, "a target that nobody needs is forgotten");
  }
}

function checkSockets({ pool, world, now }: Place, judge: Judge, event: Event): void {
  const { policy } = judge;
  for (const conn of world.conns) {
    const { status, target } = conn;
    const actual = toldActuals(pool).find(({ id }) => id === conn.id)!;
    if (status !== "connecting" && status !== "closing") {
      must(
        actual.suspicions < pool.suspicions === conn.isSuspect,
        "suspect are all that were there, and no others",
      );
    }
    if (status !== "idle") continue;
    must(!conn.isDirty && !conn.isFailed && !conn.isLost, "what is not sound does not rest");
    must(!conn.isRetired, "who was asked to go does not stay idle");
    must(!judge.isAged(conn), "what is too old does not stay idle");
    must(!judge.isEnding(), "a pool that ends keeps none idle");
    const isComing = "actual" in event && event.actual === conn.id;
    must(!isComing || !conn.isSuspect, "a suspect is checked before it rests");
    if (judge.idle(target)[0] === conn && judge.live(target) > judge.minimum(target)) {
      const restedMs = now - conn.restedAt;
      must(restedMs < policy.idleTimeout, "what idles too long is retired");
      must(restedMs < judge.idleTimeout(), "no more idle than may, except for a moment");
    }
  }
  policy.virtuals.forEach(({ limit }, id) => {
    const count = world.held.filter(({ virtual }) => virtual === id).length;
    must(count <= limit, "a virtual connection has no more leases than its limit");
  });
  for (const target of judge.targets) {
    if (world.phase !== "open" || judge.live(target) >= judge.minimum(target)) continue;
    const down = world.down[target];
    const isTime = judge.openable(target) > 0 && (down === undefined || now >= down.until);
    must(!judge.hasRoom() || !isTime, "a minimum is kept warm");
  }
}

function checkServed(judge: Judge): void {
  for (const target of judge.targets) {
    const isWaiting = judge.line(target).length > 0;
    must(
      !isWaiting || !judge.idle(target).some((conn) => judge.isFresh(conn)),
      "nobody waits while one rests",
    );
    must(!judge.couldBring(target), "nobody waits in vain");
    const isStuck = judge.uncovered(target) !== undefined && judge.idle(target).length > 0;
    must(!isStuck, "nobody waits while one could be checked");
    must(!isWaiting || !judge.isHopeless(target), "a target that is down fails fast");
  }
}
