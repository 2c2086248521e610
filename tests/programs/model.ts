/**
 * The expected outcome of a program's deeds by the pool's rules, independent of the pool's code.
 *
 * Code belongs to the innermost unit around it, and, for a virtual connection, to the innermost
 * transaction around it in that unit. Code beside a transaction is not part of the transaction.
 */

import type { Deed, History } from "./history.ts";

/** The number of rows that a write may have left: from `min` to `max`. */
export interface Fate {
  readonly min: 0 | 1;
  readonly max: 0 | 1;
}

/** Errors of a connection that has ended: the server may have executed the running statement. */
const losses: ReadonlySet<number> = new Set([1053, 1080, 1152, 1158, 1159, 1160, 1161, 1927]);
const interrupted = 1317;

/** Codes with which the pool refuses a statement before it sends the statement. */
const refusals: ReadonlySet<string> = new Set([
  "CONNECTION_LEFT",
  "CONNECT_FAILED",
  "LEASE_DEADLOCK",
  "LEASE_ENDED",
  "LEASE_FOREIGN",
  "LEASE_TIMEOUT",
  "QUEUE_FULL",
  "POOL_DRAINING",
  "QUEUE_FULL",
  "UNIT_ENDED",
]);

/** Derives units, transactions and fates from a history. */
export class Model {
  readonly history: History;

  constructor(history: History) {
    this.history = history;
  }

