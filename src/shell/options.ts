/**
 * The options of a pool: their validation, and their defaults.
 *
 * An option has the name that mysql2 gives it, or else the mariadb connector or HikariCP. Of the
 * options of the target (host, user …), only the names are checked here.
 */

import type { Policy } from "../core/mod.ts";
import { SubletError } from "./errors.ts";
import type { Hold } from "./virtual_config.ts";
import { kindOf, POOL_OPTIONS, readOptions, unknownOption } from "./option_names.ts";

/** How long actual connections live at most: as long as their pool, or as one unit of work. */
export type Lifespan = "pool" | "unit";

/** The options of one virtual connection. */
export interface VirtualOptions {
  /** How many leases it may have at once. Default: the pool's `connectionLimit`. */
  readonly limit?: number | undefined;
  /** How many actual connections stay open from its first use on. Default: that of the pool. */
  readonly minimumIdle?: number | undefined;
  /**
   * How long a unit keeps a lease: during each statement ("statement"); after a statement that sets
   * LAST_INSERT_ID() or the like, to the end of the unit ("result", the default); or from its first
   * use to the end of the unit ("unit").
   */
  readonly hold?: Hold | undefined;
}

/** The options of a pool; `Overrides` are the target options that a virtual connection may set. */
export interface PoolOptions<Name extends string, Overrides extends object = object> {
  /** Maximum number of actual connections, over all virtual connections. Default 10. */
  readonly connectionLimit?: number | undefined;
  /** How many requests may queue when every connection is in use. 0, the default: no limit. */
  readonly queueLimit?: number | undefined;
  /** Whether requests may queue when every connection is in use, or are refused. Default true. */
  readonly waitForConnections?: boolean | undefined;
  /** Whether the pool resets a connection after each lease, even a clean one. Default false. */
  readonly resetOnRelease?: boolean | undefined;
  /** How long an actual connection may be idle before the pool closes it, in ms. Default 60,000. */
  readonly idleTimeout?: number | undefined;
  /** How many actual connections, in all, may be idle for over a second. No limit unless given. */
  readonly maxIdle?: number | undefined;
  /**
   * Maximum age of an actual connection, in ms, reduced at random by up to 10 %. 0: no limit. A
   * connection more than 10 % over its age is never lent. Default 1,800,000.
   */
  readonly maxLifetime?: number | undefined;
  /** How many actual connections stay open for each virtual one, once it is used. Default 0. */
  readonly minimumIdle?: number | undefined;
  /** After how many idle ms a connection is checked before it is lent. Default 500, as HikariCP. */
  readonly validateAfter?: number | undefined;
  /** How long a request waits, in ms. 0: no limit. Default 10,000, as in the mariadb connector. */
  readonly acquireTimeout?: number | undefined;
  /** After how long the pool reports a lease as a leak, in ms. 0, the default: never. */
  readonly leakDetectionTimeout?: number | undefined;
  /** The virtual connections, by name. Default: one, `main`. */
  readonly connections?: { readonly [N in Name]: VirtualOptions & Overrides } | undefined;
  /**
   * A name for the pool: a later, different definition of this name replaces the pool. Needed if a
   * definition contains a function, which is equal only to itself, and its module is reloaded.
   */
  readonly name?: string | undefined;
  /**
   * Whether equal definitions in one process share one pool. Default true; false on Workers, where
   * Durable Objects of one isolate cannot share sockets.
   */
  readonly shared?: boolean | undefined;
  /**
   * How long actual connections live at most: as long as the pool ("pool"), or as the outermost
   * unit of work that they were opened for ("unit"). Default "pool"; on Workers, where sockets
   * belong to a request, "unit": set "pool" in a Durable Object.
   */
  readonly lifespan?: Lifespan | undefined;
}

/** The options of one virtual connection, valid and complete. */
export interface ResolvedVirtual {
  /** Its name. */
  readonly name: string;
  /** How many leases it may have at once. */
  readonly limit: number;
  /** How many actual connections stay open for it. */
  readonly minimum: number;
  /** How long a unit keeps a lease. */
  readonly hold: Hold;
  /** The target options that it sets for itself. */
  readonly overrides: object;
}

/** The options of a pool, valid and complete. */
export interface ResolvedOptions {
  /** The options of the core, except its virtual connections. */
  readonly policy: Omit<Policy, "virtuals">;
  /** The virtual connections. */
  readonly virtuals: readonly ResolvedVirtual[];
  /** How long a request waits for a lease, in ms. */
  readonly acquireMs: number;
  /** After how long the pool reports a lease as a leak, in ms; 0: never. */
  readonly leakMs: number;
  /** Whether the pool resets a connection after each lease, even a clean one. */
  readonly isResetAlways: boolean;
  /** The options of the target. */
  readonly target: Readonly<Record<string, unknown>>;
  /** The name of the pool. */
  readonly name: string | undefined;
  /** Whether the pool is shared. */
  readonly isShared: boolean;
  /** How long actual connections live at most. */
  readonly lifespan: Lifespan;
}

/** How long a target with waiters keeps a connection, although another's waiter is older. */
const HANDOVER_MS = 100;
/** How long connections beyond `maxIdle` may be idle: long enough to be lent again at once. */
const SURPLUS_MS_MAX = 1_000;
/** How long the pool waits after a failed attempt to connect: after the first, and at most. */
const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 250;

const VIRTUAL_OPTIONS: readonly string[] = ["limit", "minimumIdle", "hold"];

/**
 * Validates the options of a pool, and fills in the defaults.
 *
 * @param options The options.
 * @param targetOptions The names of the options that belong to the target.
 * @param lifespan The default of the option `lifespan`.
 * @throws `SubletError` with the code `OPTION_INVALID` if an option is unknown or its value is
 * invalid.
 */
