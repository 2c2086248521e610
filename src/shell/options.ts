/**
 * The options of a pool: all validation, all defaults.
 *
 * An option has the name that mysql2 gives it, or else the mariadb connector or HikariCP.
 * What belongs to the target (host, user …) is not looked at here but for its name.
 */

import type { Policy } from "../core/mod.ts";
import { SubletError } from "./errors.ts";
import type { Hold } from "./virtual_config.ts";
import { didYouMean } from "./did_you_mean.ts";

/** How long actual connections live at most: as long as their pool, or as one unit of work. */
export type Lifespan = "pool" | "unit";

/** What holds for one virtual connection. */
export interface VirtualOptions {
  /** How many leases it may have at once; the pool's `connectionLimit` unless given. */
  readonly limit?: number | undefined;
  /** How many actual connections are kept open from its first use on; the pool's unless given. */
  readonly minimumIdle?: number | undefined;
  /**
   * How long a lease lasts: for its statement ("statement"); from a statement that leaves
   * something to ask for to the end of the unit ("result", the default); for the unit ("unit").
   */
  readonly hold?: Hold | undefined;
}

/** What holds for a pool; `Overlay` is what a virtual connection may give its target. */
export interface PoolOptions<Name extends string, Overrides extends object = object> {
  /** How many actual connections there may be at once, over all virtual connections; 10. */
  readonly connectionLimit?: number | undefined;
  /** How many requests may wait; 0 is without end; 0. */
  readonly queueLimit?: number | undefined;
  /** Whether requests may wait beyond those for whom there is a place; true. */
  readonly waitForConnections?: boolean | undefined;
  /** Whether a connection is reset after each lease, though it shows no trace of it; false. */
  readonly resetOnRelease?: boolean | undefined;
  /** How long an actual connection may lie idle before it is closed, in ms; 60,000. */
  readonly idleTimeout?: number | undefined;
  /**
   * How many actual connections may lie idle for longer than a second, over all virtual
   * connections; any number unless given.
   */
  readonly maxIdle?: number | undefined;
  /** How old an actual connection may grow, in ms; 0 is without end; 1,800,000. */
  readonly maxLifetime?: number | undefined;
  /** How many actual connections each virtual connection keeps open from its first use on; 0. */
  readonly minimumIdle?: number | undefined;
  /** After how long a rest one is checked before it is lent, in ms; 500, as HikariCP's. */
  readonly validateAfter?: number | undefined;
  /** How long a request waits, in ms; 0 is without end; 10,000, as the mariadb connector's. */
  readonly acquireTimeout?: number | undefined;
  /** After how long a lease is reported as a leak, in ms; 0 is never; 0. */
  readonly leakDetectionTimeout?: number | undefined;
  /** The virtual connections, by name; one, `main`, unless given. */
  readonly connections?: { readonly [N in Name]: VirtualOptions & Overrides } | undefined;
  /**
   * Names the pool: another definition of the same name takes its place. A definition with a
   * function, which is equal only to itself, needs it where its module is evaluated again.
   */
  readonly name?: string | undefined;
  /**
   * Whether equal definitions in one process share one pool; true, but on Workers, where Durable
   * Objects of one isolate cannot share sockets.
   */
  readonly shared?: boolean | undefined;
  /**
   * How long actual connections may live: as long as the pool needs them ("pool"), or not longer
   * than the outermost unit of work that they were opened for ("unit"), as on Workers, where
   * sockets belong to a request. "unit" on Workers, "pool" elsewhere and in a Durable Object.
   */
  readonly lifespan?: Lifespan | undefined;
}

/** A virtual connection as it was declared. */
export interface ResolvedVirtual {
  /** Its name. */
  readonly name: string;
  /** How many leases it may have at once. */
  readonly limit: number;
  /** How many actual connections are kept open for it. */
  readonly minimum: number;
  /** How long a lease lasts. */
  readonly hold: Hold;
  /** What its target has of its own. */
  readonly overrides: object;
}

/** The options of a pool, valid and complete. */
export interface ResolvedOptions {
  /** What the core is told, but for its virtual connections. */
  readonly policy: Omit<Policy, "virtuals">;
  /** The virtual connections. */
  readonly virtuals: readonly ResolvedVirtual[];
  /** How long a request waits, in ms. */
  readonly acquireMs: number;
  /** After how long a lease is reported as a leak, in ms; 0 is never. */
  readonly leakMs: number;
  /** Whether a connection is reset after each lease. */
  readonly isResetAlways: boolean;
  /** What belongs to the target. */
  readonly target: Readonly<Record<string, unknown>>;
  /** The name of the pool. */
  readonly name: string | undefined;
  /** Whether the pool is shared. */
  readonly isShared: boolean;
  /** How long actual connections may live. */
  readonly lifespan: Lifespan;
}

/** How long a target whose line is not empty keeps what an older waiter of another wants. */
const HANDOVER_MS = 100;
/** How long those beyond `maxIdle` may lie idle; so what comes back for a moment is kept. */
const SURPLUS_MS_MAX = 1_000;
/** How long a failed attempt to connect keeps off the next, at first and at most. */
const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 250;

const POOL_OPTIONS: readonly string[] = [
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

const VIRTUAL_OPTIONS: readonly string[] = ["limit", "minimumIdle", "hold"];

/**
 * Returns what the options of a pool ask for.
 *
 * @param options The options.
 * @param targetOptions The names of the options that belong to the target.
 * @param lifespan How long actual connections live unless the options say otherwise.
 * @throws `SubletError` with the code `OPTION_INVALID` for an option that is unknown or has a
 * value that it does not take.
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
  // What never comes is a long time off, from which may be subtracted.
  const idleTimeout = Math.min(duration(given, "idleTimeout", 60_000), Number.MAX_SAFE_INTEGER);
  const mayWait = choice(given, "waitForConnections", [true, false], true);
  return {
    policy: {
      connectionLimit,
      queueLimit: mayWait ? endless(count(given, "queueLimit", 0, 0)) : 0,
      idleTimeout,
      maxIdle,
      idleCutMs: Math.max(0, idleTimeout - SURPLUS_MS_MAX),
      maxLifetime: endless(duration(given, "maxLifetime", 1_800_000)),
      validateAfter: duration(given, "validateAfter", 500),
      handoverMs: HANDOVER_MS,
      backoffMsMin: BACKOFF_MS_MIN,
      backoffMsMax: BACKOFF_MS_MAX,
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
  const virtuals = Object.entries(connections).map(([name, own]): ResolvedVirtual => {
    const path = `connections.${name}`;
    if (!isRecord(own)) throw invalid(path, "an object", own);
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

/** One for all of which nothing is said. */
const NOTHING: Readonly<Record<string, unknown>> = {};

/** Returns the options that are not ours; throws if the target has none of that name either. */
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
      const hint = didYouMean(option, [...ours, ...theirs]);
      const message = `There is no option ${JSON.stringify(at(path, option))}${hint}`;
      throw new SubletError("OPTION_INVALID", "options", message);
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
  // What is not a number may be a connection string in the wrong place, with a password.
  const shown = typeof received === "number" ? String(received) : `a ${typeof received}`;
  const message = `The option ${JSON.stringify(option)} must be ${wanted}: received ${shown}`;
  return new SubletError("OPTION_INVALID", "options", message);
}
