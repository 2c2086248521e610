/**
 * The targets in use, by the ids that the core knows them by.
 *
 * The targets of declared virtual connections stay. Another target stays while a request or a unit
 * uses it or the core knows it, so thousands of targets that come and go cost nothing.
 */

import type { AddressId, TargetId } from "../core/mod.ts";
import type { Target } from "../port/session.ts";

/** A target in use. */
export interface TargetEntry {
  /** Its id. */
  readonly id: TargetId;
  /** The id of its address. */
  readonly address: AddressId;
  /** The target. */
  readonly target: Target;
  /** Equal for equal targets. */
  readonly key: string;
  /** Equal for targets of one address. */
  readonly addressKey: string;
  /** How many requests, units and virtual connections use it. */
  uses: number;
  /** Whether the core knows it. */
  isKnown: boolean;
}

/** The keys of targets and of their addresses. */
export interface TargetKeys {
  /** Equal for targets that share their actual connections. */
  keyOf(target: Target): string;
  /** Equal for targets that one session can serve after a new login. */
  addressOf(target: Target): string;
}

interface AddressEntry {
  readonly id: AddressId;
  targets: number;
}

/** Gives targets their ids. */
export class Targets {
  readonly #keys: TargetKeys;
  readonly #byKey = new Map<string, TargetEntry>();
  readonly #byId = new Map<TargetId, TargetEntry>();
  readonly #addresses = new Map<string, AddressEntry>();
  #targetNext: TargetId = 0;
  #addressNext: AddressId = 0;

  /** Creates an empty set of targets. */
  constructor(keys: TargetKeys) {
    this.#keys = keys;
  }

  /** The number of targets. */
  get size(): number {
    return this.#byId.size;
  }

  /** Returns the entry of a target, and keeps it until {@linkcode leave} is called as often. */
  use(target: Target): TargetEntry {
    const key = this.#keys.keyOf(target);
    const entry = this.#byKey.get(key) ?? this.#add(target, key);
    entry.uses++;
    return entry;
  }

  /** Ends a use. */
  leave(entry: TargetEntry): void {
    entry.uses--;
    this.#sweep(entry);
  }

  /** Notes that the core knows a target; returns the target. */
  know(id: TargetId): Target {
    const entry = this.#byId.get(id);
    if (entry === undefined) throw new RangeError(`No target has the number ${id}`);
    entry.isKnown = true;
    return entry.target;
  }

  /**
   * Notes that the core has forgotten a target. The core may have learnt it anew meanwhile, from an
   * unblocked waiter; if that waiter has its answer, the entry is gone already.
   */
  forget(id: TargetId): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    entry.isKnown = false;
    this.#sweep(entry);
  }

  #add(target: Target, key: string): TargetEntry {
    const addressKey = this.#keys.addressOf(target);
    const address = this.#addresses.get(addressKey) ?? { id: this.#addressNext++, targets: 0 };
    address.targets++;
    this.#addresses.set(addressKey, address);
    const entry: TargetEntry = {
      id: this.#targetNext++,
      address: address.id,
      target,
      key,
      addressKey,
      uses: 0,
      isKnown: false,
    };
    this.#byKey.set(key, entry);
    this.#byId.set(entry.id, entry);
    return entry;
  }

  #sweep(entry: TargetEntry): void {
    if (entry.uses > 0 || entry.isKnown) return;
    this.#byKey.delete(entry.key);
    this.#byId.delete(entry.id);
    const address = this.#addresses.get(entry.addressKey);
    if (address !== undefined && --address.targets === 0) this.#addresses.delete(entry.addressKey);
  }
}
