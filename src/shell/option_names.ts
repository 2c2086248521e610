/**
 * The names of options: which ones a call takes, and what the pool says of any other. A misspelt
 * option would have no effect, and nobody would notice.
 */

import { didYouMean } from "./did_you_mean.ts";
import { SubletError } from "./errors.ts";
import { refuseCallback } from "./refusals.ts";

/** The names of the options of a pool. */
export const POOL_OPTIONS: readonly string[] = [
  "connectionLimit",
  "queueLimit",
  "waitForConnections",
  "resetOnRelease",
  "idleTimeout",
  "maxIdle",
  "maxLifetime",
  "minimumIdle",
  "validateAfter",
  "acquireTimeout",
  "leakDetectionTimeout",
  "connections",
  "name",
  "shared",
  "lifespan",
];

/**
 * The pool's own words for names in other libraries (pg, tarn, knex, Sequelize, HikariCP, ORMs),
 * which are in lower case, without "-" and "_". Of several, the error names the first that the call
 * takes.
 */
const namesElsewhere: ReadonlyMap<string, readonly string[]> = new Map([
  ["acquire", ["acquireTimeout", "timeout"]],
  ["acquiretimeout", ["timeout"]],
  ["acquiretimeoutmillis", ["acquireTimeout", "timeout"]],
  ["bindings", ["values"]],
  ["ca", ["ssl"]],
  ["collation", ["charset"]],
  ["connectionlimit", ["limit"]],
  ["connectionstring", ["uri"]],
  ["connectiontimeout", ["acquireTimeout"]],
  ["connectiontimeoutmillis", ["acquireTimeout"]],
  ["createtimeoutmillis", ["connectTimeout"]],
  ["db", ["database"]],
  ["hostname", ["host"]],
  ["idle", ["idleTimeout"]],
  ["idletimeoutmillis", ["idleTimeout"]],
  ["isolationlevel", ["isolation"]],
  ["keepalive", ["enableKeepAlive"]],
  ["leakdetectionthreshold", ["leakDetectionTimeout"]],
  ["max", ["connectionLimit", "limit"]],
  ["maxconnections", ["connectionLimit", "limit"]],
  ["maximumpoolsize", ["connectionLimit", "limit"]],
  ["maxlifetimeseconds", ["maxLifetime"]],
  ["maxpoolsize", ["connectionLimit", "limit"]],
  ["maxretries", ["retries"]],
  ["min", ["minimumIdle"]],
  ["minconnections", ["minimumIdle"]],
  ["mindelayvalidation", ["validateAfter"]],
  ["minpoolsize", ["minimumIdle"]],
  ["parameters", ["values"]],
  ["params", ["values"]],
  ["pass", ["password"]],
  ["passwd", ["password"]],
  ["pool", ["connectionLimit"]],
  ["poolsize", ["connectionLimit"]],
  ["preparecachelength", ["maxPreparedStatements"]],
  ["rejectunauthorized", ["ssl"]],
  ["resetafteruse", ["resetOnRelease"]],
  ["retry", ["retries"]],
  ["schema", ["database"]],
  ["size", ["connectionLimit", "limit"]],
  ["socket", ["socketPath"]],
  ["sslmode", ["tls"]],
  ["text", ["sql"]],
  ["timeout", ["signal", "acquireTimeout"]],
  ["transactions", ["transaction"]],
  ["unixsocket", ["socketPath"]],
  ["url", ["uri"]],
  ["username", ["user"]],
]);

const ofUnits = "the pool repeats units alone, by `unit(fn, { transaction, retries })`";
const ofStatements = "a statement takes it, as in `query({ sql, rowsAsArray })`";
const ofTransactions = "a transaction takes it, as in `transaction(fn, { isolation })`";
const ofPools = "`createPool` takes it";
const ofBindings = "a unit takes it in `bind`, as in `unit(fn, { bind: { main: { database } } })`";
const timeLimit = "a statement takes a limit, as in `query(sql, values, { timeout })`";

/** Advice for an option that only another call takes, or none needs. */
const takenElsewhere: ReadonlyMap<string, string> = new Map([
  ...POOL_OPTIONS.map((name) => [name, ofPools] as const),
  ["allowImplicitCommit", ofTransactions],
  ["isolation", ofTransactions],
  ["readOnly", ofTransactions],
  ["maxRetries", ofUnits],
  ["retries", ofUnits],
  ["retry", ofUnits],
  ["transaction", ofUnits],
  ["infileStreamFactory", ofStatements],
  ["maxResultBytes", ofStatements],
  ["namedPlaceholders", ofStatements],
  ["nestTables", ofStatements],
  ["rowsAsArray", ofStatements],
  ["typeCast", ofStatements],
  ["database", ofBindings],
  ["queryTimeout", timeLimit],
  ["query_timeout", timeLimit],
  ["statement_timeout", timeLimit],
  ["trace", "the stack of an error names the caller's line without it"],
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
    const message = `The options must be an object: received ${kindOf(options)}`;
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
  const message = `There is no option ${JSON.stringify(shown)}${hintFor(name, [...known])}`;
  return new SubletError("OPTION_INVALID", "options", message);
}

function hintFor(name: string, known: readonly string[]): string {
  const same = plain(name);
  const spelled = known.find((own) => plain(own) === same);
  const meant = spelled ?? namesElsewhere.get(same)?.find((own) => known.includes(own));
  if (meant === undefined) {
    const advice = takenElsewhere.get(name);
    return advice === undefined ? didYouMean(name, known) : `: ${advice}`;
  }
  const how = meant === "signal" ? " `AbortSignal.timeout(ms)` makes one" : "";
  return `; did you mean ${JSON.stringify(meant)}?${how}`;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, "");
}

/** Describes a value without showing a text, which may be a secret in the wrong place. */
export function kindOf(value: unknown): string {
  if (value === null || typeof value === "number") return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
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
