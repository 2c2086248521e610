/**
 * What the pool knows, as one immutable value.
 *
 * A target that nobody waits for and that has no actual connection is not known; so
 * thousands of them cost nothing while they are not in use. What must be found among
 * many is kept in tables whose keys give the order and whose dues give the time.
 */

import type { Fifo } from "./fifo.ts";
import type { Table } from "./table.ts";

/** Milliseconds of a clock that never goes back, from an origin that does not matter. */
export type Instant = number;
/** Names an actual connection; none that comes later has the same name, all have higher ones. */
export type ActualId = number;
/** Names a request for a lease, and the lease once it is granted; they rise. */
export type LeaseId = number;
/** Names a target. */
export type TargetId = number;
/** Names the server of a target: connections to one address can change their target. */
export type AddressId = number;
/** The place of a virtual connection in the policy's list of them. */
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
  readonly idleCutMs: number;
  /** Maximum age of a connection, reduced at random by up to 10 %. */
  readonly maxLifetime: number;
  /** After how long without use the pool checks a connection before it lends it. */
  readonly validateAfter: number;
  /** How long a connection stays with its target although another target's waiter is older. */
  readonly handoverMs: number;
  /** How long the pool waits after the first failed attempt to connect; doubled by each failure. */
  readonly backoffMsMin: number;
  /** The longest such wait. */
  readonly backoffMsMax: number;
  /** The virtual connections, by their ids. */
  readonly virtuals: readonly VirtualPolicy[];
}

/** What an actual connection is at: after "leased", it is busy with itself. */
export type Status =
  | "idle"
  | "leased"
  | "connecting"
  | "checking"
  | "resetting"
  | "retargeting"
  | "closing";

/** A lease that is held, and the actual connection it holds. */
export interface LeaseRef {
  /** The lease. */
  readonly lease: LeaseId;
  /** What it holds. */
  readonly actual: ActualId;
}

/** An actual connection. */
export interface Actual {
  /** Its name. */
  readonly id: ActualId;
  /** What it is connected to, or will be. */
  readonly target: TargetId;
  /** What it is at. */
  readonly status: Status;
  /** How many suspicions the pool had had when this one began to prove that it is alive. */
  readonly suspicions: number;
  /** Since when it has been its target's; undefined before it is open, as what follows. */
  readonly servesSince: Instant | undefined;
  /** When it reaches its maximum age. */
  readonly agesAt: Instant | undefined;
  /** When it last came to rest. */
  readonly restedAt: Instant | undefined;
  /** How many came to rest before it. */
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
  /** The name of the request; later ones have higher names. */
  readonly lease: LeaseId;
  /** The virtual connection it goes through. */
  readonly virtual: VirtualId;
  /** The target it waits for. */
  readonly target: TargetId;
  /** Where that target is: targets of one address can be changed into one another. */
  readonly address: AddressId;
  /** The leases that cannot end before it is answered. */
  readonly enclosing: readonly LeaseRef[];
  /** What asked: the core hands it back with the grant or the refusal, and never reads it. */
  readonly waiter?: unknown;
}

/** A target cannot be reached, or does not let us in. */
export interface Outage {
  /** What the last attempt brought. */
  readonly cause: unknown;
  /** How many attempts have failed in a row. */
  readonly failures: number;
  /** When to try again. */
  readonly retryAt: Instant;
}

/** The server has no room for more. */
export interface Congestion {
  /** How many may be open without asking whether there is room again. */
  readonly ceiling: number;
  /** How many attempts have failed in a row. */
  readonly failures: number;
  /** When to ask for one more. */
  readonly retryAt: Instant;
}

