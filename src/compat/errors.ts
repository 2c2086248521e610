/**
 * Errors as code for mysql2 expects them. A failed connect gives the driver's own error. An error
 * of the pool has mysql2's message and the code of the older driver mysql.
 */

import { isFull } from "../mysql/errors.ts";
import { SubletError } from "../shell/errors.ts";

/** The driver's message for each code. */
const messages = {
  POOL_CLOSED: "Pool is closed.",
  POOL_CONNLIMIT: "No connections available.",
  POOL_ENQUEUELIMIT: "Queue limit reached.",
  POOL_NOEXIST: "Pool does Not exist.",
  POOL_NONEONLINE: "Pool does Not have online node.",
} as const;

/** The code of an error of a pool. */
export type PoolErrorCode = keyof typeof messages;

/** Returns an error of a pool with the driver's message for its code. */
export function poolError(code: PoolErrorCode, cause?: unknown): Error {
  const error = new Error(messages[code], cause === undefined ? undefined : { cause });
  return Object.assign(error, { code });
}

/** Returns the error of a request for a connection inside `db.transaction`. */
export function transactionAround(name: string): SubletError {
  const shown = JSON.stringify(name);
  const message = `Cannot lend a connection inside \`db.transaction\` on ${shown}, as its ` +
    "statements would not be part of that transaction. Use `query` and `execute` of this pool, " +
    `which are; or compat(db, ${shown}, { unit: "separate" }), to work beside the transaction`;
  return new SubletError("TRANSACTION_OPEN", "lease", message);
}

/** Turns the error of a request into the driver's; `mayWait`: whether the request may queue. */
export function driverError(error: unknown, mayWait: boolean): unknown {
  if (!(error instanceof SubletError)) return error;
  switch (error.code) {
    case "CONNECT_FAILED":
      return connectFailure(error);
    case "POOL_DRAINING":
      return poolError("POOL_CLOSED", error);
    case "QUEUE_FULL":
      return poolError(mayWait ? "POOL_ENQUEUELIMIT" : "POOL_CONNLIMIT", error);
    case "LEASE_TIMEOUT":
      return withErrno(error);
    default:
      return error;
  }
}

/** The driver's fields for why a connection has ended. */
interface Ended {
  readonly _fatalError: Error | null;
  readonly _protocolError: Error | null;
}

/** Returns the driver's error for a closed connection, plus the reason's code and `cause`. */
export function closedState({ _fatalError, _protocolError }: Ended): Error {
  const message = "Can't add new command when connection is in closed state";
  const cause = _fatalError ?? _protocolError;
  if (cause === null) return Object.assign(new Error(message), { fatal: true });
  const { code } = cause as { code?: unknown };
  return Object.assign(new Error(message, { cause }), { fatal: true, code });
}

/** Tells whether an error says that the server is read-only, as after a failover. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof Error && "errno" in error && readOnly.has(error.errno);
}

/**
 * ER_OPTION_PREVENTS_STATEMENT, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_READ_ONLY_MODE.
 */
const readOnly: ReadonlySet<unknown> = new Set([1290, 1792, 1836]);

/** The errors of failed connects. */
const connectFailures: WeakSet<object> = new WeakSet();

/** Returns the cause of a failed connect; the driver does not mark a refused login as fatal. */
function connectFailure({ cause }: SubletError): unknown {
  if (typeof cause !== "object" || cause === null) return cause;
  connectFailures.add(cause);
  return "sqlState" in cause ? Object.assign(cause, { fatal: true }) : cause;
}

/** Gives the error of a request that waited for a full server the number of the server's error. */
function withErrno(error: SubletError): SubletError {
  if (!isFull(error.cause)) return error;
  const { errno, sqlState } = Object(error.cause);
  return Object.assign(error, { errno, sqlState });
}

/** Tells whether an error is the server's fault. */
export function isOfServer(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  // If no connection was leased at the timeout, the request waited for the server.
  const isSilent = error instanceof SubletError && error.code === "LEASE_TIMEOUT" &&
    error.stats?.leased === 0;
  return isSilent || connectFailures.has(error);
}

/** Tells whether an error says that the pool or its queue is full. */
export function isOfLimit(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    (error.code === "POOL_CONNLIMIT" || error.code === "POOL_ENQUEUELIMIT");
}
