/**
 * `SubletError`, the one class of the errors that Sublet itself creates.
 *
 * Errors of the server come through unchanged. The code of a `SubletError` says which rule of the
 * pool applied; its message says what was tried, what the pool was doing at that moment, and which
 * error caused it.
 */

import { atCaller } from "./own_frames.ts";
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
  /** Further remarks about the pool, which the message includes. */
  readonly notes?: readonly string[];
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
 * | `TRANSACTION_OPEN` | a transaction that is open is in the way of what the code asks for |
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
  /** The code of the error that caused it, such as `ER_ACCESS_DENIED_ERROR`, if that has one. */
  declare readonly causeCode?: string;
  readonly #stage: Stage;
  readonly #stats: PoolStats | undefined;

  /**
   * Creates an error.
   *
   * @param code The rule of the pool that it comes from.
   * @param stage What the pool was doing for the caller.
   * @param message What was tried, and what went wrong, without a full stop.
   * @param details The statistics, the cause and notes; the message includes them.
   */
  constructor(code: ErrorCode, stage: Stage, message: string, details: ErrorDetails = {}) {
    super(messageOf(message, details));
    const { cause, stats } = details;
    this.code = code;
    this.#stage = stage;
    this.#stats = stats;
    const causeCode: unknown = Object(cause).code;
    if (typeof causeCode === "string") this.causeCode = causeCode;
    // Node prints a value in full, and so many lines below an uncaught error; the message has it.
    if (code === "OPTION_INVALID") atCaller(this);
    if ("cause" in details) Object.defineProperty(this, "cause", { get: () => cause });
  }

  /** What the pool was doing for the caller. */
  get stage(): Stage {
    return this.#stage;
  }

  /** The statistics of the pool at that moment, where they matter. */
  get stats(): PoolStats | undefined {
    return this.#stats;
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
  const { connectionLimit, ceiling, phase } = stats;
  const counts = {
    waiting: stats.waiting,
    idle: stats.idle,
    connecting: stats.connecting,
    "being prepared": stats.checking + stats.resetting + stats.retargeting,
    closing: stats.closing,
  };
  const others = Object.entries(counts).filter(([, count]) => count > 0)
    .map(([what, count]) => `, ${count} ${what}`);
  const room = ceiling < connectionLimit ? `, the server has room for ${ceiling}` : "";
  const ending = phase === "open" ? "" : `, ${phase}`;
  return `pool: ${stats.leased} of ${connectionLimit} in use${others.join("")}${room}${ending}`;
}

function messageOf(message: string, { stats, cause, notes = [] }: ErrorDetails): string {
  const caused = cause instanceof Error && cause.message !== "";
  const whole = caused ? `${message}: ${cause.message}` : message;
  if (stats === undefined) return whole;
  return `${whole} (${[describeStats(stats), ...notes].join("; ")})`;
}

/** Returns the error for work that comes after its unit has ended. */
export function unitEnded(): SubletError {
  const message = "The unit of work has ended: await each statement before the code of the unit " +
    "returns, or run later work in a `unit` of its own";
  return new SubletError("UNIT_ENDED", "unit", message);
}
