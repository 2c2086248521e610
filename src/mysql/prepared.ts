/**
 * Hands statements to the driver, prepared ones above all: it keeps those of a connection in a
 * cache; where the cache and the server disagree, or the server has no room, that is put right and
 * the statement sent once more: the server has refused to begin it, so nothing of it has run.
 *
 * The server keeps with each the database, the sql_mode and the character set of the moment at
 * which it was prepared. So the cache is emptied whenever one of these may have changed.
 */

import type { Statement } from "../port.ts";
import type { DriverCommand, DriverInternals, PreparedHandle } from "./internals.ts";

/** Gets what a statement brings. */
type Answer = (error: unknown, rows: unknown, fields: unknown) => void;

/** How many statements each connection keeps prepared unless options say otherwise. */
export const preparedMax = 500;

/** ER_UNKNOWN_STMT_HANDLER: its holder has closed the handle, which the cache does not learn. */
const closed = 1243;
/** ER_MAX_PREPARED_STMT_COUNT_REACHED: that of all clients of the server together. */
const tooMany = 1461;

const advice =
  "a pool keeps up to connectionLimit times maxPreparedStatements of them; lower that, " +
  "or raise max_prepared_stmt_count of the server";

/** The handles that somebody has asked for by the driver's own `prepare`. */
const held: WeakSet<PreparedHandle> = new WeakSet();

/** Has the driver run a statement; `answer` gets what it brings. */
export function send(
  driver: DriverInternals,
  { sql, values, isPrepared, options }: Statement,
  answer: Answer,
): void {
  const text = options === undefined ? sql : { ...options, sql, values };
  const given = options === undefined ? values : undefined;
  if (isPrepared) executeCached(driver, text, given, answer);
  else driver.query(text, given, answer);
}

/** Tells whether the rows of a statement are read by the driver alone, and no code of a caller. */
export function isReadByDriver({ config }: DriverInternals, { options }: Statement): boolean {
  const { typeCast = config.typeCast } = options as { typeCast?: unknown } ?? {};
  return typeof typeCast !== "function";
}

/** Prepares a statement, unless that was done before, and executes it. */
function executeCached(
  driver: DriverInternals,
  sql: string | object,
  values: unknown,
  answer: Answer,
): void {
  driver.execute(sql, values, (error: unknown, rows: unknown, fields: unknown) => {
    if (error && heal(driver, sql, error)) driver.execute(sql, values, answer);
    else answer(error, rows, fields);
  });
}

/** Notes the handle that a command brings as one that its user closes himself. */
export function leaveToUser(command: DriverCommand): void {
  const { onResult } = command;
  if (typeof onResult !== "function") return;
  command.onResult = (error: unknown, handle?: PreparedHandle): void => {
    if (handle !== undefined) held.add(handle);
    Reflect.apply(onResult, command, [error, handle]);
  };
}

/** Lets no statement be executed by what was prepared before; closes all but its users' own. */
export function forgetPrepared({ _statements }: DriverInternals): void {
  if (_statements.size === 0) return;
  const kept = Array.from(_statements.values()).filter((handle) => held.has(handle));
  // The cache closes each handle that it throws out.
  for (const handle of kept) handle.close = () => undefined;
  _statements.clear();
  for (const handle of kept) Reflect.deleteProperty(handle, "close");
}

/** Tells whether there is no reason any more for what the server has refused. */
function heal(driver: DriverInternals, sql: string | object, error: unknown): boolean {
  const errno = error instanceof Error && "errno" in error ? error.errno : undefined;
  if (errno === closed) return driver.unprepare(sql) !== undefined;
  if (errno !== tooMany) return false;
  const hasRoom = driver._statements.size > 0;
  driver._statements.clear();
  if (!hasRoom && error instanceof Error) error.message += ` (${advice})`;
  return hasRoom;
}