/** What the pool knows of one target. */
export interface Target {
  /** Its name. */
  readonly id: TargetId;
  /** Where it is. */
  readonly address: AddressId;
  /** The waiters that may have a lease now. */
  readonly queue: Fifo<Waiter>;
  /** How many wait for it behind the limits of their virtual connections. */
  readonly blocked: number;
  /** The last to come to rest, if it is not lent since: it stands apart from {@linkcode idle}. */
  readonly newest: Actual | undefined;
  /** All that came to rest before it, in that order: the oldest has the lowest key. */
  readonly idle: Table<Actual>;
  /** How many are connecting, checking, resetting or retargeting to it. */
  readonly arriving: number;
  /** How many of these are connecting or retargeting. */
  readonly opening: number;
  /** How many may be opening at once: it doubles while those that come do not empty the queue. */
  readonly openRate: number;
  /** How many there are, except those that close. */
  readonly live: number;
  /** How many are kept open. */
  readonly minimum: number;
  /** Why it cannot be reached, if so. */
  readonly outage: Outage | undefined;
  /** Its key in the pool's table of that name, while it is listed there. */
  readonly needed: LeaseId | undefined;
  /** As {@linkcode needed}. */
  readonly probing: LeaseId | undefined;
  /** As {@linkcode needed}. */
  readonly belowMinimum: TargetId | undefined;
  /** As {@linkcode needed}. */
  readonly resting: number | undefined;
  /** How many it may have opened now, of those that its queue needs; none while it is down. */
  readonly claims: number;
  /** When it may be forgotten, if ever. */
  readonly forgetAt: Instant | undefined;
}

/** What the pool knows of a virtual connection that has a limit or a minimum and has been used. */
export interface Virtual {
  /** Its leases and its waiters in a queue together; never above its limit. */
  readonly claims: number;
  /** Its waiters above the limit. */
  readonly blocked: Fifo<Waiter>;
  /** How many of its leases enclose a waiter. */
  readonly enclosing: number;
  /** Whether its minimum is kept: from its first request on. */
  readonly isActive: boolean;
}

/** Whether the pool grants leases, is paused, ends (serving its queues or not), or is closed. */
export type Phase = "open" | "paused" | "serving" | "draining" | "closed";

/** The pool, as a value. */
export interface PoolState extends Readonly<Record<Status, number>> {
  /** What it was told when it was created. */
  readonly policy: Policy;
  /** Whether it grants leases. */
  readonly phase: Phase;
  /** Every target that matters now, by name; due when it may be forgotten. */
  readonly targets: Table<Target>;
  /** The targets that need one more opened, by the lease of its waiter. */
  readonly needed: Table<TargetId>;
  /** The targets that are down and need one, by the lease of its waiter; due when it may be. */
  readonly probing: Table<TargetId>;
  /** The targets that have less than their minimum, by name; due when one may be opened. */
  readonly belowMinimum: Table<TargetId>;
  /** The targets that have an idle one, by the order of their oldest; due when that may go. */
  readonly resting: Table<TargetId>;
  /** How many {@linkcode needed} ones may be opened now, were there room. */
  readonly claims: number;
  /** The virtual connections that have a limit or a minimum and have been used. */
  readonly virtuals: Table<Virtual>;
  /** Every actual connection that has not closed, by name; due when an idle one has grown old. */
  readonly actuals: Table<Actual>;
  /** How many requests wait. */
  readonly waiting: number;
  /** How many of them wait behind the limits of their virtual connections. */
  readonly blocked: number;
  /** The waiters that leases enclose, by lease. */
  readonly enclosed: Table<Waiter>;
  /** How many leases enclose waiters. */
  readonly enclosing: number;
  /** What is known of the server's room, if it had too little. */
  readonly congestion: Congestion | undefined;
  /** How often all that was open became suspect. */
  readonly suspicions: number;
  /** All actual connections with lower names have been asked to go. */
  readonly retiredBelow: ActualId;
  /** From when on the next one may be retired for its age alone. */
  readonly agesFrom: Instant | undefined;
  /** The name of the next actual connection. */
  readonly actualNext: ActualId;
  /** How many have come to rest. */
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
    claims: 0,
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

/** Tells whether the pool lets no newcomer in. */
export function isEnding({ phase }: PoolState): boolean {
  return phase === "serving" || phase === "draining";
}
