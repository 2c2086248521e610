/** What a pool asks of its shell: orders, each named in the imperative. */

import type { ActualId, LeaseId, TargetId } from "./state.ts";

/** Why a request for a lease is refused. */
export type RefuseReason = "connectFailed" | "deadlock" | "draining" | "lineFull";

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

/** An order for the shell, which carries out a step's orders in sequence. */
export type Command =
  | { readonly type: "connect"; readonly actual: ActualId; readonly target: TargetId }
  | { readonly type: WorkOrder; readonly actual: ActualId; readonly target: TargetId }
  | { readonly type: "close"; readonly actual: ActualId; readonly reason: RetireReason }
  | { readonly type: "grant"; readonly lease: LeaseId; readonly actual: ActualId }
  | {
    readonly type: "refuse";
    readonly lease: LeaseId;
    readonly reason: RefuseReason;
    readonly cause: unknown;
  }
  | { readonly type: "forget"; readonly target: TargetId }
  | { readonly type: "finish" };
