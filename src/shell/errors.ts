/**
 * The one class of errors that Sublet itself makes.
 *
 * What the server says comes through unchanged. An error of this class says, by its code,
 * which promise of the pool applied, and in its message what was tried, what the pool was
 * doing at that moment, and what went wrong below.
 */

import type { PoolStats } from "./stats.ts";

/** Says which rule an error comes from; codes do not change between versions. */
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

/** What was being done when an error came up. */
export type Stage = "commit" | "connect" | "lease" | "options" | "statement" | "unit";

/** What else an error tells. */
export interface ErrorDetails {
  /** What the pool was doing at that moment. */
  readonly stats?: PoolStats;
  /** The error below it. */
  readonly cause?: unknown;
}

/**
 * An error of the pool itself.
 *
 * | code | when |
 * |---|---|
 * | `COMMIT_UNKNOWN` | the connection was lost, or it was aborted, before the answer to a COMMIT |
 * | `CONNECTION_LEFT` | a statement reads what one before it left, which is not its unit's |
 * | `CONNECTION_LOST` | the connection of a lease, a transaction or a pinned unit has ended |
 * | `CONNECT_FAILED` | no actual connection could be opened; `cause` is the driver's error |
 * | `DRIVER_UNSUPPORTED` | the version of mysql2 that is installed lacks what the pool uses of it |
 * | `LEASE_DEADLOCK` | the request could only have been served after itself |
 * | `LEASE_ENDED` | a lease or a transaction was used after its end |
 * | `LEASE_FOREIGN` | a lease was used by another unit of work than the one that took it |
 * | `LEASE_TIMEOUT` | no actual connection became free in time |
 * | `QUEUE_FULL` | `queueLimit` requests wait already |
 * | `OPTION_INVALID` | an option is unknown or its value is not one it takes |
 * | `POOL_DRAINING` | the pool is ending |
 * | `RESULT_TOO_LARGE` | the rows of a statement exceed `maxResultBytes` |
 * | `STATEMENT_REFUSED` | a statement would end its transaction, or have no effect where it is |
 * | `STATEMENT_TIMEOUT` | the answer to a statement did not come in time |
 * | `TRANSACTION_LOST` | the server rolled the transaction back, or a statement ended it early |
 * | `TRANSACTION_OPEN` | a statement of the unit has begun a transaction by hand, which is open |
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
  /** Which rule it comes from. */
  readonly code: ErrorCode;
  /** What was being done. */
  readonly stage: Stage;
  /** What the pool was doing, where that matters. */
  readonly stats: PoolStats | undefined;

  /**
   * Creates an error.
   *
   * @param code Which rule it comes from.
   * @param stage What was being done.
   * @param prose What was tried and found, without a full stop.
   * @param details The statistics and the error below, which join the message.
   */
  constructor(code: ErrorCode, stage: Stage, message: string, details: ErrorDetails = {}) {
    super(messageOf(message, details), "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.stage = stage;
    this.stats = details.stats;
  }
}

/**
 * Creates an error without a stack of its own: where the pool gives up a wait there is none that
 * says anything, and thousands may be given up at once. The one of its caller is added later.
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

/** Says in one line what a pool is doing. */
function describeStats(stats: PoolStats): string {
  const { waiting, leased, connectionLimit, idle, connecting, closing, ceiling } = stats;
  const busy = stats.checking + stats.resetting + stats.retargeting;
  let line = `${waiting} waiting, ${leased} of ${connectionLimit} leased, ${idle} idle, ` +
    `${connecting} connecting, ${busy} being prepared, ${closing} closing`;
  if (ceiling < connectionLimit) line += `, the server bears ${ceiling}`;
  if (stats.phase !== "open") line += `, ${stats.phase}`;
  return line;
}

function messageOf(message: string, { stats, cause }: ErrorDetails): string {
  const told = stats === undefined ? message : `${message} (${describeStats(stats)})`;
  return cause instanceof Error && cause.message !== "" ? `${told}: ${cause.message}` : told;
}

/** Returns the error of what comes too late for its unit of work. */
export function unitEnded(): SubletError {
  return new SubletError("UNIT_ENDED", "unit", "The unit of work has ended");
}
