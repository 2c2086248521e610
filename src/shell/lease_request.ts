/**
 * One request for a lease, from the asking to the release.
 *
 * The core gets the request as it is, keeps it in its queue unread, and hands it back with the
 * grant or the refusal. What asks for a lease is a class of its own that says what to do then.
 */

import type {
  ActualId,
  AddressId,
  LeaseId,
  LeaseRef,
  LeaseRequested,
  RefuseReason,
  TargetId,
  VirtualId,
} from "../core/mod.ts";
import type { Clock, Condition, Instant, Loss, Session } from "../port.ts";
import type { Admission } from "./admission.ts";
import type { PoolStats } from "./stats.ts";
import type { TimeoutLink, TimeoutQueue } from "./timers.ts";
import { type ErrorCode, SubletError, withoutStack } from "./errors.ts";
import { connectionEventOf, type EventName, type PoolEvents } from "./events.ts";
import type { ProcessRef } from "./process_ref.ts";
import type { TargetEntry } from "./targets.ts";

/** An open session, and whom it serves. */
export interface PooledConnection {
  /** The name of the actual connection that it makes. */
  readonly actual: ActualId;
  /** The session. */
  readonly session: Session;
  /** Who holds it. */
  request: LeaseRequest | undefined;
  /** Whether it is being checked, reset or changed. */
  isWorking: boolean;
  /** Whether it keeps the process alive. */
  isRef: boolean;
  /** Why it has ended, if it has. */
  loss: Loss | undefined;
}

/** What runs a pool, as its requests and those who wait for them know it. */
export interface Lessor {
  /** The time of the pool. */
  readonly clock: Clock;
  /** Keeps the process alive for those who wait. */
  readonly processRef: ProcessRef;
  /** Gives up those who have waited for too long. */
  readonly acquireTimeouts: TimeoutQueue<LeaseWaiter>;
  /** The last failure to open or prepare an actual connection, if nothing has succeeded since. */
  readonly lastFailure: unknown;
  /** Returns what the pool is doing. */
  stats(): PoolStats;
  /** Returns the name of a virtual connection. */
  nameOf(virtual: VirtualId): string;
  /** Returns the name of the next request. */
  nextLease(): LeaseId;
  /** Tells whether anybody listens to an event. */
  hasListeners(name: EventName): boolean;
  /** Asks for a lease; the request may have its answer when this returns. */
  ask(request: LeaseRequest): void;
  /** Takes back a request that has not been answered. */
  withdraw(request: LeaseRequest): void;
  /** Ends a lease; one that has ended is ended no further. */
  release(request: LeaseRequest, left: Condition): void;
}

/** Somebody whose time to wait for a lease is limited. */
export interface LeaseWaiter extends TimeoutLink<LeaseWaiter> {
  /** The request that it waits for; none if it waits for a transaction of its own unit. */
  readonly awaited: LeaseRequest | undefined;
  /** Makes it wait no more, as it has waited for too long. */
  expire(): void;
}

/** A request for a lease, and the lease. */
export abstract class LeaseRequest implements LeaseRequested {
  /** Its name. */
  readonly lease: LeaseId;
  /** The virtual connection it goes through. */
  readonly virtual: VirtualId;
  /** The leases that cannot end before it is answered. */
  readonly enclosing: readonly LeaseRef[];
  /** The target it asks for. */
  readonly entry: TargetEntry;
  /** What counts it, for the handle of the pool through which its work was begun. */
  readonly admission: Admission;
  /** When it was made. */
  readonly requestedAt: Instant;
  /** When it was granted, if it was. */
  grantedAt: Instant | undefined = undefined;
  /** How it stands. */
  status: "waiting" | "granted" | "refused" | "withdrawn" | "released" = "waiting";
  /** What it holds, once it is granted. */
  pooled: PooledConnection | undefined = undefined;
  /** Why it was refused, if it was. */
  refusal: Refusal | undefined = undefined;
  /** What runs the pool. */
  protected readonly interpreter: Lessor;

  /** Creates a request that has not been made yet. */
  constructor(
    interpreter: Lessor,
    virtual: VirtualId,
    entry: TargetEntry,
    enclosing: readonly LeaseRef[],
    admission: Admission,
  ) {
    this.interpreter = interpreter;
    this.lease = interpreter.nextLease();
    this.virtual = virtual;
    this.enclosing = enclosing;
    this.entry = entry;
    this.admission = admission;
    this.requestedAt = interpreter.clock.now();
  }

