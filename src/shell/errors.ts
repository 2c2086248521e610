/**
 * `SubletError`, the one class of the errors that Sublet itself creates.
 *
 * Errors of the server come through unchanged. The code of a `SubletError` says which rule of the
 * pool applied; its message says what was tried, what the pool was doing at that moment, and which
 * error caused it.
 */

import type { PoolStats } from "./stats.ts";

/** The rule of the pool that an error comes from; codes do not change between versions. */
export type ErrorCode =
  | "COMMIT_UNKNOWN"
  | "CONNECTION_LEFT"
  | "CONNECTION_LOST"
  | "CONNECT_FAILED"
  | "DRIVER_UNSUPPORTED"
  | "LEASE_DEADLOCK"
  | "LEASE_ENDED"
  | "LEASE_FOREIGN"
  | "LEASE_TIMEOUT"
  | "QUEUE_FULL"
  | "OPTION_INVALID"
  | "POOL_DRAINING"
  | "RESULT_TOO_LARGE"
  | "STATEMENT_REFUSED"
  | "STATEMENT_TIMEOUT"
  | "TRANSACTION_LOST"
  | "TRANSACTION_OPEN"
  | "UNIT_ENDED";

/** What the pool was doing for the caller when the error occurred. */
export type Stage = "commit" | "connect" | "lease" | "options" | "statement" | "unit";

/** Further details of an error. */
export interface ErrorDetails {
  /** The statistics of the pool at that moment. */
  readonly stats?: PoolStats;
  /** The error that caused it. */
  readonly cause?: unknown;
}

/**
 * An error of the pool itself.
 *
 * | code | when |
 * |---|---|
 * | `COMMIT_UNKNOWN` | the connection was lost, or the signal aborted, before COMMIT was answered |
 * | `CONNECTION_LEFT` | a statement reads LAST_INSERT_ID() or the like as another unit left it |
 * | `CONNECTION_LOST` | the connection of a lease, a transaction or a pinned unit has ended |
 * | `CONNECT_FAILED` | the pool cannot open an actual connection; `cause` is the driver's error |
 * | `DRIVER_UNSUPPORTED` | the installed version of mysql2 lacks something that the pool needs |
 * | `LEASE_DEADLOCK` | the request, or the drain, would wait for leases that wait for it |
 * | `LEASE_ENDED` | a lease or a transaction was used after its end |
 * | `LEASE_FOREIGN` | a unit of work used a lease that another unit took |
 * | `LEASE_TIMEOUT` | no actual connection became free in time |
 * | `QUEUE_FULL` | `queueLimit` requests already wait in the queue |
 * | `OPTION_INVALID` | an option is unknown, or its value is invalid |
 * | `POOL_DRAINING` | the pool, or this pool object, is draining or has ended |
 * | `RESULT_TOO_LARGE` | the rows of a statement exceed `maxResultBytes` |
 * | `STATEMENT_REFUSED` | a statement would end its transaction, or have no effect outside a unit |
 * | `STATEMENT_TIMEOUT` | the server did not answer a statement within its `timeout` |
 * | `TRANSACTION_LOST` | the server rolled the transaction back, or a statement ended it early |
 * | `TRANSACTION_OPEN` | a statement of the unit began a transaction by hand that is still open |
 * | `UNIT_ENDED` | a statement came, or still waited, when its unit of work had ended |
 *
 * @example
 * ```ts
 * import { SubletError } from "@sublet/mysql";
 *
 * const error: unknown = new SubletError("QUEUE_FULL", "lease", "The queue is full");
 * if (error instanceof SubletError && error.code === "QUEUE_FULL") console.log(error.message);
 * ```
 */
export class SubletError extends Error {
  /** The name of the class. */
  override readonly name = "SubletError";
  /** The rule of the pool that it comes from. */
  readonly code: ErrorCode;
  /** What the pool was doing for the caller. */
  readonly stage: Stage;
  /** The statistics of the pool at that moment, where they matter. */
  readonly stats: PoolStats | undefined;

  /**
   * Creates an error.
   *
   * @param code The rule of the pool that it comes from.
   * @param stage What the pool was doing for the caller.
   * @param message What was tried, and what went wrong, without a full stop.
   * @param details The statistics and the cause; both are added to the message.
   */
  constructor(code: ErrorCode, stage: Stage, message: string, details: ErrorDetails = {}) {
    super(messageOf(message, details), "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.stage = stage;
    this.stats = details.stats;
  }
}

/**
 * Creates an error without a stack. Where the pool ends a wait, the stack would say nothing, and
 * the pool may end thousands of waits at once; the caller's stack is added later.
 */
export function withoutStack(create: () => SubletError): SubletError {
  const limit: unknown = Reflect.get(Error, "stackTraceLimit");
  Reflect.set(Error, "stackTraceLimit", 0);
  try {
    return create();
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit);
  }
}

/** Describes in one line what a pool is doing. */
function describeStats(stats: PoolStats): string {
  const { waiting, leased, connectionLimit, idle, connecting, closing, ceiling } = stats;
  const busy = stats.checking + stats.resetting + stats.retargeting;
  let line = `${waiting} waiting, ${leased} of ${connectionLimit} leased, ${idle} idle, ` +
    `${connecting} connecting, ${busy} being prepared, ${closing} closing`;
  if (ceiling < connectionLimit) line += `, the server has room for ${ceiling}`;
  if (stats.phase !== "open") line += `, ${stats.phase}`;
  return line;
}

function messageOf(message: string, { stats, cause }: ErrorDetails): string {
  const told = stats === undefined ? message : `${message} (${describeStats(stats)})`;
  return cause instanceof Error && cause.message !== "" ? `${told}: ${cause.message}` : told;
}

/** Returns the error for work that comes after its unit has ended. */
export function unitEnded(): SubletError {
  return new SubletError("UNIT_ENDED", "unit", "The unit of work has ended");
}
