/**
 * One step in the making: a private copy of the pool, and the orders so far.
 *
 * The copy is shallow and is written to until the step ends; what it shares with the
 * pool as it was is copied before it is written to. So a step copies each record at
 * most once, and whoever holds the pool as it was sees no change.
 */

import type { Command } from "./command.ts";
import type {
  AddressId,
  Instant,
  PoolState,
  Target,
  TargetId,
  Virtual,
  VirtualId,
} from "./state.ts";
import { entry, find, put } from "./table.ts";

/** A record that is still private to the step that makes it. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** Targets that are still private to the step: the last that was laid down, and the others. */
export interface Pile {
  /** The last. */
  readonly top: Draft<Target>;
  /** The others. */
  readonly below: Pile | undefined;
}

/** One step in the making. */
export interface Turn {
  /** When the event happened. */
  readonly now: Instant;
  /** The pool as it was. */
  readonly was: PoolState;
  /** The pool as it becomes. */
  readonly pool: Draft<PoolState>;
  /** The targets that were written to and have not been listed anew. */
  changed: Pile | undefined;
  /** The targets whose line may be served. */
  ready: Pile | undefined;
  /** The orders so far. */
  readonly commands: Command[];
}

/** What the pool knows of a target before it knows anything. */
const UNKNOWN: Omit<Target, "id" | "address"> = {
  line: undefined,
  blocked: 0,
  top: undefined,
  idle: undefined,
  arriving: 0,
  opening: 0,
  pace: 1,
  live: 0,
  minimum: 0,
  outage: undefined,
  wanting: undefined,
  probing: undefined,
  lacking: undefined,
  resting: undefined,
  claims: 0,
};

/** What it knows of a virtual connection that has not been used. */
const UNUSED: Virtual = { claims: 0, blocked: undefined, enclosing: 0, isAwake: false };

/** Begins a step. */
export function begin(was: PoolState, now: Instant): Turn {
  return { now, was, pool: { ...was }, changed: undefined, ready: undefined, commands: [] };
}

/** Adds an order. */
export function order(turn: Turn, command: Command): void {
  turn.commands.push(command);
}

/** Lets the pool know a target, if it does not. */
export function know(turn: Turn, id: TargetId, address: AddressId): void {
  const { pool, changed } = turn;
  if (find(pool.targets, id) !== undefined) return;
  const target = { ...UNKNOWN, id, address };
  pool.targets = put(pool.targets, id, target);
  turn.changed = { top: target, below: changed };
}

/** Returns a target, which the pool knows, to write to; it will be listed anew. */
export function editTarget(turn: Turn, id: TargetId): Draft<Target> {
  const { pool, was, changed } = turn;
  if (changed?.top.id === id) return changed.top;
  const { value: target, due } = entry(pool.targets, id)!;
  const isOwn = target !== find(was.targets, id);
  const top = isOwn ? target : { ...target };
  if (!isOwn) pool.targets = put(pool.targets, id, top, due);
  turn.changed = { top, below: changed };
  return top;
}

/** Returns a virtual connection to write to. */
export function editVirtual({ pool, was }: Turn, id: VirtualId): Draft<Virtual> {
  const virtual = find(pool.virtuals, id);
  if (virtual !== undefined && virtual !== find(was.virtuals, id)) return virtual;
  const draft = { ...(virtual ?? UNUSED) };
  pool.virtuals = put(pool.virtuals, id, draft);
  return draft;
}
