/**
 * A request for a lease, which becomes the lease when it is granted.
 *
 * The request is also the core's event: the core keeps it in its queue, and hands it back with the
 * grant or the refusal. A subclass defines what happens then.
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
import type { Clock, Condition, Instant, Loss, Session, Target } from "../port/session.ts";
import type { Admission } from "./admission.ts";
import type { PoolStats } from "./stats.ts";
import type { TimeoutLink, TimeoutQueue } from "./timers.ts";
import { connectionEventOf, type EventName, type PoolEvents } from "./events.ts";
import type { ProcessRef } from "./process_ref.ts";
import type { TargetEntry } from "./targets.ts";

/** An open session, and the lease that holds it, if any. */
export interface PooledConnection {
  /** The id of its actual connection. */
  readonly actual: ActualId;
  /** The session. */
  readonly session: Session;
  /** The lease that holds it; undefined if none does. */
  request: LeaseRequest | undefined;
  /** Whether it is being checked, reset or retargeted. */
  isWorking: boolean;
  /** Whether it keeps the process alive. */
  isRef: boolean;
  /** Why the session was lost, if it was. */
  loss: Loss | undefined;
}

/** A session that is being opened. */
export interface Opening {
  /** The target that it connects to. */
  readonly target: Target;
  /** When the pool began to open it. */
  readonly since: Instant;
}

/** The part of the connections of a pool that error messages describe. */
export interface PooledConnections {
  /** The last failure to open or prepare a session, unless a later attempt has succeeded. */
  readonly lastFailure: unknown;
  /** The session that has been opening for the longest time, if any is. */
  readonly oldestOpening: Opening | undefined;
  /** The leases in use, the oldest first. */
  readonly holders: readonly LeaseRequest[];
  /** Says where a target is, and as whom it logs in. */
  describe(target: Target): string;
}

/** The part of the interpreter that requests and their waiters use. */
export interface Lessor {
  /** The clock of the pool. */
  readonly clock: Clock;
  /** Keeps the process alive while callers wait. */
  readonly processRef: ProcessRef;
  /** All waiters, with their timeouts. */
  readonly acquireTimeouts: TimeoutQueue<LeaseWaiter>;
  /** The connections of the pool. */
  readonly connections: PooledConnections;
  /** Returns the statistics of the pool. */
  stats(): PoolStats;
  /** Returns the name of a virtual connection. */
  nameOf(virtual: VirtualId): string;
  /** Returns the limit of a virtual connection. */
  limitOf(virtual: VirtualId): number;
  /** Returns the id of the next request. */
  nextLease(): LeaseId;
  /** Tells whether an event has listeners. */
  hasListeners(name: EventName): boolean;
  /** Requests a lease; the request may be granted or refused before this returns. */
  ask(request: LeaseRequest): void;
  /** Withdraws a request, if it still waits. */
  withdraw(request: LeaseRequest): void;
  /** Releases a lease, if it is still held. */
  release(request: LeaseRequest, left: Condition): void;
}

/** A wait that `acquireTimeout` limits. */
export interface LeaseWaiter extends TimeoutLink<LeaseWaiter> {
  /** The request that it waits for; undefined if it waits for a transaction of its own unit. */
  readonly awaited: LeaseRequest | undefined;
  /** Ends the wait with an error, as it has timed out. */
  expire(): void;
}

/** A request for a lease and, once granted, the lease. */
export abstract class LeaseRequest implements LeaseRequested {
  /** Its id. */
  readonly lease: LeaseId;
  /** The virtual connection it goes through. */
  readonly virtual: VirtualId;
  /** The leases that cannot end before it is answered. */
  readonly enclosing: readonly LeaseRef[];
  /** The target it asks for. */
  readonly entry: TargetEntry;
  /** Counts it, for the handle of the pool through which its work began. */
  readonly admission: Admission;
  /** When it was created. */
  readonly requestedAt: Instant;
  /** When it was granted, if it was. */
  grantedAt: Instant | undefined = undefined;
  /** Its status. */
  status: "waiting" | "granted" | "refused" | "withdrawn" | "released" = "waiting";
  /** The connection that it was granted, if it was. */
  pooled: PooledConnection | undefined = undefined;
  /** Why it was refused, if it was. */
  refusal: Refusal | undefined = undefined;
  /** Runs the pool. */
  protected readonly interpreter: Lessor;

  /** Creates a request; {@linkcode Lessor.ask} sends it to the core. */
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

  /** The type of the event that it is to the core. */
  get type(): "leaseRequested" {
    return "leaseRequested";
  }

  /** The id of the target it asks for. */
  get target(): TargetId {
    return this.entry.id;
  }

  /** The id of that target's address. */
  get address(): AddressId {
    return this.entry.address;
  }

  /** The object that the core hands back with the grant or the refusal: this request. */
  get waiter(): this {
    return this;
  }

  /** Makes it the lease of a connection. */
  grant(pooled: PooledConnection, now: Instant): void {
    this.status = "granted";
    this.grantedAt = now;
    this.pooled = pooled;
    pooled.request = this;
  }

  /** Called once it was granted or refused, after the steps of the core. */
  abstract answered(): void;

  /** Returns the stack of the code that took the lease, if `leakDetectionTimeout` is set. */
  stack(): string | undefined {
    return undefined;
  }
}

/** Why a request was refused. */
export interface Refusal {
  /** The rule of the core that applied. */
  readonly reason: RefuseReason;
  /** The error that led to it, if any. */
  readonly cause: unknown;
}

/** Returns the connection of a granted request; throws if it was not granted. */
export function pooledOf({ lease, pooled }: LeaseRequest): PooledConnection {
  if (pooled === undefined) throw new TypeError(`Lease ${lease} has not been granted`);
  return pooled;
}

/** Returns when a request was granted; throws if it was not. */
export function grantedAtOf({ lease, grantedAt }: LeaseRequest): Instant {
  if (grantedAt === undefined) throw new TypeError(`Lease ${lease} has not been granted`);
  return grantedAt;
}

/** Returns the request that the core hands back in a grant or a refusal. */
export function requestOf({ waiter }: { readonly waiter: unknown }): LeaseRequest {
  return waiter as LeaseRequest;
}

/** Returns the argument of the event "acquire"; `virtual` is the virtual connection's name. */
export function acquireEventOf(request: LeaseRequest, virtual: string): PoolEvents["acquire"] {
  const waitMs = grantedAtOf(request) - request.requestedAt;
  return { ...connectionEventOf(pooledOf(request).session), virtual, waitMs };
}

/** Returns the argument of the event "release". */
export function releaseEventOf(
  request: LeaseRequest,
  virtual: string,
  condition: Condition,
  now: Instant,
): PoolEvents["release"] {
  const heldMs = now - grantedAtOf(request);
  return { ...connectionEventOf(pooledOf(request).session), virtual, heldMs, condition };
}
