/**
 * Errors as code that knows mysql2 expects them: the driver's own where it could not connect, and
 * the pool's with the words of mysql2 and the codes of the older driver mysql.
 */

import { SubletError } from "../shell/errors.ts";

/** The driver's words for what a pool refuses, by the code of the error. */
const messages = {
  POOL_CLOSED: "Pool is closed.",
  POOL_CONNLIMIT: "No connections available.",
  POOL_ENQUEUELIMIT: "Queue limit reached.",
  POOL_NOEXIST: "Pool does Not exist.",
  POOL_NONEONLINE: "Pool does Not have online node.",
} as const;

/** Says what a pool refuses, and why. */
export type PoolErrorCode = keyof typeof messages;

/** Returns an error of a pool. */
export function poolError(code: PoolErrorCode, cause?: unknown): Error {
  const error = new Error(messages[code], cause === undefined ? undefined : { cause });
  return Object.assign(error, { code });
}

/** Returns what a request, which may wait or not, has failed with in the driver's words. */
export function driverError(error: unknown, mayWait: boolean): unknown {
  if (!(error instanceof SubletError)) return error;
  switch (error.code) {
    case "CONNECT_FAILED":
      return connectFailure(error);
    case "POOL_DRAINING":
      return poolError("POOL_CLOSED", error);
    case "QUEUE_FULL":
      return poolError(mayWait ? "POOL_ENQUEUELIMIT" : "POOL_CONNLIMIT", error);
    default:
      return error;
  }
}

/** Why a connection has ended, as the driver keeps it. */
interface Ended {
  readonly _fatalError: Error | null;
  readonly _protocolError: Error | null;
}

/** Returns what the driver says of a connection that has ended, with the code of the reason. */
export function closedState({ _fatalError, _protocolError }: Ended): Error {
  const message = "Can't add new command when connection is in closed state";
  const cause = _fatalError ?? _protocolError;
  if (cause === null) return Object.assign(new Error(message), { fatal: true });
  const { code } = cause as { code?: unknown };
  return Object.assign(new Error(message, { cause }), { fatal: true, code });
}

/** Tells whether an error says that nothing can be written here, as after a failover. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof Error && "errno" in error && readOnly.has(error.errno);
}

/**
 * ER_OPTION_PREVENTS_STATEMENT, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_READ_ONLY_MODE.
 */
const readOnly: ReadonlySet<unknown> = new Set([1290, 1792, 1836]);

/** What connects failed with. */
const connectFailures: WeakSet<object> = new WeakSet();

function connectFailure({ cause }: SubletError): unknown {
  if (typeof cause === "object" && cause !== null) connectFailures.add(cause);
  return cause;
}

/** Tells whether an error says that there is something wrong with a server. */
export function isOfServer(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  // Who waited in vain though nobody had a connection waited for the server.
  const isSilent = error instanceof SubletError && error.code === "LEASE_TIMEOUT" &&
    error.stats?.leased === 0;
  return isSilent || connectFailures.has(error);
}

/** Tells whether an error says that a pool has as many who hold or await as it may. */
export function isOfLimit(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    (error.code === "POOL_CONNLIMIT" || error.code === "POOL_ENQUEUELIMIT");
}
