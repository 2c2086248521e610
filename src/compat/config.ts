/**
 * Reads mysql2's options and translates them into those of Sublet's pool.
 *
 * mysql2's own class reads the options of a connection, with its defaults and its warnings. This
 * file reads the options that mysql2 has for the pool itself.
 */

import { driverOptionsOf } from "../mysql/driver_options.ts";
import {
  checkUriSet,
  checkUriText,
  isUrl,
  settingsOf,
  type Target,
  targetOptionNames,
  type TargetOptions,
} from "../mysql/mod.ts";
import { redact } from "../mysql/redact.ts";
import { SubletError } from "../shell/errors.ts";
import { readOptions } from "../shell/option_names.ts";
import { type ConnectionConfig, hidden } from "./internals.ts";

/** The options of mysql2's pool. */
export type DriverPoolOptions = Exclude<
  Parameters<(typeof import("mysql2"))["createPool"]>[0],
  string
>;

/** The options that these pools take beyond mysql2's; durations in ms. */
export interface MoreOptions {
  /** How long a request waits for a connection. 0: no limit. Default: 10,000. */
  readonly acquireTimeout?: number | undefined;
  /** Maximum age of a connection. 0: no limit. Default: 1,800,000. */
  readonly maxLifetime?: number | undefined;
  /** How many bytes of rows one statement may return. Default: no limit. */
  readonly maxResultBytes?: number | undefined;
  /** How many connections the pool keeps open from its first use on. Default: 0. */
  readonly minimumIdle?: number | undefined;
  /** The pool checks a connection that was idle this long before it lends it. Default: 500. */
  readonly validateAfter?: number | undefined;
  /** After how long the pool reports a lease as a leak. 0: never. Default: 0. */
  readonly leakDetectionTimeout?: number | undefined;
  /** How long connections may live: as long as the pool, or as one unit of work. */
  readonly lifespan?: "pool" | "unit" | undefined;
  /** SQL that the pool runs on each new session, and again after each reset, before use. */
  readonly initSql?: string | readonly string[] | undefined;
  /** The password, or a function that the pool calls before each login to get it. */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /** Options as a URI: `mysql://user:password@host:port/database?option=value`. */
  readonly uri?: string | URL | undefined;
  /**
   * "join": if their unit of work has a transaction open, the pool's statements run in it.
   * Default: they run on other connections.
   */
  readonly unit?: "join" | undefined;
}

/** The options of a pool with mysql2's interface. */
export type CompatOptions = Omit<DriverPoolOptions, "password" | "uri"> & MoreOptions;

/** The options of a pool as `pool.config` shows them; the same shape as mysql2's. */
export interface PoolConfig {
  /** The options of its connections; tools look for `idleTimeout` here as well. */
  readonly connectionConfig: ConnectionConfig & { readonly idleTimeout: number };
  /** Whether requests may queue. */
  readonly waitForConnections: boolean;
  /** How many connections there may be. 0: no limit. */
  readonly connectionLimit: number;
  /** How many connections may be idle. */
  readonly maxIdle: number;
  /** How long a connection may be idle, in ms. */
  readonly idleTimeout: number;
  /** How many requests may queue. 0: no limit. */
  readonly queueLimit: number;
  /** Whether each connection is reset when it is released. */
  readonly resetOnRelease: boolean;
}

/** Options that mysql2 does not know; it would warn about them. */
const moreNames: readonly (keyof MoreOptions)[] = [
  "acquireTimeout",
  "initSql",
  "leakDetectionTimeout",
  "lifespan",
  "maxLifetime",
  "maxResultBytes",
  "minimumIdle",
  "unit",
  "validateAfter",
];

/** Options that the target does not take: set elsewhere, or for servers only. */
const left: readonly string[] = [
  "charsetNumber",
  "clientFlags",
  "gracefulEnd",
  "idleTimeout",
  "isServer",
  "localAddress",
  "maxPacketSize",
  "pool",
  "stream",
  "trace",
];

/** Options that the driver or the pool reads, wherever in an object they are. */
const names: readonly string[] = [
  ...targetOptionNames,
  ...moreNames,
  ...left,
  "connectionLimit",
  "maxIdle",
  "queueLimit",
  "resetOnRelease",
  "waitForConnections",
];

/** Options that mysql2 turns on for any truthy value. */
const flags: readonly string[] = [
  "bigNumberStrings",
  "compress",
  "decimalNumbers",
  "insecureAuth",
  "jsonStrings",
  "multipleStatements",
  "namedPlaceholders",
  "rowsAsArray",
  "stringifyObjects",
  "supportBigNumbers",
];

