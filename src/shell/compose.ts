/** Creates a pool from its options and a backend: a driver on a runtime. */

import type { RawConnection, Target } from "../port/session.ts";
import type { Backend, PoolDefinition } from "./backend.ts";
import { type PoolOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import { MainPool } from "./main_pool.ts";
import { register, type Registered } from "./registry.ts";
import { SharedPool } from "./shared_pool.ts";

/**
 * Returns a handle of the pool of a definition; equal definitions in one process share one pool.
 *
 * @param given The options of the pool, which include those of its target.
 * @param backend The driver and the runtime.
 * @throws `SubletError` with the code `OPTION_INVALID`.
 */
export function createSubletPool<
  Name extends string,
  To extends Target,
  Driver extends RawConnection,
  Overrides extends object = object,
>(given: PoolOptions<Name, Overrides>, backend: Backend): MainPool<Name, To, Driver, Overrides> {
  const { keyOf, shapeOf } = backend;
  const options = resolveOptions(given, backend.targetOptions, backend.lifespan);
  if (!options.isShared) {
    return new MainPool(new SharedPool(define(options, backend)), options);
  }
  return register(options, { key: keyOf(options), shape: shapeOf(options) }, (remove) => {
    return registeredOf(new SharedPool(define(options, backend), remove));
  });
}

/** Returns the registry entry of a pool. Its closures must not keep the options alive. */
function registeredOf<
  Name extends string,
  To extends Target,
  Driver extends RawConnection,
  Overrides extends object,
>(pool: SharedPool): Registered<MainPool<Name, To, Driver, Overrides>> {
  return { attach: (options) => new MainPool(pool, options), end: (why) => void pool.end(why) };
}

function define(options: ResolvedOptions, backend: Backend): PoolDefinition {
  // Where possible, targets are made here, so that `createPool` itself throws if one is invalid.
  const isLate = options.lifespan === "unit" && backend.isLate?.(options.target);
  const known = isLate ? undefined : targetsOf(options, backend);
  return { options, backend, targets: () => known ?? targetsOf(options, backend) };
}

/** Returns the target of each virtual connection. */
function targetsOf(
  { target, virtuals }: ResolvedOptions,
  { targetOf, retargetOf }: Backend,
): readonly Target[] {
  const base = targetOf(target);
  return virtuals.map(({ overrides }) => {
    return Object.keys(overrides).length > 0 ? retargetOf(base, overrides) : base;
  });
}
