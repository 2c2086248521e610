/**
 * One pool for each definition in a process.
 *
 * A module that is evaluated twice (hot reload, two bundles) asks twice for the same pool,
 * and gets one. Pools are kept under a well-known symbol of the global object, as two copies
 * of this module share nothing else.
 */

/** What the registry needs to know of a pool. */
export interface Enrolled {
  /** Ends it. */
  drain(): Promise<void>;
}

/** A pool, and how it was asked for. */
interface Entry {
  readonly name: string | undefined;
  readonly definition: object;
  readonly pool: Enrolled;
}

const KEY: unique symbol = Symbol.for("@sublet/mysql") as never;

/**
 * Returns the pool of a definition: the one that is there, or a new one.
 *
 * Definitions are equal if they say the same; functions are if they have the same text. Of two
 * definitions with one name that differ, the later one takes the place of the earlier, whose
 * pool is drained.
 */
export function enrol<P extends Enrolled>(
  name: string | undefined,
  definition: object,
  create: () => P,
): P {
  const entries = enrolled();
  const found = name === undefined
    ? entries.find((entry) => entry.name === undefined && isEqual(entry.definition, definition))
    : entries.find((entry) => entry.name === name);
  if (found !== undefined && isEqual(found.definition, definition)) return found.pool as P;
  const pool = create();
  entries.push({ name, definition, pool });
  found?.pool.drain();
  return pool;
}

/** Removes a pool, which is ending. */
export function strike(pool: Enrolled): void {
  const entries = enrolled();
  const index = entries.findIndex((entry) => entry.pool === pool);
  if (index >= 0) entries.splice(index, 1);
}

function enrolled(): Entry[] {
  const holder = globalThis as { [KEY]?: Entry[] };
  return holder[KEY] ??= [];
}

function isEqual(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one === "function" && typeof other === "function") {
    return String(one) === String(other);
  }
  if (!isObject(one) || !isObject(other)) return false;
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false;
  if (one instanceof Uint8Array || one instanceof Date || one instanceof RegExp) {
    return String(one) === String(other);
  }
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isEqual(one[key], other[key]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
