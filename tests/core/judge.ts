/**
 * The questions about a world by which the promises are checked.
 *
 * A judge answers them from what the outside has seen, never from the state of the core.
 */

import type { Policy, Status } from "../../src/core/mod.ts";
import type { Configuration } from "./configurations.ts";
import { ARRIVING, type Conn, type Place, type Wait, type World } from "./world.ts";

/** A broken promise. */
export class Breach extends Error {}

export function must(isKept: boolean, promise: string): asserts isKept {
  if (!isKept) throw new Breach(promise);
}

/** How far over its age a connection may be lent, as a part of the maximum age. */
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

  /** Whether no request waits any more, and none will. */
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

  /** The waiters that the limits of virtual connections do not block. */
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

  /** The oldest waiter for a target for which no connection is on its way. */
  uncovered(target: number): Wait | undefined {
    return this.line(target)[this.arriving(target)];
  }

  openable(target: number): number {
    const pace = this.world.down[target] === undefined ? this.world.pace[target]! : 1;
    return Math.max(0, pace - this.opening(target));
  }

  /** The waiter for which a target may get one more connection now, if there is room. */
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

  /** Whether the closing connections make too little room for a target and all other claims. */
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

  /** Whether no other target that could get a connection has an older claimant. */
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

  /** How long a connection may be idle, while as many are idle as now. */
  idleTimeout(): number {
    const { idleTimeout, idleCut, maxIdle } = this.policy;
    return this.count("idle") > maxIdle ? idleTimeout - idleCut : idleTimeout;
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

  /** Whether the pool refuses the waiters for a target because it is down. */
  isHopeless(target: number): boolean {
    const down = this.world.down[target];
    return down !== undefined && this.now < down.until && this.live(target) === 0;
  }

  /** How many requests wait beyond the free places. */
  excess(): number {
    const { full, conns, waits, held } = this.world;
    const { connectionLimit } = this.policy;
    const borne = full === undefined ? connectionLimit : Math.max(full.ceiling, conns.length);
    const standing = this.eligible().length;
    return Math.max(0, standing - (borne - held.length)) + waits.length - standing;
  }

  /** The newest waiter that only leases that lock one another could serve. */
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
