/**
 * The targets in use, each with the id by which the core knows it.
 *
 * The targets of the declared virtual connections come first and stay. Any other target is kept
 * while a request or a unit uses it or the core still knows it, so thousands of targets that come
 * and go cost nothing.
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
  /** Equal for targets that share their actual connections. */
  readonly key: string;
  /** Equal for targets between which a session can be changed. */
  readonly addressKey: string;
  /** How many requests, units and virtual connections use it. */
  uses: number;
  /** Whether the core knows it. */
  isKnown: boolean;
}

/** Computes the keys by which targets, and their addresses, are compared. */
export interface TargetKeys {
  /** Equal for targets that share their actual connections. */
  keyOf(target: Target): string;
  /** Equal for targets between which a session can be changed. */
  addressOf(target: Target): string;
}

interface AddressEntry {
  readonly id: AddressId;
  targets: number;
}

/** Gives ids to the targets in use. */
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

  /** The number of targets in use. */
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

  /** Ends one {@linkcode use}. */
  leave(entry: TargetEntry): void {
    entry.uses--;
    this.#sweep(entry);
  }

  /** Notes that the core knows a target; returns it. */
  know(id: TargetId): Target {
    const entry = this.#byId.get(id);
    if (entry === undefined) throw new RangeError(`No target has the number ${id}`);
    entry.isKnown = true;
    return entry.target;
  }

  /**
   * Notes that the core has forgotten a target. The core may have added the target again, without a
   * command, for a waiter that was no longer blocked; once the pool has answered that waiter, the
   * entry is already gone.
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
