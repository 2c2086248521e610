/**
 * What the pool knows, as one immutable value.
 *
 * The pool forgets a target that no request waits for and that has no actual connection, so
 * thousands of targets cost nothing while they are not in use. Records that the pool must find
 * among many are in tables, whose keys give the order and whose dues give the time.
 */

import type { Fifo } from "./fifo.ts";
import type { Table } from "./table.ts";

/** Milliseconds of a clock that never goes back, from an origin that does not matter. */
export type Instant = number;
/** Identifies an actual connection; every later one has a higher id. */
export type ActualId = number;
/** Identifies a request for a lease, and the lease once it is granted; later ones are higher. */
export type LeaseId = number;
/** Identifies a target. */
export type TargetId = number;
/** Identifies the server of a target: a connection can change between targets of one address. */
export type AddressId = number;
/** The index of a virtual connection in the policy's list. */
export type VirtualId = number;

/** The options of a virtual connection. */
export interface VirtualPolicy {
  /** Its target, unless a request names another. */
  readonly target: TargetId;
  /** How many leases it may have at once. */
  readonly limit: number;
  /** How many actual connections to its target the pool keeps open, from its first request on. */
  readonly minimum: number;
}

/** The options of a pool; durations are in ms. */
export interface Policy {
  /** How many actual connections the pool may have at once, over all targets. */
  readonly connectionLimit: number;
  /** How many requests may queue when every connection is in use; Infinity: no limit. */
  readonly queueLimit: number;
  /** How long an actual connection may be idle before the pool retires it. */
  readonly idleTimeout: number;
  /** How many idle connections the pool keeps for that long, apart from the minimum of targets. */
  readonly maxIdle: number;
  /** How much shorter the idle timeout is while more than {@linkcode maxIdle} are idle. */
  readonly idleCut: number;
  /** Maximum age of a connection, reduced at random by up to 10 %. */
  readonly maxLifetime: number;
  /** After how long without use the pool checks a connection before it lends it. */
  readonly validateAfter: number;
  /** How long a connection stays with its target although another target's waiter is older. */
  readonly handoverMs: number;
  /** How long the pool waits after the first failed attempt to connect; doubled by each failure. */
  readonly backoffMin: number;
  /** The longest such wait. */
  readonly backoffMax: number;
  /** The virtual connections, by their ids. */
  readonly virtuals: readonly VirtualPolicy[];
}

/** The status of an actual connection; all after "leased" are the pool's own work on it. */
export type Status =
  | "idle"
  | "leased"
  | "connecting"
  | "checking"
  | "resetting"
  | "retargeting"
  | "closing";

/** A lease, and the actual connection that it holds. */
export interface LeaseRef {
  /** The lease. */
  readonly lease: LeaseId;
  /** The actual connection. */
  readonly actual: ActualId;
}

/** An actual connection. */
export interface Actual {
  /** Its id. */
  readonly id: ActualId;
  /** The target that it is connected to, or will be. */
  readonly target: TargetId;
  /** Its status. */
  readonly status: Status;
  /** The pool's count of suspicions when this connection began to prove that it is alive. */
  readonly suspicions: number;
  /** Since when it serves its target; undefined until it is open, as the next two fields. */
  readonly servesSince: Instant | undefined;
  /** When it reaches its maximum age. */
  readonly agesAt: Instant | undefined;
  /** When it last became idle. */
  readonly restedAt: Instant | undefined;
  /** Its place in the order in which connections became idle. */
  readonly idleOrder: number;
  /** The lease it serves or served last. */
  readonly lease: LeaseId;
  /** The virtual connection of that lease. */
  readonly virtual: VirtualId;
  /** How many waiters that lease encloses. */
  readonly encloses: number;
}

/** A request for a lease that has not been answered. */
export interface Waiter {
  /** The id of the request; later ones have higher ids. */
  readonly lease: LeaseId;
  /** The virtual connection it goes through. */
  readonly virtual: VirtualId;
  /** The target it waits for. */
  readonly target: TargetId;
  /** The address of that target: a connection can change between targets of one address. */
  readonly address: AddressId;
  /** The leases that cannot end before the pool answers it. */
  readonly enclosing: readonly LeaseRef[];
  /** The shell's object: the core returns it with the grant or the refusal, and never reads it. */
  readonly waiter?: unknown;
}

/** A target is unreachable, or refuses the login. */
export interface Outage {
  /** The error of the last attempt. */
  readonly cause: unknown;
  /** How many attempts have failed in a row. */
  readonly failures: number;
  /** When to try again. */
  readonly retryAt: Instant;
}

/** The server has no room for more connections. */
export interface Congestion {
  /** How many connections may be open before the pool waits for {@linkcode retryAt}. */
  readonly ceiling: number;
  /** How many attempts have failed in a row. */
  readonly failures: number;
  /** When to try to open one above the ceiling. */
  readonly retryAt: Instant;
}

