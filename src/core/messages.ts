/** The events that the shell reports to the pool, and the commands that the pool gives it. */

import type { ActualId, LeaseId, LeaseRef, TargetId, VirtualId, Waiter } from "./state.ts";

/** The condition in which a holder returns the actual connection of its lease. */
export type Condition = "clean" | "dirty" | "broken";

/** Why connecting failed: the server is unreachable or refuses the login, or it has no room. */
export type FailureKind = "down" | "full";

/** The work of an actual connection between its leases. */
export type Work = "checking" | "resetting" | "retargeting";

/** A unit of work requests an actual connection, through a virtual one. */
export interface LeaseRequested extends Waiter {
  /** Says which event this is. */
  readonly type: "leaseRequested";
}

/** The caller withdraws a request. */
export interface RequestWithdrawn {
  /** Says which event this is. */
  readonly type: "requestWithdrawn";
  /** The request. */
  readonly lease: LeaseId;
  /** The virtual connection it goes through. */
  readonly virtual: VirtualId;
  /** The target it waits for. */
  readonly target: TargetId;
}

/** A holder returns the actual connection of its lease. */
export interface LeaseReleased extends LeaseRef {
  /** Says which event this is. */
  readonly type: "leaseReleased";
  /** In what condition the holder leaves it. */
  readonly condition: Condition;
}

/** A session is open. */
export interface ConnectDone {
  /** Says which event this is. */
  readonly type: "connectDone";
  /** The actual connection to which it belongs. */
  readonly actual: ActualId;
  /** A random number in [0, 1): how much sooner than others it reaches its maximum age. */
  readonly random: number;
}

/** A session could not be opened. */
export interface ConnectFailed {
  /** Says which event this is. */
  readonly type: "connectFailed";
  /** The actual connection to which it would have belonged. */
  readonly actual: ActualId;
  /** Whether the target is down or the server is full. */
  readonly kind: FailureKind;
  /** The error, which the core passes on and never reads. */
  readonly cause: unknown;
  /** A random number in [0, 1): how long to wait before the next attempt. */
  readonly random: number;
}

/** An actual connection has done its work, or failed in it. */
export interface WorkEnded {
  /** Says which event this is. */
  readonly type: "workDone" | "workFailed";
  /** The actual connection. */
  readonly actual: ActualId;
  /** Which work it was. */
  readonly work: Work;
}

/** A socket closed although the pool did not close it. */
export interface ActualLost {
  /** Says which event this is. */
  readonly type: "actualLost";
  /** The actual connection whose socket it was. */
  readonly actual: ActualId;
  /** Whether the server or the network closed it: then others may have closed too. */
  readonly byServer: boolean;
}

/** A fact that concerns the pool as a whole. */
export type PoolEvent =
  | { readonly type: "pauseRequested" }
  | { readonly type: "resumeRequested" }
  | { readonly type: "retireRequested" }
  | { readonly type: "suspicionRaised" }
  | { readonly type: "drainRequested"; readonly serveQueue: boolean }
  | { readonly type: "deadlineReached" };

/** A fact that the shell reports to the core, named in the past tense. */
export type Event =
  | LeaseRequested
  | RequestWithdrawn
  | LeaseReleased
  | ConnectDone
  | ConnectFailed
  | WorkEnded
  | ActualLost
  | { readonly type: "closeDone"; readonly actual: ActualId }
  | PoolEvent;

/** Why the pool refuses a request for a lease. */
export type RefuseReason = "connectFailed" | "deadlock" | "draining" | "queueFull";

/** Why the pool takes an actual connection out of service. */
export type RetireReason =
  | "aged"
  | "broken"
  | "draining"
  | "idle"
  | "lost"
  | "makesRoom"
  | "retired";

/** Work that the pool orders; the command names the target that the connection has afterwards. */
export type WorkOrder = "check" | "reset" | "retarget";

/** What the shell must do, named in the imperative; it runs the commands of a step in order. */
export type Command =
  | { readonly type: "connect"; readonly actual: ActualId; readonly target: TargetId }
  | { readonly type: WorkOrder; readonly actual: ActualId; readonly target: TargetId }
  | { readonly type: "close"; readonly actual: ActualId; readonly reason: RetireReason }
  | {
    readonly type: "grant";
    readonly lease: LeaseId;
    readonly actual: ActualId;
    /** The `waiter` of the request. */
    readonly waiter: unknown;
  }
  | {
    readonly type: "refuse";
    readonly lease: LeaseId;
    /** The `waiter` of the request. */
    readonly waiter: unknown;
    readonly reason: RefuseReason;
    readonly cause: unknown;
  }
  | { readonly type: "forget"; readonly target: TargetId }
  | { readonly type: "finish" };
