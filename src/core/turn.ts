/**
 * One step in the making: a private copy of the pool, and the orders so far.
 *
 * The copy is shallow and is written to until the step ends; what it shares with the
 * pool as it was is copied before it is written to. So a step copies each record at
 * most once, and whoever holds the pool as it was sees no change.
 */

import type { Command } from "./command.ts";
import {
  type Actual,
  type AddressId,
  type Instant,
  type PoolState,
  type Status,
  type Target,
  type TargetId,
  UNKNOWN_TARGET,
  type Virtual,
  type VirtualId,
} from "./state.ts";
import { entry, find, insert, remove, replace } from "./table.ts";

/** A record that is still private to the step that makes it. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** One step in the making. */
export interface Turn {
  /** When the event happened. */
  readonly now: Instant;
  /** The pool as it was. */
  readonly was: PoolState;
  /** The pool as it becomes. */
  readonly pool: Draft<PoolState>;
  /** The targets that were written to and have not been listed anew. */
  readonly changed: TargetId[];
  /** The targets whose line may be served. */
  readonly ready: TargetId[];
  /** The orders so far. */
  readonly commands: Command[];
}

/** Begins a step. */
export function begin(was: PoolState, now: Instant): Turn {
  const pool: Draft<PoolState> = {
    policy: was.policy,
    phase: was.phase,
    targets: was.targets,
    wanting: was.wanting,
    probing: was.probing,
    lacking: was.lacking,
    resting: was.resting,
    claims: was.claims,
    virtuals: was.virtuals,
    actuals: was.actuals,
    leased: was.leased,
    closing: was.closing,
    connecting: was.connecting,
    inLine: was.inLine,
    blocked: was.blocked,
    enclosed: was.enclosed,
    enclosing: was.enclosing,
    congestion: was.congestion,
    suspicions: was.suspicions,
    retiredBelow: was.retiredBelow,
    agesFrom: was.agesFrom,
    actualNext: was.actualNext,
    rankNext: was.rankNext,
  };
  return { now, was, pool, changed: [], ready: [], commands: [] };
}

/** Adds an order. */
export function order(turn: Turn, command: Command): void {
  turn.commands.push(command);
}

/** Lets the pool know a target, if it does not. */
export function know({ pool, changed }: Turn, id: TargetId, address: AddressId): void {
  if (entry(pool.targets, id) !== undefined) return;
  pool.targets = insert(pool.targets, id, { ...UNKNOWN_TARGET, id, address }, Infinity);
  changed.push(id);
}

/** Returns a target, which the pool knows, to write to; it will be listed anew. */
export function editTarget(turn: Turn, id: TargetId): Draft<Target> {
  if (turn.changed.at(-1) !== id) turn.changed.push(id);
  return ownTarget(turn, id);
}

/** Returns a target, which the pool knows, as a copy that is private to this step. */
export function ownTarget({ pool, was }: Turn, id: TargetId): Draft<Target> {
  const { value: target, due } = entry(pool.targets, id)!;
  if (target !== find(was.targets, id)) return target;
  const draft: Draft<Target> = {
    id: target.id,
    address: target.address,
    line: target.line,
    blocked: target.blocked,
    top: target.top,
    idle: target.idle,
    arriving: target.arriving,
    opening: target.opening,
    pace: target.pace,
    live: target.live,
    minimum: target.minimum,
    outage: target.outage,
    claims: target.claims,
    wantingKey: target.wantingKey,
    probingKey: target.probingKey,
    restingKey: target.restingKey,
    lackingKey: target.lackingKey,
  };
  pool.targets = replace(pool.targets, id, draft, due);
  return draft;
}

/** Returns a virtual connection to write to. */
export function editVirtual({ pool, was }: Turn, id: VirtualId): Draft<Virtual> {
  const virtual = find(pool.virtuals, id);
  if (virtual === undefined) {
    const draft: Draft<Virtual> = { claims: 0, blocked: undefined, enclosing: 0, isAwake: false };
    pool.virtuals = insert(pool.virtuals, id, draft, Infinity);
    return draft;
  }
  if (virtual !== find(was.virtuals, id)) return virtual;
  const { claims, blocked, enclosing, isAwake } = virtual;
  const draft: Draft<Virtual> = { claims, blocked, enclosing, isAwake };
  pool.virtuals = replace(pool.virtuals, id, draft, Infinity);
  return draft;
}

/** Returns a copy of an actual connection to write to, at another status; it is {@linkcode put}. */
export function editActual(actual: Actual, status: Status): Draft<Actual> {
  return {
    id: actual.id,
    target: actual.target,
    status,
    suspicions: actual.suspicions,
    servesSince: actual.servesSince,
    agesAt: actual.agesAt,
    restedAt: actual.restedAt,
    rank: actual.rank,
    lease: actual.lease,
    virtual: actual.virtual,
  };
}

/** Lets the pool know an actual connection as it now is. */
export function put({ pool }: Turn, actual: Actual): void {
  const due = actual.status === "idle" ? actual.agesAt : Infinity;
  pool.actuals = replace(pool.actuals, actual.id, actual, due);
}

/** Lets the pool know a new actual connection. */
export function add({ pool }: Turn, actual: Actual): void {
  pool.actuals = insert(pool.actuals, actual.id, actual, Infinity);
}

/** Lets the pool know nothing more of an actual connection. */
export function drop({ pool }: Turn, { id }: Actual): void {
  pool.actuals = remove(pool.actuals, id);
}