export function resolveOptions(
  options: object,
  targetOptions: readonly string[],
  lifespan: Lifespan = "pool",
): ResolvedOptions {
  const given = options as Readonly<Record<string, unknown>>;
  const target = split(given, POOL_OPTIONS, targetOptions, "");
  const connectionLimit = count(given, "connectionLimit", 10, 1);
  const maxIdle = given["maxIdle"] === undefined ? Infinity : count(given, "maxIdle", 0, 0);
  const virtuals = virtualsOf(given, Math.min(connectionLimit, maxIdle), targetOptions);
  // Infinity becomes a finite number, as Infinity minus Infinity is NaN.
  const idleTimeout = Math.min(duration(given, "idleTimeout", 60_000), Number.MAX_SAFE_INTEGER);
  const mayWait = choice(given, "waitForConnections", [true, false], true);
  return {
    policy: {
      connectionLimit,
      queueLimit: mayWait ? endless(count(given, "queueLimit", 0, 0)) : 0,
      idleTimeout,
      maxIdle,
      idleCut: Math.max(0, idleTimeout - SURPLUS_MS_MAX),
      maxLifetime: endless(duration(given, "maxLifetime", 1_800_000)),
      validateAfter: duration(given, "validateAfter", 500),
      handoverMs: HANDOVER_MS,
      backoffMin: BACKOFF_MS_MIN,
      backoffMax: BACKOFF_MS_MAX,
    },
    virtuals,
    acquireMs: endless(duration(given, "acquireTimeout", 10_000)),
    leakMs: duration(given, "leakDetectionTimeout", 0),
    isResetAlways: choice(given, "resetOnRelease", [true, false], false),
    target,
    name: nameOf(given),
    isShared: choice(given, "shared", [true, false], lifespan === "pool"),
    lifespan: choice(given, "lifespan", ["pool", "unit"], lifespan),
  };
}

function virtualsOf(
  given: Readonly<Record<string, unknown>>,
  minimumMost: number,
  targetOptions: readonly string[],
): readonly ResolvedVirtual[] {
  const minimumIdle = count(given, "minimumIdle", 0, 0);
  const connections = given["connections"] ?? { main: {} };
  if (!isRecord(connections) || Object.keys(connections).length === 0) {
    throw invalid(
      "connections",
      "an object with one entry for each virtual connection",
      connections,
    );
  }
  const known = [...VIRTUAL_OPTIONS, ...targetOptions];
  const virtuals = Object.entries(connections).map(([name, value]): ResolvedVirtual => {
    const path = `connections.${name}`;
    if (!isRecord(value)) throw invalid(path, "an object", value);
    const own = readOptions(value, known);
    return {
      name,
      limit: own["limit"] === undefined ? Infinity : count(own, "limit", 1, 1, path),
      minimum: count(own, "minimumIdle", minimumIdle, 0, path),
      hold: choice(own, "hold", ["statement", "result", "unit"], "result", path),
      overrides: split(own, VIRTUAL_OPTIONS, targetOptions, path),
    };
  });
  const minimum = virtuals.reduce((sum, virtual) => sum + virtual.minimum, 0);
  if (minimum <= minimumMost) return virtuals;
  throw invalid("minimumIdle", `at most ${minimumMost} over all virtual connections`, minimum);
}

/** The options of every target that sets none. */
const NOTHING: Readonly<Record<string, unknown>> = {};

/** Returns the given options of the target; throws if one is neither `ours` nor `theirs`. */
function split(
  given: Readonly<Record<string, unknown>>,
  ours: readonly string[],
  theirs: readonly string[],
  path: string,
): Readonly<Record<string, unknown>> {
  let rest: Record<string, unknown> | undefined;
  for (const [option, value] of Object.entries(given)) {
    if (ours.includes(option)) continue;
    if (!theirs.includes(option)) {
      throw unknownOption(option, [...ours, ...theirs], at(path, option));
    }
    rest ??= {};
    rest[option] = value;
  }
  return rest ?? NOTHING;
}

function count(
  given: Readonly<Record<string, unknown>>,
  option: string,
  otherwise: number,
  least: number,
  path = "",
): number {
  const value = given[option] ?? otherwise;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  throw invalid(at(path, option), `a whole number from ${least} on`, value);
}

function duration(
  given: Readonly<Record<string, unknown>>,
  option: string,
  otherwise: number,
): number {
  const value = given[option] ?? otherwise;
  if (typeof value === "number" && value >= 0) return value;
  throw invalid(option, "a number of ms that is not negative", value);
}

function choice<T>(
  given: Readonly<Record<string, unknown>>,
  option: string,
  choices: readonly T[],
  otherwise: T,
  path = "",
): T {
  const value = given[option] ?? otherwise;
  const chosen = choices.find((choice) => choice === value);
  if (chosen !== undefined) return chosen;
  throw invalid(at(path, option), `one of ${JSON.stringify(choices)}`, value);
}

function nameOf(given: Readonly<Record<string, unknown>>): string | undefined {
  const { name } = given;
  if (name === undefined || (typeof name === "string" && name !== "")) return name;
  throw invalid("name", "a text that is not empty", name);
}

function endless(value: number): number {
  return value === 0 ? Infinity : value;
}

function at(path: string, option: string): string {
  return path === "" ? option : `${path}.${option}`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(option: string, wanted: string, received: unknown): SubletError {
  const message = `The option ${JSON.stringify(option)} must be ${wanted}: received ${
    kindOf(received)
  }`;
  return new SubletError("OPTION_INVALID", "options", message);
}