/** What the pool knows of one target. */
export interface Target {
  /** Its id. */
  readonly id: TargetId;
  /** Its address. */
  readonly address: AddressId;
  /** The waiters that may have a lease now. */
  readonly queue: Fifo<Waiter>;
  /** How many waiters for it the limits of their virtual connections block. */
  readonly blocked: number;
  /** The connection that became idle last, unless lent since; it is not in {@linkcode idle}. */
  readonly newest: Actual | undefined;
  /** All that became idle before it, in that order: the oldest has the lowest key. */
  readonly idle: Table<Actual>;
  /** How many connections are connecting, checking, resetting or retargeting to it. */
  readonly arriving: number;
  /** How many of these are connecting or retargeting. */
  readonly opening: number;
  /** How many may be opening at once: doubled by each that opens, 1 when the queue is empty. */
  readonly openRate: number;
  /** How many actual connections it has, except closing ones. */
  readonly live: number;
  /** How many the pool keeps open. */
  readonly minimum: number;
  /** Its outage, while it is down. */
  readonly outage: Outage | undefined;
  /** Its key in the pool's table of that name, while that table lists it. */
  readonly needed: LeaseId | undefined;
  /** As {@linkcode needed}. */
  readonly probing: LeaseId | undefined;
  /** As {@linkcode needed}. */
  readonly belowMinimum: TargetId | undefined;
  /** As {@linkcode needed}. */
  readonly resting: number | undefined;
  /** How many connections for its queue may start to open now; none while it is down. */
  readonly wanted: number;
  /** When the pool may forget it, if ever. */
  readonly forgetAt: Instant | undefined;
}

/** What the pool knows of a virtual connection that has a limit or a minimum and has been used. */
export interface Virtual {
  /** The sum of its leases and its waiters in queues; never above its limit. */
  readonly slots: number;
  /** Its waiters that its limit blocks. */
  readonly blocked: Fifo<Waiter>;
  /** How many of its leases enclose a waiter. */
  readonly enclosing: number;
  /** Whether the pool keeps its minimum: from its first request for its own target on. */
  readonly isActive: boolean;
}

/** Whether the pool grants leases, is paused, ends (serving its queues or not), or is closed. */
export type Phase = "open" | "paused" | "serving" | "draining" | "closed";

/** The pool, as a value. */
export interface PoolState extends Readonly<Record<Status, number>> {
  /** Its options. */
  readonly policy: Policy;
  /** Whether it grants leases. */
  readonly phase: Phase;
  /** Every target that the pool knows, by id; due when the pool may forget it. */
  readonly targets: Table<Target>;
  /** The targets that need a connection opened, by the lease of the waiter that needs it. */
  readonly needed: Table<TargetId>;
  /** The targets that are down and need a connection, by that lease; due at the next attempt. */
  readonly probing: Table<TargetId>;
  /** The targets below their minimum, by id; due when the pool may open a connection. */
  readonly belowMinimum: Table<TargetId>;
  /** The targets with an idle connection, by the order of the oldest; due at its idle timeout. */
  readonly resting: Table<TargetId>;
  /** How many connections may start to open for {@linkcode needed} now, if there were room. */
  readonly wanted: number;
  /** The virtual connections that have a limit or a minimum and have been used. */
  readonly virtuals: Table<Virtual>;
  /** Every actual connection that has not closed, by id; idle ones are due at their maximum age. */
  readonly actuals: Table<Actual>;
  /** How many requests wait. */
  readonly waiting: number;
  /** How many of them the limits of their virtual connections block. */
  readonly blocked: number;
  /** The waiters that leases enclose, by lease. */
  readonly enclosed: Table<Waiter>;
  /** How many leases enclose waiters. */
  readonly enclosing: number;
  /** What the pool knows of the server's room, if the server had too little. */
  readonly congestion: Congestion | undefined;
  /** How many times all open connections became suspect. */
  readonly suspicions: number;
  /** The caller has asked to retire all actual connections with lower ids. */
  readonly retiredBelow: ActualId;
  /** From when on the pool may retire the next connection for its age alone. */
  readonly agesFrom: Instant | undefined;
  /** The id of the next actual connection. */
  readonly actualNext: ActualId;
  /** The place of the next connection that becomes idle. */
  readonly idleOrderNext: number;
}

/** Returns a pool that knows no target and has no actual connection. */
export function createState(policy: Policy): PoolState {
  return {
    policy,
    phase: "open",
    targets: undefined,
    needed: undefined,
    probing: undefined,
    belowMinimum: undefined,
    resting: undefined,
    wanted: 0,
    virtuals: undefined,
    actuals: undefined,
    idle: 0,
    leased: 0,
    connecting: 0,
    checking: 0,
    resetting: 0,
    retargeting: 0,
    closing: 0,
    waiting: 0,
    blocked: 0,
    enclosed: undefined,
    enclosing: 0,
    congestion: undefined,
    suspicions: 0,
    retiredBelow: 0,
    agesFrom: undefined,
    actualNext: 0,
    idleOrderNext: 0,
  };
}

/** Tells whether the pool serves its queues. */
export function isServing({ phase }: PoolState): boolean {
  return phase === "open" || phase === "serving";
}

/** Tells whether the pool ends: it accepts no new request, and is not closed yet. */
export function isEnding({ phase }: PoolState): boolean {
  return phase === "serving" || phase === "draining";
}
