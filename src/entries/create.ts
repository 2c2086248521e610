/** Makes pools for MySQL, on the sockets of the adapter that an entry passes in. */

import * as mysql from "../mysql/mod.ts";
import type { Adapter, Runtime } from "../port/socket.ts";
import { createSubletPool } from "../shell/compose.ts";
import type { Backend } from "../shell/backend.ts";
import { SubletError } from "../shell/errors.ts";
import { closest } from "../shell/did_you_mean.ts";
import { POOL_OPTIONS, readOptions, unknownOption } from "../shell/option_names.ts";
import type { Lifespan } from "../shell/options.ts";
import type { Connection, Pool, PoolOptions } from "./types.ts";

const targetNames: ReadonlySet<string> = new Set(mysql.targetOptionNames);
const optionNames: readonly string[] = [...POOL_OPTIONS, ...mysql.targetOptionNames];

/** Makes pools. */
export type CreatePool = <Name extends string>(
  options: string | URL | PoolOptions<Name>,
) => Pool<Name>;

/** Returns the default of the option `lifespan` in a runtime. */
export function lifespanOn(runtime: Runtime | undefined): Lifespan {
  return runtime === "workerd" ? "unit" : "pool";
}

/** Returns a `createPool` on the adapter's sockets; `lifespan` is the default of that option. */
export function creatorOn(adapter: Adapter, lifespan: Lifespan): CreatePool {
  const backend: Backend = {
    connector: mysql.createConnector(adapter),
    lifespan,
    targetOptions: mysql.targetOptionNames,
    isLate: ({ uri }) => typeof uri === "function",
    targetOf: (options) => checked(() => new mysql.Target(targetOptionsOf(options))),
    retargetOf: (base: mysql.Target, overrides) =>
      checked(() => base.overrides(targetOptionsOf(overrides))),
    keyOf: mysql.keyOfValue,
    shapeOf: mysql.shapeOfValue,
    compileMethod: (sql) => mysql.compileMethod(sql, closest),
    isRepeatable: mysql.isRepeatable,
    isLoss: mysql.isLoss,
  };
  return <Name extends string>(options: string | URL | PoolOptions<Name>): Pool<Name> => {
    const given = givenOf(options) as PoolOptions<Name>;
    const isLate = typeof given.uri === "function" && (given.lifespan ?? lifespan) === "unit";
    // A URI may also name options of the pool itself.
    const expanded = isLate ? given : checked(() => mysql.expandUri(given)) as PoolOptions<Name>;
    return createSubletPool<Name, mysql.Target, Connection, mysql.TargetOptions>(
      expanded,
      backend,
    ) as Pool<Name>;
  };
}

/** Returns the options of a pool as one object; a URI, or a variable that is not set, is `uri`. */
function givenOf(options: unknown): object {
  if (typeof options === "function" || Array.isArray(options)) return options;
  const isWhole = typeof options !== "object" || options === null || mysql.isUrl(options);
  return isWhole ? { uri: options } : readOptions(options, optionNames);
}

/** Returns the options of a target, those in its `uri` included; throws if one is unknown. */
function targetOptionsOf(options: object): object {
  const given = mysql.expandUri(readOptions(options, mysql.targetOptionNames));
  const unknown = Object.keys(given).find((name) => !targetNames.has(name));
  if (unknown !== undefined) throw unknownOption(unknown, targetNames);
  return given;
}

/** Returns the result of `make`; a target's option error becomes a `SubletError` of the pool. */
export function checked<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof mysql.TargetOptionError)) throw error;
    throw new SubletError("OPTION_INVALID", "options", error.message);
  }
}
