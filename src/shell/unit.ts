/**
 * Units of work, and how code finds the one it belongs to.
 *
 * A frame says to which unit, and to which transaction, the code below it belongs; frames
 * follow the code through every `await` by AsyncLocalStorage. A unit has at most one lease
 * through each virtual connection, so whatever it calls finds the same one.
 */

import type { AsyncLocalStorage } from "node:async_hooks";
import type { Holding, VirtualId } from "../core/mod.ts";
import type { Cancellation } from "../port.ts";
import { SubletError } from "./errors.ts";
import { Held } from "./held.ts";
import type { Ending, Home, Parts, Realm } from "./parts.ts";
import type { Scope } from "./scope.ts";
import type { TargetEntry } from "./targets.ts";

/** What code belongs to. */
export interface Frame<Target, Driver> {
  /** The unit. */
  readonly unit: Unit<Target, Driver>;
  /** The frame of the code around it. */
  readonly parent: Frame<Target, Driver> | undefined;
  /** The transaction that this frame adds. */
  readonly scope: Scope<Target, Driver> | undefined;
  /** What ends the waits and statements of the code. */
  readonly signal: Cancellation | undefined;
}

/** How code finds its frame. */
export type Frames<Target, Driver> = AsyncLocalStorage<Frame<Target, Driver> | undefined>;

/** What a host gives with a request, to have work done after the answer: `ctx` of Workers. */
export interface Host {
  /** Has the host wait for a promise before it ends what runs for the request. */
  waitUntil(promise: Promise<unknown>): void;
}

/** The span of code that leases are tagged with. */
export class Unit<Target, Driver> {
  /** What it works with. */
  readonly parts: Parts<Target, Driver>;
  readonly #realm: Realm | undefined;
  readonly #host: Host | undefined;
  readonly #around: Unit<Target, Driver> | undefined;
  readonly #helds = new Map<VirtualId, Held<Target, Driver>>();
  /** The units of leases that code of this one has taken as their own. */
  #aside: Set<Unit<Target, Driver>> | undefined;
  /** The virtual connections on which it has left what might have been asked for. */
  #left: Set<VirtualId> | undefined;
  #targets: Map<VirtualId, TargetEntry<Target>> | undefined;
  #isEnded = false;

