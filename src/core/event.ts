/** What can happen to a pool: facts, each named in the past tense. */

import type { ActualId, LeaseId, TargetId, VirtualId, Waiter } from "./state.ts";

/** In what condition a holder hands back the actual connection of its lease. */
export type Condition = "clean" | "dirty" | "broken";

/** Why no session could be opened: nobody answers or lets us in, or the server has no room. */
export type FailureKind = "down" | "full";

/** What an actual connection can be busy with on its own account. */
export type Work = "checking" | "resetting" | "retargeting";

/** A lease that is held, and the actual connection it holds. */
export interface Holding {
  /** The lease. */
  readonly lease: LeaseId;
  /** What it holds. */
  readonly actual: ActualId;
}

/** A unit of work asks for an actual connection, through a virtual one. */
export interface LeaseRequested extends Waiter {
  /** Says which event this is. */
  readonly type: "leaseRequested";
}

/** A request is taken back. */
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

/** A holder hands back the actual connection of its lease. */
export interface LeaseReleased extends Holding {
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
  /** A random number in [0, 1): how much sooner than others it grows old. */
  readonly chance: number;
}

/** A session could not be opened. */
export interface ConnectFailed {
  /** Says which event this is. */
  readonly type: "connectFailed";
  /** The actual connection that it would have made. */
  readonly actual: ActualId;
  /** Whose fault it is. */
  readonly kind: FailureKind;
  /** The error, which is passed on unread. */
  readonly cause: unknown;
  /** A random number in [0, 1): how long to wait before the next attempt. */
  readonly chance: number;
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

/** A socket has closed unasked. */
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
  | { readonly type: "drainRequested"; readonly serveLine: boolean }
  | { readonly type: "deadlineReached" };

/** A fact that the shell reports to the core. */
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
