/**
 * One pool for each definition in a process.
 *
 * A module that is evaluated twice (hot reload, two bundles) asks twice for the same pool, and
 * gets two handles of one. Pools are kept under a well-known symbol of the global object, as two
 * copies of this module share nothing else. What is kept leads to no handle, so that a handle
 * that nobody refers to is collected as garbage.
 */

import type { ResolvedOptions } from "./options.ts";

/** A pool that definitions may share. */
export interface Registered<Handle> {
  /** Returns a handle of it, for a definition that is equal to its own. */
  attach(options: ResolvedOptions): Handle;
  /** Ends it for all its handles, and has them tell why. */
  end(why: string): void;
}

/** What tells definitions apart. */
export interface DefinitionKeys {
  /** Equal for equal definitions only. */
  readonly key: string;
  /** Equal for those that differ in functions or objects with a class; none where none are. */
  readonly shape: string | undefined;
}

interface Entry extends DefinitionKeys {
  readonly name: string | undefined;
  readonly pool: Registered<unknown>;
}

interface Registry {
  readonly entries: Entry[];
  /** The shapes of definitions that the developer has been warned of. */
  readonly warned: Set<string>;
}

const KEY: unique symbol = Symbol.for("@sublet/mysql/pools") as never;

/**
 * Returns a handle of the pool of a definition: of the pool that is there, or of a new one.
 *
 * Of two definitions with one name that differ, the later one takes the place of the earlier,
 * whose pool ends.
 *
 * @param options The resolved options.
 * @param keys What tells it apart from others.
 * @param create Makes its pool; it is given what removes that pool from here.
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

const TWINS = "@sublet/mysql: createPool() made another pool, as its options differ from those " +
  "of a pool that is there in a function or an object with a class, which is equal only to " +
  "itself. If the same module made both (hot reload), give the pool a name, so that the later " +
  'definition replaces the earlier: createPool({ name: "shop", … }). If you want several pools, ' +
  "give each its own name, or shared: false.";