  /**
   * Begins a unit; one that is not within another comes too late when the pool is ending. That of
   * a lease of its own stands beside the unit `around`, whose targets it has.
   */
  constructor(
    parts: Parts<Target, Driver>,
    isWithin: boolean,
    host?: Host,
    around?: Unit<Target, Driver>,
  ) {
    if (!isWithin) parts.admission.check();
    parts.admission.enter();
    this.parts = parts;
    this.#realm = isWithin ? undefined : parts.realm;
    this.#realm?.begin();
    this.#host = host;
    this.#around = around;
    if (around !== undefined) (around.#aside ??= new Set()).add(this);
  }

  /** Whether it has ended. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Throws if it has ended. */
  check(): void {
    if (this.#isEnded) throw unitEnded();
  }

  /** Gives a virtual connection another target in this unit. */
  bind({ id, target }: Home<Target>, overlay: object): void {
    const { targets, retargetOf } = this.parts;
    this.#targets ??= new Map();
    this.#targets.set(id, targets.use(retargetOf(target.target, overlay)));
  }

  /** Returns the target of a virtual connection in this unit. */
  targetOf(home: Home<Target>): TargetEntry<Target> {
    return this.#targets?.get(home.id) ?? this.#around?.targetOf(home) ?? home.target;
  }

  /** Returns the lease through a virtual connection, which may have to be requested yet. */
  hold(home: Home<Target>): Held<Target, Driver> {
    this.check();
    const held = this.#helds.get(home.id);
    if (held !== undefined) return held;
    const created = new Held(this.parts, this, home);
    this.#helds.set(home.id, created);
    return created;
  }

  /** Returns the lease through a virtual connection in which its code has begun a transaction. */
  heldInTransaction(home: Home<Target>): Held<Target, Driver> | undefined {
    const helds = [this, ...this.#aside ?? []].map((unit) => unit.#helds.get(home.id));
    return helds.findLast((held) => held?.isInTransaction);
  }

  /** Forgets a lease that has ended. */
  drop(held: Held<Target, Driver>): void {
    if (this.#helds.get(held.home.id) === held) this.#helds.delete(held.home.id);
  }

  /** Notes that a connection with something to ask for has been left. */
  leave({ id }: Home<Target>): void {
    (this.#left ??= new Set()).add(id);
  }

  /** Tells whether such a connection has been left. */
  hasLeft({ id }: Home<Target>): boolean {
    return this.#left?.has(id) ?? false;
  }

  /** Lets go of what is only kept for what may be asked. */
  yield(): void {
    for (const held of [...this.#helds.values()]) held.yield();
  }

  /** Returns what it holds to its end, but for one virtual connection. */
  lastingBut(home: Home<Target> | undefined): readonly Holding[] {
    if (this.#isEnded || this.#helds.size === 0) return NONE;
    const found: Holding[] = [];
    for (const held of this.#helds.values()) {
      const { lasting } = held;
      if (lasting !== undefined && held.home.id !== home?.id) found.push(lasting);
    }
    return found;
  }

  /**
   * Ends it: its leases are released, and what comes later is turned away. Returns how its
   * connections end, if they do so with it.
   */
  end(): Ending | undefined {
    if (this.#isEnded) return undefined;
    this.#isEnded = true;
    if (this.#around !== undefined) this.#around.#aside?.delete(this);
    for (const held of [...this.#helds.values()]) held.end();
    const { targets, admission } = this.parts;
    for (const target of this.#targets?.values() ?? []) targets.leave(target);
    const ending = this.#realm?.end(this.#host);
    if (ending === undefined) admission.leave(this);
    else ending.closed.then(() => admission.leave(this));
    return ending;
  }
}

/** Ends a unit, and waits until its connections have closed if nobody else sees to that. */
export async function endFully<Target, Driver>(unit: Unit<Target, Driver>): Promise<void> {
  const ending = unit.end();
  if (ending?.isAwaited === false) await ending.closed;
}

/** Returns the innermost transaction, ended or not, that code is in on a virtual connection. */
export function scopeOf<Target, Driver>(
  frame: Frame<Target, Driver> | undefined,
  home: Home<Target>,
): Scope<Target, Driver> | undefined {
  const unit = frame?.unit;
  for (let at = frame; at !== undefined && at.unit === unit; at = at.parent) {
    if (at.scope?.held.home.id === home.id) return at.scope;
  }
  return undefined;
}

/**
 * Returns the leases that cannot end before a request of this code is answered: those of the
 * transactions that it is in, and those that its unit, and the units around it, hold to their
 * ends.
 */
export function enclosingOf<Target, Driver>(
  frame: Frame<Target, Driver> | undefined,
  unit: Unit<Target, Driver>,
  home: Home<Target>,
): readonly Holding[] {
  const found: Holding[] = [];
  for (let at = frame; at !== undefined; at = at.parent) {
    const inTransaction = at.scope?.status === "open" ? at.scope.held.holding : undefined;
    if (inTransaction !== undefined) found.push(inTransaction);
    if (at.unit === at.parent?.unit) continue;
    found.push(...at.unit.lastingBut(at.unit === unit ? home : undefined));
  }
  if (found.length < 2) return found;
  return [...new Map(found.map((holding) => [holding.lease, holding])).values()];
}

/** Has the units around code let go of what they only keep for what may be asked. */
export function yieldAround<Target, Driver>(frame: Frame<Target, Driver> | undefined): void {
  for (let at = frame; at !== undefined; at = at.parent) at.unit.yield();
}

const NONE: readonly Holding[] = [];

/** Returns the error of what comes too late for its unit. */
export function unitEnded(): SubletError {
  return new SubletError("UNIT_ENDED", "unit", "The unit of work has ended");
}
