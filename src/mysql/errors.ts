/**
 * What a pool must know of the errors of the server, of the driver and of sockets, in one
 * table: whether the connection and its transaction have outlived the error, what it says of
 * the server, and whether all of it may be done again. An error that is not in the table is one
 * of the statement alone.
 */

/** Whose server it is; what a number above 1900 means depends on that. */
export type Flavor = "mariadb" | "mysql";

/** What an error says of the server: that it has no room, is not there, or does not write. */
export type Plight = "full" | "down" | "readOnly";

/** What follows from an error. */
export interface ErrorClass {
  /** Who alone means this by the number. */
  readonly flavor?: Flavor;
  /** Whether the connection has ended with it, or will. */
  readonly isLoss?: boolean;
  /** Whether the server has rolled the transaction back. */
  readonly isRolledBack?: boolean;
  /** Whether the transaction has not been committed, and may succeed if it is done again. */
  readonly isRepeatable?: boolean;
  /** What it says of the server. */
  readonly serverState?: Plight;
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

/** ER_OPTION_PREVENTS_STATEMENT: one of many options, among them that which forbids to write. */
const preventing = 1290;

/** Errors of the server by their numbers, those of the driver and of sockets by their codes. */
export const table: ReadonlyMap<unknown, ErrorClass> = new Map<unknown, ErrorClass>([
  // ER_CHECKREAD: a row was changed since the snapshot.
  [1020, { ...rolledBack, ...ofMariaDb }],
  // ER_OPEN_AS_READONLY
  [1036, readOnly],
  // ER_CON_COUNT_ERROR
  [1040, full],
  // ER_UNKNOWN_COM_ERROR: a node of a cluster that is not ready, though it answers a ping.
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

/** Returns what follows from an error; what either make means, if it is not known whose it is. */
export function classOf(error: unknown, flavor?: Flavor): ErrorClass {
  const { errno, code, fatal, message } = Object(error) as Partial<Record<string, unknown>>;
  // Of a server that ends an idle session the driver gives the number as a code.
  const found = table.get(errno) ?? table.get(code) ?? none;
  const isMeant = flavor === undefined || found.flavor === undefined || found.flavor === flavor;
  const isSaid = errno !== preventing || /read.only/.test(String(message));
  const said = isMeant && isSaid ? found : none;
  // The driver marks errors that end the connection, though not all of them.
  return fatal === true && !said.isLoss ? { ...said, ...lost } : said;
}

/** Tells whether an error of a connect says that the server has no room for more. */
export function isFull(error: unknown): boolean {
  return classOf(error).serverState === "full";
}

/** Tells whether an error says that its session has ended. */
export function isLoss(error: unknown): boolean {
  return classOf(error).isLoss === true;
}

/**
 * Tells whether an error, or one that is its cause, says that a transaction has not been
 * committed and may well succeed if it is done again: a deadlock, a lock that could not be
 * had, a lost connection. Whether a COMMIT was under way when the connection was lost is not
 * for the error to say: then nobody knows.
 */
export function isRepeatable(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (classOf(at).isRepeatable) return true;
  }
  return false;
}

/** Tells whether an error only says that the driver's connection had ended before. */
export function isClosedState(error: unknown): boolean {
  return error instanceof Error && codeOf(error) === undefined &&
    error.message.endsWith("when connection is in closed state");
}

/** Returns the code of an error, if it has one. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** The driver's own code for an answer without sense. */
const nonsenseCode = "PROTOCOL_ERROR";

/**
 * Returns an error, which ends the session, of an answer without sense and what that led to. The
 * driver may fail somewhere in its own code then, as if it was a mistake of the caller.
 */
export function protocolError(message: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code: nonsenseCode, fatal: true });
}

/** Returns an error that says so of what was thrown while an answer was read. */
export function unreadable(cause: unknown): Error {
  return protocolError("The server's answer could not be read", cause);
}

/** Tells whether an error says so. */
export function isProtocolError(error: unknown): boolean {
  return codeOf(error) === nonsenseCode;
}