  /** Returns the deeds around a deed, the innermost first. */
  *around(deed: Deed): Iterable<Deed> {
    for (let at = this.#parentOf(deed); at !== undefined; at = this.#parentOf(at)) yield at;
  }

  /**
   * Returns the deed that is the unit of a deed: the innermost attempt; or, outside of any attempt,
   * the outermost transaction around the deed or the deed itself; or a separate lease.
   */
  unitOf(deed: Deed): Deed {
    if (this.#isSeparateLease(deed) || deed.kind === "attempt" || deed.kind === "unit") return deed;
    let unit = deed;
    for (const at of this.around(deed)) {
      if (at.kind === "attempt") return at;
      if (at.kind === "lease" && at.on === deed.on && deed.isThrough) {
        if (this.#isSeparateLease(at)) return at;
        return this.unitOf(at);
      }
      if (at.kind === "transaction") unit = at;
    }
    return unit;
  }

  /** Returns the innermost attempt around a deed, if there is one. */
  attemptOf(deed: Deed): Deed | undefined {
    for (const at of this.around(deed)) if (at.kind === "attempt") return at;
    return undefined;
  }

  /** Returns the transactions that a deed is part of on its virtual connection, innermost first. */
  transactionsOf(deed: Deed): Deed[] {
    const found: Deed[] = [];
    for (const at of this.#contextOf(deed)) {
      if (at.kind === "attempt") break;
      // A statement through the lease after the COMMIT is in no transaction.
      const isIn = deed.asked < (at.returned ?? Infinity);
      if (at.kind === "hand" && deed.isThrough && isIn) found.push(at);
      if (at.kind === "lease" && deed.isThrough) {
        return this.#isSeparateLease(at) ? found : [...found, ...this.transactionsOf(at)];
      }
      if (at.kind === "transaction" && at.on === deed.on) found.push(at);
    }
    return found;
  }

  /** Returns the outermost transaction of a deed. */
  topOf(deed: Deed): Deed | undefined {
    return this.transactionsOf(deed).at(-1);
  }

  /** Returns the next attempt of the same unit, if the pool repeated the unit. */
  nextAttempt(attempt: Deed): Deed | undefined {
    return this.history.find(({ kind, parent, id }) =>
      kind === "attempt" && parent === attempt.parent && id > attempt.id
    );
  }

  /** Returns the innermost repeated attempt around a deed, of any unit. */
  repeatedAround(deed: Deed): Deed | undefined {
    for (const at of this.around(deed)) {
      if (at.kind === "attempt" && this.nextAttempt(at) !== undefined) return at;
    }
    return undefined;
  }

  /** Returns the fate of a write by its own outcome, its transactions and its attempts. */
  fateOf(deed: Deed): Fate {
    if (this.repeatedAround(deed) !== undefined) return NONE;
    return this.transactionsOf(deed).reduce(
      (fate, transaction) => both(fate, this.#fateOfTransaction(transaction)),
      this.ownFateOf(deed),
    );
  }

  /** Returns the fate of a write by its own outcome and that of its savepoints. */
  fateWithin(deed: Deed): Fate {
    return this.transactionsOf(deed).slice(0, -1).reduce(
      (fate, savepoint) => both(fate, this.#fateOfTransaction(savepoint)),
      this.ownFateOf(deed),
    );
  }

  /** Returns the fate of a write by its own outcome only. */
  ownFateOf({ outcome, rejection }: Deed): Fate {
    if (outcome === "fulfilled") return ONE;
    if (rejection === undefined) return UNKNOWN;
    if (refusals.has(rejection.code)) return NONE;
    const { errno } = rejection;
    const isAnswer = errno !== undefined && errno >= 1000 && errno !== interrupted &&
      !losses.has(errno);
    return isAnswer ? NONE : UNKNOWN;
  }

  /** Tells whether the outcome of a transaction is unknown. */
  isUncertain(transaction: Deed): boolean {
    const { min, max } = this.#fateOfTransaction(transaction);
    return min < max;
  }

  #fateOfTransaction(transaction: Deed): Fate {
    if (transaction.outcome === "fulfilled") return ONE;
    if (transaction.outcome === "pending") return UNKNOWN;
    if (transaction.hasThrown) return NONE;
    if (transaction.kind === "hand" || transaction.isImplicit) return UNKNOWN;
    return transaction.rejection?.code === "COMMIT_UNKNOWN" ? UNKNOWN : NONE;
  }

  #isSeparateLease(deed: Deed): boolean {
    if (deed.kind !== "lease" && deed.kind !== "stream") return false;
    const separate = "separate" in deed.step ? deed.step.separate : undefined;
    return separate === true ||
      separate === "unlessInTransaction" && this.transactionsOf(deed).length === 0;
  }

  /**
   * Returns the deeds in whose context a deed runs, the innermost first. A deed through a handle
   * runs in the context of the handle's owner, unless the calling code is inside that owner.
   */
  #contextOf(deed: Deed, isOfCode = false): Deed[] {
    const parent = this.#parentOf(deed);
    if (parent === undefined) return [];
    // Code with a lease keeps its own context, whichever handle took the lease.
    const isInLease = deed.kind === "hand" || deed.kind === "lease" && isOfCode;
    const by = !isInLease && "by" in deed.step ? deed.step.by : undefined;
    const isByHandle = by === "handle" || by === "outside";
    const owner = isByHandle ? this.#ownerOfHandle(deed) : undefined;
    const here = [parent, ...this.#contextOf(parent, true)];
    if (owner === undefined || by === "handle" && here.includes(owner)) return here;
    return [owner, ...this.#contextOf(owner, true)];
  }

  /** Returns the deed that owns the handle through which a deed runs. */
  #ownerOfHandle(deed: Deed): Deed | undefined {
    let implicit: Deed | undefined;
    for (const at of this.around(deed)) {
      // A unit's callback gets no handle of the transactions of its option.
      if (at.kind === "transaction" && at.on === deed.on) return at.isImplicit ? undefined : at;
      if (at.isImplicit) implicit ??= at;
      else if (at.kind === "attempt") return implicit ?? at;
    }
    return undefined;
  }

  #parentOf({ parent }: Deed): Deed | undefined {
    return parent === undefined ? undefined : this.history[parent];
  }
}

const ONE: Fate = { min: 1, max: 1 };
const NONE: Fate = { min: 0, max: 0 };
const UNKNOWN: Fate = { min: 0, max: 1 };

/** Returns the fate of a write whose rows stay only if both fates keep them. */
function both(one: Fate, other: Fate): Fate {
  return {
    min: one.min < other.min ? one.min : other.min,
    max: one.max < other.max ? one.max : other.max,
  };
}
