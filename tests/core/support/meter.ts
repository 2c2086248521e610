/**
 * The cost of a step, without a clock: how many fields of its state it reads, and how many
 * objects it makes.
 *
 * Proxies wrap the state. They count each read and wrap the values below too, each object
 * always by the same proxy, as the core compares by identity. The step has made each object
 * of the result that is not wrapped; a write to the given state throws.
 */

import { deadline, type Event, type Instant, type PoolState, step } from "../../../src/core/mod.ts";

/** The cost of one step and of the deadline after it. */
export interface Cost {
  readonly reads: number;
  readonly made: number;
}

/** Returns the cost of a step and of the deadline after it. */
export function costOf(pool: PoolState, event: Event, now: Instant): Cost {
  const wrapping = new Wrapping();
  const [after] = step(wrapping.wrap(pool), event, now);
  const made = wrapping.countUnwrapped(after);
  deadline(wrapping.wrap(after));
  return { reads: wrapping.reads, made };
}

class Wrapping {
  reads: number = 0;
  readonly #wrappers = new WeakMap<object, object>();
  readonly #isWrapper = new WeakSet<object>();
  readonly #handler: ProxyHandler<object> = {
    get: (target, key): unknown => {
      this.reads++;
      return this.wrap(Reflect.get(target, key));
    },
    set: (_, key): never => {
      throw new TypeError(`Cannot write to a state that was given: ${String(key)} was tried`);
    },
  };

  wrap<T>(value: T): T;
  wrap(value: unknown): unknown {
    if (typeof value !== "object" || value === null || this.#isWrapper.has(value)) return value;
    const known = this.#wrappers.get(value);
    if (known !== undefined) return known;
    const wrapper = new Proxy(value, this.#handler);
    this.#wrappers.set(value, wrapper);
    this.#isWrapper.add(wrapper);
    return wrapper;
  }

  countUnwrapped(root: object): number {
    const found = new Set<object>();
    const open: unknown[] = [root];
    while (open.length > 0) {
      const next = open.pop();
      if (typeof next !== "object" || next === null || found.has(next)) continue;
      if (this.#isWrapper.has(next)) continue;
      found.add(next);
      open.push(...Object.values(next));
    }
    return found.size;
  }
}
