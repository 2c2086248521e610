/**
 * Options under mysql2's names, and what they are to Sublet's pool.
 *
 * mysql2's own class reads them, with its defaults and its complaints; what is left to do is to
 * say the same in other words. All that it has on a pool of its own is here in one place.
 */

import { driverOptionsOf } from "../mysql/driver_options.ts";
import type { Target, TargetOptions } from "../mysql/mod.ts";
import { redact } from "../mysql/redact.ts";
import { SubletError } from "../shell/errors.ts";
import { type ConnectionConfig, hidden } from "./internals.ts";

/** The options of mysql2's pool. */
export type DriverPoolOptions = Exclude<
  Parameters<(typeof import("mysql2"))["createPool"]>[0],
  string
>;

/** What a pool of mysql2 takes here beyond what it takes there; durations in ms. */
export interface MoreOptions {
  /** How long a request waits for a connection; 0 is without end; 10,000. */
  readonly acquireTimeout?: number | undefined;
  /** How old a connection may grow; 0 is without end; 1,800,000. */
  readonly maxLifetime?: number | undefined;
  /** How many bytes of rows one statement may bring; no limit unless given. */
  readonly maxResultBytes?: number | undefined;
  /** How many connections are kept open from the first use on; 0. */
  readonly minimumIdle?: number | undefined;
  /** After how long a rest a connection is checked before it is lent; 500. */
  readonly validateAfter?: number | undefined;
  /** After how long a lease is reported as a leak; 0 is never; 0. */
  readonly leakDetectionTimeout?: number | undefined;
  /** How long connections may live: as long as the pool, or as a unit of work. */
  readonly lifespan?: "pool" | "unit" | undefined;
  /** What is run on each new session, and again after a reset, before it is used. */
  readonly initSql?: string | readonly string[] | undefined;
  /** The password, or what is asked for it before each login. */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /**
   * Whether statements of the pool ("join") run on the connection in which their unit of work has
   * a transaction open, if there is one; they do not unless given.
   */
  readonly unit?: "join" | undefined;
}

/** The options of a pool that code written for mysql2 is given. */
export type CompatOptions = Omit<DriverPoolOptions, "password"> & MoreOptions;

/** What a pool says of its options, as mysql2's does. */
export interface PoolConfig {
  /** Those of its connections; tools look for the idle time here as well. */
  readonly connectionConfig: ConnectionConfig & { readonly idleTimeout: number };
  /** Whether requests may wait. */
  readonly waitForConnections: boolean;
  /** How many connections there may be; 0 is without end. */
  readonly connectionLimit: number;
  /** How many of them may lie idle. */
  readonly maxIdle: number;
  /** How long they may lie idle, in ms. */
  readonly idleTimeout: number;
  /** How many requests may wait; 0 is without end. */
  readonly queueLimit: number;
  /** Whether each is reset when it is given back. */
  readonly resetOnRelease: boolean;
}

/** What is not mysql2's: it would complain of it. */
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

/** What an adapter, or the target itself, says of a connection, or what only servers have. */
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

/** What mysql2 takes to be on for any value that is not false-like. */
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

/** What was asked of a pool. */
export interface Request {
  /** What mysql2 makes of it. */
  readonly config: PoolConfig;
  /** What a target takes. */
  readonly target: TargetOptions;
  /** What is given beyond mysql2's options. */
  readonly more: MoreOptions;
  /** What opens sockets in place of the runtime, if something does. */
  readonly stream: unknown;
}

/** Reads the options of a pool, as mysql2 does. */
export function requestOf(given: string | CompatOptions): Request {
  const options = expanded(given);
  const more = take(options, moreNames) as MoreOptions;
  const config = configOf(options, new hidden.ConnectionConfig(options));
  const target = targetOf(config.connectionConfig, options["flags"]);
  return { config, target, more, stream: options["stream"] };
}

/** Returns what a pool that connects to a target says of its options, as far as that tells. */
export function configOfTarget(target: Target, idleTimeout: number): PoolConfig {
  const options = { idleTimeout: idleTimeout };
  return configOf(options, new hidden.ConnectionConfig(driverOptionsOf(target)));
}

/** Returns all options in one object, a URI among them; what stands beside it comes first. */
function expanded(given: string | CompatOptions): Record<string, unknown> {
  if (typeof given === "string") return parsed(given);
  const options: Record<string, unknown> = { ...given };
  const { uri } = options;
  if (!uri) return options;
  for (const [name, value] of Object.entries(parsed(String(uri)))) {
    options[name] ||= value;
  }
  delete options["uri"];
  return options;
}

/** Reads a URI; mysql2 passes over options that are called as what every object has. */
function parsed(uri: string): Record<string, unknown> {
  const options = hidden.ConnectionConfig.parseUrl(uri);
  const name = [...new URL(uri).searchParams.keys()].find((key) => key in Object.prototype);
  if (name === undefined) return options;
  const message = `There is no option ${JSON.stringify(name)}`;
  throw new SubletError("OPTION_INVALID", "options", message);
}

/** Takes options of certain names out of others. */
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

/** Returns what a target takes of what mysql2 has read. */
function targetOf(config: ConnectionConfig, given: unknown): TargetOptions {
  const options: Record<string, unknown> = { ...config };
  take(options, left);
  for (const flag of flags) options[flag] = Boolean(options[flag]);
  options["charset"] = charsetOf(config["charsetNumber"]);
  options["connectTimeout"] = Number(config["connectTimeout"]);
  // mysql2 verifies no names unless it is asked to.
  options["ssl"] = config["ssl"] ? { verifyIdentity: false, ...(config["ssl"] as object) } : false;
  // Nor does it ask whose key it is that a password is sent under in plain text.
  options["allowPublicKeyRetrieval"] = true;
  // It lets statements send files, which they have to open themselves.
  options["flags"] = [...listOf(given), "LOCAL_FILES"];
  // Code that renews passwords puts them here.
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
