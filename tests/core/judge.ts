/**
 * What the promises say of a world: the questions that every verdict asks.
 *
 * They are answered from what the outside saw, never from the state of the core.
 */

import type { Policy, Status } from "../../src/core/mod.ts";
import type { Configuration } from "./configurations.ts";
import { ARRIVING, type Conn, type Place, type Wait, type World } from "./world.ts";

/** A promise that was not kept. */
export class Breach extends Error {}

export function must(isKept: boolean, promise: string): asserts isKept {
  if (!isKept) throw new Breach(promise);
}

/** How far beyond its age one may be lent, as a part of the age limit. */
const SLACK = 0.1;

export class Judge {
  readonly policy: Policy;
  readonly configuration: Configuration;
  readonly world: World;
  readonly now: number;
  /** All targets. */
  readonly targets: readonly number[];

  constructor({ configuration, world, now }: Place) {
    this.configuration = configuration;
    this.policy = configuration.policy;
    this.world = world;
    this.now = now;
    this.targets = configuration.targets.map((_, target) => target);
  }

  isServing(): boolean {
    return this.world.phase === "open" || this.world.phase === "serving";
  }

  isEnding(): boolean {
    return this.world.phase === "serving" || this.world.phase === "draining";
  }

  isOver(): boolean {
    return this.isEnding() || this.world.phase === "closed";
  }

  /** Whether nobody waits any more, and nobody will. */
  isUnwanted(): boolean {
    return this.isEnding() && this.world.waits.length === 0;
  }

  count(...statuses: Status[]): number {
    return this.world.conns.filter(({ status }) => statuses.includes(status)).length;
  }

  countOf(target: number, ...statuses: Status[]): number {
    return this.world.conns.filter((conn) =>
      conn.target === target && statuses.includes(conn.status)
    ).length;
  }

  arriving(target: number): number {
    return this.countOf(target, ...ARRIVING);
  }

  opening(target: number): number {
    return this.countOf(target, "connecting", "retargeting");
  }

  live(target: number): number {
    return this.world.conns.filter((conn) => conn.target === target && conn.status !== "closing")
      .length;
  }

  minimum(target: number): number {
    let sum = 0;
    this.policy.virtuals.forEach((virtual, id) => {
      if (virtual.target === target && this.world.awake[id]) sum += virtual.minimum;
    });
    return sum;
  }

  /** Who waits and may have a lease now, as far as the limits of virtual connections go. */
  eligible(): readonly Wait[] {
    const { held, waits } = this.world;
    const places = this.policy.virtuals.map(({ limit }, id) =>
      limit - held.filter(({ virtual }) => virtual === id).length
    );
    return waits.filter(({ virtual }) => places[virtual]!-- > 0);
  }

  line(target: number): readonly Wait[] {
    return this.eligible().filter((wait) => wait.target === target);
  }

  /** Who has waited longest for a target of those for whom none arrives. */
  uncovered(target: number): Wait | undefined {
    return this.line(target)[this.arriving(target)];
  }

  openable(target: number): number {
    const pace = this.world.down[target] === undefined ? this.world.pace[target]! : 1;
    return Math.max(0, pace - this.opening(target));
  }

  /** The waiter for whom a target may be brought one more now, were there room. */
  claimant(target: number): Wait | undefined {
    const down = this.world.down[target];
    if (!this.isServing() || this.openable(target) === 0) return undefined;
    if (this.idle(target).length > 0) return undefined;
    return down !== undefined && this.now < down.until ? undefined : this.uncovered(target);
  }

  hasRoom(): boolean {
    const { conns, full } = this.world;
    if (conns.length >= this.policy.connectionLimit) return false;
    if (full === undefined || conns.length < full.ceiling) return true;
    return this.now >= full.until && this.count("connecting") === 0;
  }

  /** Whether what closes already will not be room enough for a target and all who claim room. */
  needsRoom(target: number): boolean {
    let claims = this.world.down[target] === undefined ? 0 : 1;
    for (const other of this.targets) {
      if (this.world.down[other] !== undefined || this.idle(other).length > 0) continue;
      const uncovered = Math.max(0, this.line(other).length - this.arriving(other));
      claims += Math.min(this.openable(other), uncovered);
    }
    return claims > this.count("closing");
  }

  couldBring(target: number): boolean {
    if (this.claimant(target) === undefined) return false;
    return this.hasRoom() || (this.longestIdle() !== undefined && this.needsRoom(target));
  }

  /** Whether no other target that could be brought one has a waiter who has waited longer. */
  isFirst(target: number): boolean {
    const lease = this.claimant(target)?.lease ?? Infinity;
    return this.targets.every((other) =>
      other === target || !this.couldBring(other) || this.claimant(other)!.lease > lease
    );
  }

  resting(): readonly Conn[] {
    return this.world.conns.filter(({ status }) => status === "idle")
      .sort((a, b) => a.turn - b.turn);
  }

  idle(target: number): readonly Conn[] {
    return this.resting().filter((conn) => conn.target === target);
  }

  longestIdle(): Conn | undefined {
    return this.resting()[0];
  }

  /** How long one may idle now that so many do. */
  idleTimeout(): number {
    const { idleTimeout, idleCutMs, maxIdle } = this.policy;
    return this.count("idle") > maxIdle ? idleTimeout - idleCutMs : idleTimeout;
  }

  isTenured(conn: Conn): boolean {
    return this.now - conn.servesSince >= this.policy.handoverMs;
  }

  isAged(conn: Conn): boolean {
    const lastAt = conn.agesAt + this.policy.maxLifetime * SLACK;
    return this.now >= conn.agesAt && (this.now >= this.world.agesFrom || this.now >= lastAt);
  }

  isSound(conn: Conn): boolean {
    return !conn.isDirty && !conn.isFailed && !conn.isLost && !conn.isRetired && !this.isAged(conn);
  }

  isFresh(conn: Conn): boolean {
    const rested = this.now - conn.restedAt;
    return this.isSound(conn) && !conn.isSuspect && rested <= this.policy.validateAfter;
  }

  /** Whether those who wait for a target hear that it is down. */
  isHopeless(target: number): boolean {
    const down = this.world.down[target];
    return down !== undefined && this.now < down.until && this.live(target) === 0;
  }

  /** How many wait beyond those for whom there is a place. */
  excess(): number {
    const { full, conns, waits, held } = this.world;
    const { connectionLimit } = this.policy;
    const borne = full === undefined ? connectionLimit : Math.max(full.ceiling, conns.length);
    const standing = this.eligible().length;
    return Math.max(0, standing - (borne - held.length)) + waits.length - standing;
  }

  /** The newest waiter that only leases could answer which wait for one another. */
  locked(): Wait | undefined {
    const { held, waits } = this.world;
    const isEnclosing = (wait: Wait, lease: number) =>
      wait.enclosing.some((outer) => outer.lease === lease);
    let ring = held;
    for (;;) {
      const isLocked = (wait: Wait) =>
        ring.length >= this.policy.connectionLimit ||
        ring.filter(({ virtual }) => virtual === wait.virtual).length >=
          this.policy.virtuals[wait.virtual]!.limit;
      const rest = ring.filter(({ lease }) =>
        waits.some((wait) => isEnclosing(wait, lease) && isLocked(wait))
      );
      if (rest.length === ring.length) {
        return waits.findLast((wait) =>
          isLocked(wait) && ring.some(({ lease }) => isEnclosing(wait, lease))
        );
      }
      ring = rest;
    }
  }
}
