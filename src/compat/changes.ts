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
  const connectionConfig = viewOf(config.connectionConfig, "config.connectionConfig", (name) => {
    const isOfStatements = ofStatements.includes(name);
    if (changed === undefined || !isOfStatements && !ofConnects.includes(name)) return undefined;
    return isOfStatements ? changed : ignore;
  });
  return viewOf({ ...config, connectionConfig }, "config", () => undefined);
}

/**
 * Returns a view of options. It makes a change and then calls the function that `follow` returns
 * for the option's name, or throws if that returns none, as for all that is nested (`ssl`).
 */
function viewOf<Options extends object>(
  options: Options,
  path: string,
  follow: (name: string) => (() => void) | undefined,
): Options {
  const views = new WeakMap<object, object>();
  return new Proxy(options, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (!isNested(value)) return value;
      const view = views.get(value) ?? viewOf(value, `${path}.${String(name)}`, () => undefined);
      views.set(value, view);
      return view;
    },
    defineProperty(target, name, descriptor) {
      if (isSame(target, name, descriptor)) return true;
      const followed = follow(String(name));
      if (followed === undefined) throw refusal(path, name);
      const isDone = Reflect.defineProperty(target, name, descriptor);
      followed();
      return isDone;
    },
    deleteProperty(target, name) {
      if (Object.hasOwn(target, name)) throw refusal(path, name);
      return true;
    },
  });
}

function ignore(): void {}

/** Tells whether a value is an object or a list of options, and not of a class such as Buffer. */
function isNested(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

function isSame(target: object, name: PropertyKey, { value }: PropertyDescriptor): boolean {
  return Object.hasOwn(target, name) && Reflect.get(target, name) === value;
}

function refusal(path: string, name: PropertyKey): SubletError {
  const message = `The option ${path}.${String(name)} cannot be changed after the pool was ` +
    "created: create another pool with it";
  return new SubletError("OPTION_INVALID", "options", message);
}
