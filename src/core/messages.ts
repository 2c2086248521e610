/** What can happen to a pool, as events; what the pool asks of its shell, as commands. */

import type { ActualId, LeaseId, LeaseRef, TargetId, VirtualId, Waiter } from "./state.ts";

/** The condition in which a holder returns the actual connection of its lease. */
export type Condition = "clean" | "dirty" | "broken";

/** Why no session could be opened: the server is away or lets us not in, or it has no room. */
export type FailureKind = "down" | "full";

/** What an actual connection can be busy with on its own account. */
export type Work = "checking" | "resetting" | "retargeting";

/** A unit of work requests an actual connection, through a virtual one. */
export interface LeaseRequested extends Waiter {
  /** Says which event this is. */
  readonly type: "leaseRequested";
}

/** The caller takes a request back. */
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
  /** What the holder left behind. */
  readonly condition: Condition;
}

/** A session is open. */
export interface ConnectDone {
  /** Says which event this is. */
  readonly type: "connectDone";
  /** The actual connection that it makes. */
  readonly actual: ActualId;
  /** A random number in [0, 1): how much sooner than others it reaches its maximum age. */
  readonly random: number;
}

/** A session could not be opened. */
export interface ConnectFailed {
  /** Says which event this is. */
  readonly type: "connectFailed";
  /** The actual connection that it would have made. */
  readonly actual: ActualId;
  /** Whose fault it is. */
  readonly kind: FailureKind;
  /** The error, which the core passes on and never reads. */
  readonly cause: unknown;
  /** A random number in [0, 1): how long to wait before the next attempt. */
  readonly random: number;
}

/** An actual connection has ended what it was busy with, well or not. */
export interface WorkEnded {
  /** Says which event this is. */
  readonly type: "workDone" | "workFailed";
  /** The actual connection. */
  readonly actual: ActualId;
  /** What it was busy with. */
  readonly work: Work;
}

/** A socket closed that the pool did not ask to close. */
export interface ActualLost {
  /** Says which event this is. */
  readonly type: "actualLost";
  /** The actual connection whose socket it was. */
  readonly actual: ActualId;
  /** Whether the server, or the network, ended it: then others may have ended too. */
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

/** Why a request for a lease is refused. */
export type RefuseReason = "connectFailed" | "deadlock" | "draining" | "queueFull";

/** Why an actual connection is taken out of service. */
export type RetireReason =
  | "aged"
  | "broken"
  | "draining"
  | "idle"
  | "lost"
  | "makesRoom"
  | "retired";

/** What an actual connection is asked to do with itself; the target is that which it then has. */
export type WorkOrder = "check" | "reset" | "retarget";

/** What the shell must do, named in the imperative; it obeys the commands of a step in order. */
export type Command =
  | { readonly type: "connect"; readonly actual: ActualId; readonly target: TargetId }
  | { readonly type: WorkOrder; readonly actual: ActualId; readonly target: TargetId }
  | { readonly type: "close"; readonly actual: ActualId; readonly reason: RetireReason }
  | {
    readonly type: "grant";
    readonly lease: LeaseId;
    readonly actual: ActualId;
    /** What asked, as the request had it. */
    readonly waiter: unknown;
  }
  | {
    readonly type: "refuse";
    readonly lease: LeaseId;
    /** What asked, as the request had it. */
    readonly waiter: unknown;
    readonly reason: RefuseReason;
    readonly cause: unknown;
  }
  | { readonly type: "forget"; readonly target: TargetId }
  | { readonly type: "finish" };