/** The options of a pool, read and sorted. */
export interface Request {
  /** The options as mysql2 reads them. */
  readonly config: PoolConfig;
  /** The options of the target. */
  readonly target: TargetOptions;
  /** The options beyond mysql2's. */
  readonly more: MoreOptions;
  /** mysql2's option `stream`: a socket, or a function that opens sockets. */
  readonly stream: unknown;
}

/** Reads the options of a pool, as mysql2 does. */
export function requestOf(given: string | URL | CompatOptions | undefined): Request {
  const options = expanded(given);
  const more = take(options, moreNames) as MoreOptions;
  const config = configOf(options, new hidden.ConnectionConfig(options));
  const target = targetOf(config.connectionConfig, options["flags"]);
  return { config, target, more, stream: options["stream"] };
}

/** Returns mysql2's options of a pool, as far as its target and its idle timeout give them. */
export function configOfTarget(target: Target, idleTimeout: number): PoolConfig {
  const options = { idleTimeout: idleTimeout };
  return configOf(options, new hidden.ConnectionConfig(driverOptionsOf(target)));
}

/** Returns all options in one object; those beside the URI win over those in it. */
function expanded(given: string | URL | CompatOptions | undefined): Record<string, unknown> {
  const isWhole = typeof given !== "object" || given === null || isUrl(given);
  const options = isWhole ? { uri: given } : readOptions(given, names);
  const { uri, ssl, stream } = options;
  // With `stream`, the caller opens the sockets.
  if (!stream) checkUriSet(options, options);
  if (uri) {
    for (const [name, value] of Object.entries(parsed(String(uri)))) {
      options[name] ||= value;
    }
  }
  delete options["uri"];
  // mysql2 writes into this object, which may be frozen.
  if (typeof ssl === "object" && ssl !== null) options["ssl"] = settingsOf(ssl);
  return options;
}

/** Reads a URI. Throws for an option named as a member of `Object`, which mysql2 ignores. */
function parsed(uri: string): Record<string, unknown> {
  checkUriText(uri);
  const options = hidden.ConnectionConfig.parseUrl(uri);
  const name = [...new URL(uri).searchParams.keys()].find((key) => key in Object.prototype);
  if (name === undefined) return options;
  const message = `There is no option ${JSON.stringify(name)}`;
  throw new SubletError("OPTION_INVALID", "options", message);
}

/** Removes the options with certain names, and returns them. */
function take(options: Record<string, unknown>, names: readonly string[]): object {
  const taken = Object.entries(options).filter(([name]) => names.includes(name));
  for (const [name] of taken) delete options[name];
  return Object.fromEntries(taken);
}

function configOf(
  options: Readonly<Record<string, unknown>>,
  connectionConfig: ConnectionConfig,
): PoolConfig {
  const count = (name: string, otherwise: number): number => {
    const value = Number(options[name] ?? NaN);
    return Number.isNaN(value) ? otherwise : value;
  };
  const connectionLimit = count("connectionLimit", 10);
  const idleTimeout = count("idleTimeout", 60_000);
  return {
    connectionConfig: redact(Object.assign(connectionConfig, { idleTimeout })),
    waitForConnections: Boolean(options["waitForConnections"] ?? true),
    connectionLimit,
    maxIdle: count("maxIdle", connectionLimit),
    idleTimeout,
    queueLimit: count("queueLimit", 0),
    resetOnRelease: Boolean(options["resetOnRelease"]),
  };
}

/** Returns the options of the target, from those that mysql2 has read. */
function targetOf(config: ConnectionConfig, given: unknown): TargetOptions {
  const options: Record<string, unknown> = { ...config };
  take(options, left);
  for (const flag of flags) options[flag] = Boolean(options[flag]);
  options["charset"] = charsetOf(config["charsetNumber"]);
  options["connectTimeout"] = Number(config["connectTimeout"]);
  // By default mysql2 does not verify the server's name.
  options["ssl"] = config["ssl"] ? { verifyIdentity: false, ...(config["ssl"] as object) } : false;
  // Without TLS, mysql2 encrypts the password with any public key that the server sends.
  options["allowPublicKeyRetrieval"] = true;
  // mysql2 allows LOAD DATA LOCAL; the statement opens the file by `infileStreamFactory`.
  options["flags"] = [...listOf(given), "LOCAL_FILES"];
  // Read at each login, as code that renews passwords writes them into `config`.
  options["password"] = () => passwordOf(config);
  return options;
}

function charsetOf(number: unknown): string | undefined {
  return Object.entries(hidden.Charsets).find(([, known]) => known === number)?.[0];
}

function listOf(flags: unknown): string[] {
  const list = Array.isArray(flags) ? flags : String(flags || "").split(/\s*,+\s*/);
  return list.map((flag) => String(flag).toUpperCase()).filter((flag) => flag !== "");
}

function passwordOf({ password }: ConnectionConfig): string | Promise<string> {
  return typeof password === "function" ? password() : password ?? "";
}