  /** Says which event it is to the core. */
  get type(): "leaseRequested" {
    return "leaseRequested";
  }

  /** The number of the target it asks for. */
  get target(): TargetId {
    return this.entry.id;
  }

  /** The number of that target's address. */
  get address(): AddressId {
    return this.entry.address;
  }

  /** What the core hands back with the answer. */
  get waiter(): this {
    return this;
  }

  /** Takes the session that it is granted. */
  grant(pooled: PooledConnection, now: Instant): void {
    this.status = "granted";
    this.grantedAt = now;
    this.pooled = pooled;
    pooled.request = this;
  }

  /** Called when the answer is there, after the step of the core that has brought it. */
  abstract answered(): void;
}

/** Why a request was refused. */
export interface Refusal {
  /** The rule that applied. */
  readonly reason: RefuseReason;
  /** What failed, if something did. */
  readonly cause: unknown;
}

/** Returns the connection of a request that has been granted. */
export function pooledOf({ lease, pooled }: LeaseRequest): PooledConnection {
  if (pooled === undefined) throw new TypeError(`Lease ${lease} has not been granted`);
  return pooled;
}

/** Returns when a request that has been granted was. */
export function grantedAtOf({ lease, grantedAt }: LeaseRequest): Instant {
  if (grantedAt === undefined) throw new TypeError(`Lease ${lease} has not been granted`);
  return grantedAt;
}

/** Returns the request that the core hands back with its answer. */
export function requestOf({ waiter }: { readonly waiter: unknown }): LeaseRequest {
  return waiter as LeaseRequest;
}

/** Returns what is told of a lease that is granted, through a virtual connection of that name. */
export function acquireEventOf(request: LeaseRequest, virtual: string): PoolEvents["acquire"] {
  const waitMs = grantedAtOf(request) - request.requestedAt;
  return { ...connectionEventOf(pooledOf(request).session), virtual, waitMs };
}

/** Returns what is told of a lease that ends. */
export function releaseEventOf(
  request: LeaseRequest,
  virtual: string,
  condition: Condition,
  now: Instant,
): PoolEvents["release"] {
  const heldMs = now - grantedAtOf(request);
  return { ...connectionEventOf(pooledOf(request).session), virtual, heldMs, condition };
}

const REFUSALS: Record<RefuseReason, readonly [code: ErrorCode, message: string]> = {
  connectFailed: ["CONNECT_FAILED", "Cannot open an actual connection"],
  deadlock: [
    "LEASE_DEADLOCK",
    "Cannot lease another actual connection as all wait for one another",
  ],
  draining: ["POOL_DRAINING", "Cannot lease an actual connection as the pool is ending"],
  queueFull: ["QUEUE_FULL", "Cannot wait for an actual connection as the queue is full"],
};

/** Returns the error that says why a request was refused. */
export function refusalOf(interpreter: Lessor, { virtual, refusal }: LeaseRequest): SubletError {
  const [general, message] = REFUSALS[refusal?.reason ?? "draining"];
  const told = `${message}, for ${JSON.stringify(interpreter.nameOf(virtual))}`;
  const isUnsupported = Object(refusal?.cause).code === "DRIVER_UNSUPPORTED";
  const code = isUnsupported ? "DRIVER_UNSUPPORTED" : general;
  const stage = general === "CONNECT_FAILED" ? "connect" : "lease";
  const cause = refusal?.cause === undefined ? {} : { cause: refusal.cause };
  const details = { stats: interpreter.stats(), ...cause };
  return withoutStack(() => new SubletError(code, stage, told, details));
}

/** Returns the error of one that has waited since some time for too long; `beside` says more. */
export function leaseTimeout(
  interpreter: Lessor,
  virtual: VirtualId,
  since: Instant,
  beside?: string,
): SubletError {
  const { lastFailure } = interpreter;
  const waitMs = Math.round(interpreter.clock.now() - since);
  const name = JSON.stringify(interpreter.nameOf(virtual));
  const message = `No actual connection was free for ${name} within ${waitMs} ms` +
    (beside === undefined ? "" : `; ${beside}`);
  const stats = interpreter.stats();
  const details = lastFailure === undefined ? { stats } : { stats, cause: lastFailure };
  return withoutStack(() => new SubletError("LEASE_TIMEOUT", "lease", message, details));
}
