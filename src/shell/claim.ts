/**
 * One request for a lease, from the asking to the release.
 *
 * It is a plain record that the interpreter writes its answer into. So a request that is
 * granted at once needs no promise; those who must wait leave a {@linkcode Waiting} in it.
 */

import type {
  ActualId,
  Holding,
  LeaseId,
  LeaseRequested,
  RefuseReason,
  VirtualId,
} from "../core/mod.ts";
import type { Instant, Loss, Session } from "../port.ts";
import type { Admission } from "./admission.ts";
import type { TargetEntry } from "./targets.ts";

/** An open session, and whom it serves. */
export interface Slot<Target, Driver> {
  /** The name of the actual connection that it makes. */
  readonly actual: ActualId;
  /** The session. */
  readonly session: Session<Target, Driver>;
  /** Who holds it. */
  claim: Claim<Target, Driver> | undefined;
  /** Whether it is being checked, reset or changed. */
  isWorking: boolean;
  /** Whether it keeps the process alive. */
  isHeld: boolean;
  /** Why it has ended, if it has. */
  loss: Loss | undefined;
}

/** A unit of work that has requested a lease. */
export interface Asker {
  /** Says which transactions of it are open, if any. */
  describeOpen(): string | undefined;
}

/** Somebody who waits for the answer to a claim. */
export interface Waiting {
  /** Called, within a step, when the answer is there; runs no code of the user. */
  answered(): void;
  /** Makes it wait no more, for a reason of the pool's. */
  fail(error: Error): void;
  /** Makes it wait no more, as it has waited for too long. */
  expire(): void;
}

/** A request for a lease, and the lease. */
export interface Claim<Target, Driver> {
  /** Its name. */
  readonly lease: LeaseId;
  /** The virtual connection it goes through. */
  readonly virtual: VirtualId;
  /** The target it asks for. */
  readonly target: TargetEntry<Target>;
  /** The leases that cannot end before it is answered. */
  readonly enclosing: readonly Holding[];
  /** What counts it, for the handle of the pool through which its work was begun. */
  readonly admission: Admission;
  /** When it was made. */
  readonly requestedAt: Instant;
  /** When it was granted. */
  grantedAt: Instant;
  /** How it stands. */
  status: "waiting" | "granted" | "refused" | "withdrawn" | "released";
  /** What it holds, once it is granted. */
  slot: Slot<Target, Driver> | undefined;
  /** How many answers had left something to ask for before its own did. */
  echoesBefore: number;
  /** How many statements had cleared what was left to ask for before. */
  clearingsBefore: number;
  /** How many of these may have become permanent. */
  permanentBefore: number;
  /** How many answers had set an id before. */
  idsBefore: number;
  /** The unit of work that has made it; none if that is made for one statement. */
  asker: Asker | undefined;
  /** Why it was refused, if it was. */
  refusal: Refusal | undefined;
  /** Those who wait for the answer; none once it is there. */
  waitings: Set<Waiting> | undefined;
}

/** Why a claim was refused. */
export interface Refusal {
  /** The rule that applied. */
  readonly reason: RefuseReason;
  /** What failed, if something did. */
  readonly cause: unknown;
}

/** Returns a claim that has not been made yet, and counts it where it is counted. */
export function newClaim<Target, Driver>(
  lease: LeaseId,
  virtual: VirtualId,
  target: TargetEntry<Target>,
  enclosing: readonly Holding[],
  admission: Admission,
  now: Instant,
): Claim<Target, Driver> {
  target.uses++;
  admission.enterRequest();
  return {
    lease,
    virtual,
    target,
    enclosing,
    admission,
    requestedAt: now,
    grantedAt: now,
    status: "waiting",
    slot: undefined,
    echoesBefore: 0,
    clearingsBefore: 0,
    permanentBefore: 0,
    idsBefore: 0,
    asker: undefined,
    refusal: undefined,
    waitings: undefined,
  };
}

/** Gives a claim its session, and notes what that has seen before. */
export function grantTo<Target, Driver>(
  claim: Claim<Target, Driver>,
  slot: Slot<Target, Driver>,
  now: Instant,
): void {
  const { echoCount, clearingCount, permanentCount, idCount } = slot.session;
  claim.status = "granted";
  claim.grantedAt = now;
  claim.slot = slot;
  claim.echoesBefore = echoCount;
  claim.clearingsBefore = clearingCount;
  claim.permanentBefore = permanentCount;
  claim.idsBefore = idCount;
  slot.claim = claim;
}

/** Returns the slot of a claim that has been granted. */
export function slotOf<Target, Driver>(claim: Claim<Target, Driver>): Slot<Target, Driver> {
  if (claim.slot === undefined) throw new TypeError(`Lease ${claim.lease} has not been granted`);
  return claim.slot;
}

/** Returns the event that makes a claim. */
export function requestOf<Target, Driver>(claim: Claim<Target, Driver>): LeaseRequested {
  return {
    type: "leaseRequested",
    lease: claim.lease,
    virtual: claim.virtual,
    target: claim.target.id,
    address: claim.target.address,
    enclosing: claim.enclosing,
  };
}

/** Tells those who wait for a claim that it has its answer. */
export function answer<Target, Driver>(claim: Claim<Target, Driver>): void {
  const { waitings } = claim;
  claim.waitings = undefined;
  waitings?.forEach((waiting) => waiting.answered());
}

/**
 * The claims that have no answer yet.
 *
 * Most are answered before the next is made. So the last one is kept apart: to add each to a
 * map and delete it there is a tenth of what a lease costs.
 */
export class Claims<Target, Driver> {
  readonly #others = new Map<LeaseId, Claim<Target, Driver>>();
  #last: Claim<Target, Driver> | undefined;

  /** Adds one. */
  add(claim: Claim<Target, Driver>): void {
    if (this.#last !== undefined) this.#others.set(this.#last.lease, this.#last);
    this.#last = claim;
  }

  /** Returns those that an admission counts. */
  of(admission: Admission): Claim<Target, Driver>[] {
    const all = [...this.#others.values(), ...this.#last === undefined ? [] : [this.#last]];
    return all.filter((claim) => claim.admission === admission);
  }

  /** Takes out the one of a name. */
  take(lease: LeaseId): Claim<Target, Driver> {
    const claim = this.#last?.lease === lease ? this.#last : this.#others.get(lease);
    if (claim === undefined) throw new RangeError(`Nobody has asked for lease ${lease}`);
    if (claim === this.#last) this.#last = undefined;
    else this.#others.delete(lease);
    return claim;
  }
}
