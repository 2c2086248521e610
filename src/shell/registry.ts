/**
 * The registry of shared pools: one pool for each definition in a process.
 *
 * A module that is evaluated twice (hot reload, two bundles) creates the same pool twice, and gets
 * two handles of one pool. The registry is kept under a well-known symbol of the global object, as
 * two copies of this module share nothing else. It holds no reference to a handle, so that a
 * handle without other references is garbage-collected.
 */

import type { ResolvedOptions } from "./options.ts";

/** A pool in the registry. */
export interface Registered<Handle> {
  /** Returns a new handle of the pool, for a definition that is equal to its own. */
  attach(options: ResolvedOptions): Handle;
  /** Ends the pool for all its handles; the errors of later calls say `why`. */
  end(why: string): void;
}

/** The keys by which the registry compares definitions. */
export interface DefinitionKeys {
  /** Equal only for equal definitions. */
  readonly key: string;
  /**
   * Equal for definitions that differ at most in functions and objects with a class; undefined if
   * the definition has neither.
   */
  readonly shape: string | undefined;
}

interface Entry extends DefinitionKeys {
  readonly name: string | undefined;
  readonly pool: Registered<unknown>;
}

interface Registry {
  readonly entries: Entry[];
  /** The shapes of definitions for which a warning was already printed. */
  readonly warned: Set<string>;
}

const KEY: unique symbol = Symbol.for("@sublet/mysql/pools") as never;

/**
 * Returns a handle of the registered pool of a definition or, if there is none, of a new pool.
 *
 * If a different definition of the same name is registered, the new pool replaces that pool, which
 * ends.
 *
 * @param options The resolved options.
 * @param keys The keys of the definition.
 * @param create Creates the pool; gets a function that removes the pool from the registry.
 */
export function register<Handle>(
  options: ResolvedOptions,
  { key, shape }: DefinitionKeys,
  create: (remove: () => void) => Registered<Handle>,
): Handle {
  const { entries, warned } = registry();
  const { name } = options;
  const namesakes = entries.filter((entry) => entry.name === name);
  const equal = namesakes.find((entry) => entry.key === key);
  if (equal !== undefined) return equal.pool.attach(options) as Handle;
  const pool = create(() => {
    const index = entries.findIndex((entry) => entry.pool === pool);
    if (index >= 0) entries.splice(index, 1);
  });
  entries.push({ name, key, shape, pool });
  const handle = pool.attach(options);
  if (name !== undefined) namesakes.forEach((entry) => entry.pool.end(replacedBy(name)));
  else if (shape !== undefined && !warned.has(shape)) {
    if (!namesakes.some((entry) => entry.shape === shape)) return handle;
    warned.add(shape);
    console.warn(TWINS);
  }
  return handle;
}

function replacedBy(name: string): string {
  return `a later createPool() of the name ${JSON.stringify(name)}, with other options or ` +
    "functions, has taken its place: use that pool, or give both the very same definition";
}

function registry(): Registry {
  const holder = globalThis as { [KEY]?: Registry };
  return holder[KEY] ??= { entries: [], warned: new Set() };
}

const TWINS =
  "@sublet/mysql: createPool() made a second pool. Its options have other functions or " +
  "class instances than those of an existing pool, and these are equal only to themselves. If " +
  "the same module made both (hot reload), give the pool a name, so that the later definition " +
  'replaces the earlier: createPool({ name: "shop", … }). If you want several pools, ' +
  "give each its own name, or shared: false.";
