/**
 * One table of the errors of the server, the driver and sockets that a pool must know: whether the
 * connection and its transaction survive the error, what the error says about the server, and
 * whether the transaction may be repeated. An error that is not in the table concerns its statement
 * alone.
 */

/** Whether a server is MariaDB or MySQL: an error number above 1900 can mean different things. */
export type Flavor = "mariadb" | "mysql";

/** What an error says about the server: it is full, it is down, or it is read-only. */
export type ServerState = "full" | "down" | "readOnly";

/** What follows from an error. */
export interface ErrorClass {
  /** The only flavor of server that means this by the number. */
  readonly flavor?: Flavor;
  /** Whether the connection has ended with the error, or will. */
  readonly isLoss?: boolean;
  /** Whether the server has rolled the transaction back. */
  readonly isRolledBack?: boolean;
  /** Whether the transaction was not committed and may succeed if the caller repeats it. */
  readonly isRepeatable?: boolean;
  /** What the error says about the server. */
  readonly serverState?: ServerState;
}

const none: ErrorClass = {};
const inTheWay: ErrorClass = { isRepeatable: true };
const lost: ErrorClass = { ...inTheWay, isLoss: true };
const down: ErrorClass = { ...lost, serverState: "down" };
const full: ErrorClass = { isLoss: true, serverState: "full" };
const readOnly: ErrorClass = { serverState: "readOnly" };
const rolledBack: ErrorClass = { ...inTheWay, isRolledBack: true };
const ofMariaDb: ErrorClass = { flavor: "mariadb" };
const ofMysql: ErrorClass = { flavor: "mysql" };

/** ER_OPTION_PREVENTS_STATEMENT: any of several options, read-only among them. */
const preventing = 1290;

/** Errors of the server by number, those of the driver and of sockets by code. */
export const table: ReadonlyMap<unknown, ErrorClass> = new Map<unknown, ErrorClass>([
  // ER_CHECKREAD: a row was changed since the snapshot.
  [1020, { ...rolledBack, ...ofMariaDb }],
  // ER_OPEN_AS_READONLY
  [1036, readOnly],
  // ER_CON_COUNT_ERROR
  [1040, full],
  // ER_UNKNOWN_COM_ERROR: a cluster node that is not ready, although it answers a ping.
  [1047, { serverState: "down", ...ofMariaDb }],
  // ER_SERVER_SHUTDOWN
  [1053, down],
  // ER_NET_PACKET_TOO_LARGE
  [1153, { isLoss: true }],
  // ER_TOO_MANY_USER_CONNECTIONS
  [1203, full],
  // ER_LOCK_WAIT_TIMEOUT
  [1205, inTheWay],
  // ER_LOCK_TABLE_FULL
  [1206, rolledBack],
  // ER_LOCK_DEADLOCK
  [1213, rolledBack],
  // ER_USER_LIMIT_REACHED
  [1226, full],
  [preventing, readOnly],
  // ER_READ_ONLY_MODE
  [1836, readOnly],
  // ER_CONNECTION_KILLED
  [1927, { ...lost, ...ofMariaDb }],
  // ER_SERVER_OFFLINE_MODE
  [3032, { ...down, ...ofMysql }],
  // ER_LOCK_NOWAIT
  [3572, { ...inTheWay, ...ofMysql }],
  // ER_CLIENT_INTERACTION_TIMEOUT
  [4031, { ...lost, ...ofMysql }],
  ["ECONNABORTED", lost],
  ["ECONNREFUSED", down],
  ["ECONNRESET", lost],
  ["EPIPE", lost],
  ["ETIMEDOUT", lost],
  ["PROTOCOL_CONNECTION_LOST", lost],
  ["PROTOCOL_SEQUENCE_TIMEOUT", lost],
]);

/** Returns what follows from an error. Without `flavor`, an entry for either flavor applies. */
export function classOf(error: unknown, flavor?: Flavor): ErrorClass {
  const { errno, code, fatal, message } = Object(error) as Partial<Record<string, unknown>>;
  // When a server ends an idle session, the driver gives the error number as the code.
  const found = table.get(errno) ?? table.get(code) ?? none;
  const isMeant = flavor === undefined || found.flavor === undefined || found.flavor === flavor;
  const isStated = errno !== preventing || /read.only/.test(String(message));
  const applied = isMeant && isStated ? found : none;
  // The driver marks errors that end the connection, though not all of them.
  return fatal === true && !applied.isLoss ? { ...applied, ...lost } : applied;
}

/** Tells whether a connect failed because the server has no room for more connections. */
export function isFull(error: unknown): boolean {
  return classOf(error).serverState === "full";
}

/** Tells whether an error says that its session has ended. */
export function isLoss(error: unknown): boolean {
  return classOf(error).isLoss === true;
}

/**
 * Tells whether an error, or one among its causes, says that a transaction was not committed and
 * may succeed if the caller repeats it: a deadlock, a lock that was not granted, a lost connection.
 * The error does not tell whether a COMMIT was under way when the connection was lost; then the
 * outcome is unknown.
 */
export function isRepeatable(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (classOf(at).isRepeatable) return true;
  }
  return false;
}

/** Tells whether an error only says that the driver's connection had already ended. */
export function isClosedState(error: unknown): boolean {
  return error instanceof Error && codeOf(error) === undefined &&
    error.message.endsWith("when connection is in closed state");
}

/** Returns the code of an error, if it has one. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** Returns the number of a server error. */
export function errnoOf(error: unknown): unknown {
  return (Object(error) as { errno?: unknown }).errno;
}

/** The driver's own code for an answer that violates the protocol. */
const protocolErrorCode = "PROTOCOL_ERROR";

/**
 * Returns an error, which ends the session, for an answer that violates the protocol. The cause is
 * what the driver's own code threw because of the answer, as if the caller had made a mistake.
 */
export function protocolError(message: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code: protocolErrorCode, fatal: true });
}

/** Returns a protocol error for what the driver threw while it read an answer. */
export function unreadable(cause: unknown): Error {
  return protocolError("The server's answer could not be read", cause);
}

/** Tells whether an error is a protocol error. */
export function isProtocolError(error: unknown): boolean {
  return codeOf(error) === protocolErrorCode;
}
