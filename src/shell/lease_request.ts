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
import type { Clock, Condition, Instant, Loss, Session } from "../port/session.ts";
import type { Admission } from "./admission.ts";
import type { PoolStats } from "./stats.ts";
import type { TimeoutLink, TimeoutQueue } from "./timers.ts";
import { type ErrorCode, SubletError, withoutStack } from "./errors.ts";
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

/** The part of the interpreter that requests and their waiters use. */
export interface Lessor {
  /** The clock of the pool. */
  readonly clock: Clock;
  /** Keeps the process alive while callers wait. */
  readonly processRef: ProcessRef;
  /** All waiters, with their timeouts. */
  readonly acquireTimeouts: TimeoutQueue<LeaseWaiter>;
  /** The last failure to open or prepare a session, unless a later attempt has succeeded. */
  readonly lastFailure: unknown;
  /** Returns the statistics of the pool. */
  stats(): PoolStats;
  /** Returns the name of a virtual connection. */
  nameOf(virtual: VirtualId): string;
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

const REFUSALS: Record<RefuseReason, readonly [code: ErrorCode, message: string]> = {
  connectFailed: ["CONNECT_FAILED", "Cannot open an actual connection"],
  deadlock: [
    "LEASE_DEADLOCK",
    "Cannot lease another actual connection as all wait for one another",
  ],
  draining: ["POOL_DRAINING", "Cannot lease an actual connection as the pool is ending"],
  queueFull: ["QUEUE_FULL", "Cannot wait for an actual connection as the queue is full"],
};

/** Returns the error of a refused request. */
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

/** Returns the error of a wait since `since` that timed out; the message ends with `beside`. */
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
