/**
 * The names of options: which ones a call takes, and what the pool says of any other. A misspelt
 * option would have no effect, and nobody would notice.
 */

import { didYouMean } from "./did_you_mean.ts";
import { SubletError } from "./errors.ts";
import { refuseCallback } from "./refusals.ts";

/**
 * The pool's own words for names in other libraries (pg, tarn, knex, Sequelize, HikariCP, ORMs).
 * Of several, the error names the first that the call takes.
 */
const namesElsewhere: ReadonlyMap<string, readonly string[]> = new Map([
  ["acquire", ["acquireTimeout"]],
  ["acquireTimeoutMillis", ["acquireTimeout"]],
  ["bindings", ["values"]],
  ["connectionString", ["uri"]],
  ["connectionTimeout", ["acquireTimeout"]],
  ["connectionTimeoutMillis", ["acquireTimeout"]],
  ["createTimeoutMillis", ["connectTimeout"]],
  ["db", ["database"]],
  ["hostname", ["host"]],
  ["idle", ["idleTimeout"]],
  ["idleTimeoutMillis", ["idleTimeout"]],
  ["isolationLevel", ["isolation"]],
  ["leakDetectionThreshold", ["leakDetectionTimeout"]],
  ["max", ["connectionLimit", "limit"]],
  ["maxLifetimeSeconds", ["maxLifetime"]],
  ["maxRetries", ["retries"]],
  ["maximumPoolSize", ["connectionLimit", "limit"]],
  ["min", ["minimumIdle"]],
  ["minDelayValidation", ["validateAfter"]],
  ["parameters", ["values"]],
  ["params", ["values"]],
  ["pass", ["password"]],
  ["passwd", ["password"]],
  ["pool", ["connectionLimit"]],
  ["poolSize", ["connectionLimit"]],
  ["prepareCacheLength", ["maxPreparedStatements"]],
  ["resetAfterUse", ["resetOnRelease"]],
  ["size", ["connectionLimit", "limit"]],
  ["socket", ["socketPath"]],
  ["sslMode", ["tls"]],
  ["ssl-mode", ["tls"]],
  ["ssl_mode", ["tls"]],
  ["sslmode", ["tls"]],
  ["text", ["sql"]],
  ["timeout", ["signal"]],
  ["transactions", ["transaction"]],
  ["url", ["uri"]],
  ["username", ["user"]],
]);

/** Advice for an option that only another call takes. */
const onlyUnits = ": the pool repeats units alone, by `unit(fn, { transaction, retries })`";
const takenElsewhere: ReadonlyMap<string, string> = new Map([
  ["retries", onlyUnits],
  ["transaction", onlyUnits],
]);

/**
 * Throws if options are not an object, or have a name that the call does not take.
 *
 * @param options The argument of the caller.
 * @param known The names of the options that the call takes.
 */
export function checkOptions(options: unknown, known: ReadonlySet<string>): void {
  refuseCallback(options);
  if (typeof options !== "object" || options === null) {
    const received = options === null ? "null" : `a ${typeof options}`;
    const message = `The options must be an object: received ${received}`;
    throw new SubletError("OPTION_INVALID", "options", message);
  }
  for (const name in options) if (!known.has(name)) throw unknownOption(name, known);
}

/**
 * Returns the error for an option that does not exist.
 *
 * @param name The name that the caller gave.
 * @param known The names of the options that the call takes.
 * @param shown The name as the message shows it; `name` unless given.
 */
export function unknownOption(
  name: string,
  known: Iterable<string>,
  shown: string = name,
): SubletError {
  const names = [...known];
  const meant = namesElsewhere.get(name)?.find((own) => names.includes(own));
  const hint = meant === undefined
    ? takenElsewhere.get(name) ?? didYouMean(name, names)
    : didYouMean(meant, [meant]);
  const how = meant === "signal" ? " `AbortSignal.timeout(ms)` makes one" : "";
  const message = `There is no option ${JSON.stringify(shown)}${hint}${how}`;
  return new SubletError("OPTION_INVALID", "options", message);
}

/**
 * Returns options as a plain object, with all properties that the driver would read: also those
 * that are inherited or not enumerable, as in an object of a class, if the pool knows their names.
 *
 * @param given The options as the caller gave them; the pool never changes them.
 * @param known The names of the options that the call takes.
 */
export function readOptions(given: object, known: Iterable<string>): Record<string, unknown> {
  const read: Record<string, unknown> = { ...given };
  for (const name of known) {
    if (Object.hasOwn(read, name) || name in Object.prototype) continue;
    const value: unknown = Reflect.get(given, name);
    if (value !== undefined || name in given) read[name] = value;
  }
  return read;
}
