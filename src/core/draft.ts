/**
 * The draft of a step: a private copy of the pool, and the commands so far.
 *
 * The copy is shallow, and the step writes to it until it ends. The step copies a record that
 * the draft shares with the old pool before it writes to the record. So the old pool never
 * changes, and a step copies each target and each virtual connection at most once.
 *
 * Copies that every step makes list their fields one by one, as an engine takes half as
 * long for that as for a spread.
 */

import type { Command } from "./messages.ts";
import type {
  Actual,
  AddressId,
  Instant,
  PoolState,
  Target,
  TargetId,
  Virtual,
  VirtualId,
} from "./state.ts";
import { find, put } from "./table.ts";

/** A record that only the present step has, and may write to. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A stack of targets that the step may write to. */
export interface TargetStack {
  /** The target that was added last. */
  readonly top: Writable<Target>;
  /** The others. */
  readonly below: TargetStack | undefined;
}

/** The draft of a step. */
export interface Draft {
  /** When the event happened. */
  readonly now: Instant;
  /** The pool as it was. */
  readonly was: PoolState;
  /** The pool as it becomes. */
  readonly pool: Writable<PoolState>;
  /** The targets that the step has written to and not listed anew yet. */
  changed: TargetStack | undefined;
  /** The targets whose queues the step may serve. */
  ready: TargetStack | undefined;
  /** The actual connection that the step wrote last, while the pool's table has its old version. */
  unsaved: Actual | undefined;
  /** The commands so far. */
  commands: Command[];
}

/** A target that the pool has just added. */
const UNKNOWN: Target = {
  id: -1,
  address: -1,
  queue: undefined,
  blocked: 0,
  newest: undefined,
  idle: undefined,
  arriving: 0,
  opening: 0,
  openRate: 1,
  live: 0,
  minimum: 0,
  outage: undefined,
  needed: undefined,
  probing: undefined,
  belowMinimum: undefined,
  resting: undefined,
  wanted: 0,
  forgetAt: undefined,
};

/** A virtual connection that has not been used. */
const UNUSED: Virtual = { slots: 0, blocked: undefined, enclosing: 0, isActive: false };

/** The commands of a step that has none so far; shared, so never written to. */
const NOTHING: Command[] = [];

/** Begins a step. */
export function begin(was: PoolState, now: Instant): Draft {
  return {
    now,
    was,
    pool: copyPool(was),
    changed: undefined,
    ready: undefined,
    unsaved: undefined,
    commands: NOTHING,
  };
}

/** Adds a command. */
export function emit(draft: Draft, command: Command): void {
  if (draft.commands === NOTHING) draft.commands = [command];
  else draft.commands.push(command);
}

/** Writes an actual connection of the pool; to its table later, as many steps write one twice. */
export function writeActual(draft: Draft, actual: Actual): void {
  if (draft.unsaved?.id !== actual.id) saveActual(draft);
  draft.unsaved = actual;
}

/** Puts the actual connection that was written last into the pool's table. */
export function saveActual(draft: Draft): void {
  const { pool, unsaved: actual } = draft;
  if (actual === undefined) return;
  const due = actual.status === "idle" ? actual.agesAt : undefined;
  pool.actuals = put(pool.actuals, actual.id, actual, due);
  draft.unsaved = undefined;
}

/** Adds a target to the pool, unless the pool has it. */
export function addTarget(draft: Draft, id: TargetId, address: AddressId): void {
  const { pool, changed } = draft;
  if (find(pool.targets, id) !== undefined) return;
  const target = copyTarget(UNKNOWN);
  target.id = id;
  target.address = address;
  pool.targets = put(pool.targets, id, target);
  draft.changed = { top: target, below: changed };
}

/** Returns a target of the pool to write to; the step will list it anew. */
export function editTarget(draft: Draft, id: TargetId): Writable<Target> {
  const { pool, was, changed } = draft;
  if (changed?.top.id === id) return changed.top;
  const target = find(pool.targets, id)!;
  const isOwn = pool.targets !== was.targets && target !== find(was.targets, id);
  const top = isOwn ? target : copyTarget(target);
  if (!isOwn) pool.targets = put(pool.targets, id, top, target.forgetAt);
  draft.changed = { top, below: changed };
  return top;
}

/** Returns a virtual connection to write to. */
export function editVirtual({ pool, was }: Draft, id: VirtualId): Writable<Virtual> {
  const virtual = find(pool.virtuals, id);
  if (virtual !== undefined && virtual !== find(was.virtuals, id)) return virtual;
  const draft = { ...(virtual ?? UNUSED) };
  pool.virtuals = put(pool.virtuals, id, draft);
  return draft;
}

/** Returns a copy of a pool to write to. */
function copyPool(was: PoolState): Writable<PoolState> {
  return {
    policy: was.policy,
    phase: was.phase,
    targets: was.targets,
    needed: was.needed,
    probing: was.probing,
    belowMinimum: was.belowMinimum,
    resting: was.resting,
    wanted: was.wanted,
    virtuals: was.virtuals,
    actuals: was.actuals,
    idle: was.idle,
    leased: was.leased,
    connecting: was.connecting,
    checking: was.checking,
    resetting: was.resetting,
    retargeting: was.retargeting,
    closing: was.closing,
    waiting: was.waiting,
    blocked: was.blocked,
    enclosed: was.enclosed,
    enclosing: was.enclosing,
    congestion: was.congestion,
    suspicions: was.suspicions,
    retiredBelow: was.retiredBelow,
    agesFrom: was.agesFrom,
    actualNext: was.actualNext,
    idleOrderNext: was.idleOrderNext,
  };
}

/** Returns a copy of a target to write to. */
function copyTarget(was: Target): Writable<Target> {
  return {
    id: was.id,
    address: was.address,
    queue: was.queue,
    blocked: was.blocked,
    newest: was.newest,
    idle: was.idle,
    arriving: was.arriving,
    opening: was.opening,
    openRate: was.openRate,
    live: was.live,
    minimum: was.minimum,
    outage: was.outage,
    needed: was.needed,
    probing: was.probing,
    belowMinimum: was.belowMinimum,
    resting: was.resting,
    wanted: was.wanted,
    forgetAt: was.forgetAt,
  };
}
