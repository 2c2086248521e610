/**
 * The changes that code makes to `pool.config` after the pool was created. The pool follows those
 * that concern statements: it replaces its connections. It refuses the others, as the pool has read
 * those options for good.
 */

import type { PoolConfig } from "./config.ts";
import { SubletError } from "../shell/errors.ts";

/** The options that the driver reads from its connection for each statement. */
const ofStatements: readonly string[] = [
  "bigNumberStrings",
  "dateStrings",
  "decimalNumbers",
  "jsonStrings",
  "namedPlaceholders",
  "nestTables",
  "queryFormat",
  "rowsAsArray",
  "stringifyObjects",
  "supportBigNumbers",
  "timezone",
  "typeCast",
];

/** The options that are read when a connection opens or is adopted. */
const ofConnects: readonly string[] = ["gracefulEnd", "password", "trace"];

/** Returns the options of statements as they are now. */
export function statementOptions(config: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(ofStatements.map((name) => [name, config[name]]));
}

/**
 * Returns a view of a config that passes changes on and calls `changed` where open connections have
 * to be replaced, or throws. Without `changed`, it refuses all changes.
 */
export function guarded(config: PoolConfig, changed: (() => void) | undefined): PoolConfig {
  const connectionConfig = new Proxy(config.connectionConfig, {
    defineProperty(target, name, descriptor) {
      if (isSame(target, name, descriptor)) return Reflect.defineProperty(target, name, descriptor);
      const isOfStatements = ofStatements.includes(String(name));
      if (changed === undefined || !isOfStatements && !ofConnects.includes(String(name))) {
        throw refusal(`connectionConfig.${String(name)}`);
      }
      const isDone = Reflect.defineProperty(target, name, descriptor);
      if (isOfStatements) changed();
      return isDone;
    },
  });
  return new Proxy({ ...config, connectionConfig }, {
    defineProperty(target, name, descriptor) {
      if (isSame(target, name, descriptor)) return true;
      throw refusal(String(name));
    },
  });
}

function isSame(target: object, name: PropertyKey, { value }: PropertyDescriptor): boolean {
  return Object.hasOwn(target, name) && Reflect.get(target, name) === value;
}

function refusal(name: string): SubletError {
  const message =
    `The option config.${name} cannot be changed after the pool was created: create ` +
    "another pool with it";
  return new SubletError("OPTION_INVALID", "options", message);
}
