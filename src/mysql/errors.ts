/**
 * What a pool must know of the errors of the server, of the driver and of sockets, in one
 * table. Numbers and names are those of MySQL and MariaDB, which agree in these.
 */

/**
 * The server has no room: ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS,
 * ER_USER_LIMIT_REACHED.
 */
const full: ReadonlySet<unknown> = new Set([1040, 1203, 1226]);

/**
 * The server has rolled the transaction back: ER_CHECKREAD of MariaDB (a row was changed since
 * the snapshot), ER_LOCK_TABLE_FULL, ER_LOCK_DEADLOCK.
 */
const rolledBack: ReadonlySet<unknown> = new Set([1020, 1206, 1213]);

/** Another transaction was in the way: ER_LOCK_WAIT_TIMEOUT, ER_LOCK_NOWAIT. */
const inTheWay: ReadonlySet<unknown> = new Set([1205, 3572]);

/**
 * The session has ended: ER_SERVER_SHUTDOWN, errors of reading and writing packets,
 * ER_CONNECTION_KILLED of MariaDB, ER_CLIENT_INTERACTION_TIMEOUT.
 */
const lost: ReadonlySet<unknown> = new Set([1053, 1158, 1159, 1160, 1161, 1927, 4031]);

/** The session has ended, as the driver and sockets say it. */
const lostCodes: ReadonlySet<unknown> = new Set([
  "ECONNABORTED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "PROTOCOL_CONNECTION_LOST",
  "PROTOCOL_SEQUENCE_TIMEOUT",
]);

/** Tells whether an error of a connect says that the server has no room for more. */
export function isFull(error: unknown): boolean {
  return full.has(numberOf(error));
}

/** Tells whether the number of an error says that the server has rolled the transaction back. */
export function isRolledBack(number: number): boolean {
  return rolledBack.has(number);
}

/** Tells whether an error says that its session has ended. */
export function isLoss(error: unknown): boolean {
  return lost.has(numberOf(error)) || lostCodes.has(codeOf(error)) ||
    codeOf(error) === 4031 || isFatal(error);
}

/**
 * Tells whether an error, or one that is its cause, says that a transaction has not been
 * committed and may well succeed if it is done again: a deadlock, a lock that could not be
 * had, a lost connection. Whether a COMMIT was under way when the connection was lost is not
 * for the error to say: then nobody knows.
 */
export function isRepeatable(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const number = numberOf(at);
    if (rolledBack.has(number) || inTheWay.has(number) || isLoss(at)) return true;
  }
  return false;
}

/** Tells whether an error only says that the driver's connection had ended before. */
export function isClosedState(error: unknown): boolean {
  return error instanceof Error && codeOf(error) === undefined &&
    error.message.endsWith("when connection is in closed state");
}

function numberOf(error: unknown): unknown {
  return error instanceof Error && "errno" in error ? error.errno : undefined;
}

/** Returns the code of an error, if it has one. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** The driver marks errors that end the connection, though not all of them. */
function isFatal(error: unknown): boolean {
  return error instanceof Error && "fatal" in error && error.fatal === true;
}
