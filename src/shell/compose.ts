/** Puts a pool together, for whoever knows a driver and a runtime. */

import type { RawConnection, Target } from "../port.ts";
import type { Definition, Foundation } from "./definition.ts";
import { type Plan, planOf, type PoolOptions } from "./options.ts";
import { Pool } from "./pool.ts";
import { enroll, type Enrolled } from "./registry.ts";
import { SharedPool } from "./shared_pool.ts";

/**
 * Returns a handle of the pool of a definition; equal definitions in one process share one.
 *
 * @param options The options of the pool and, among them, those of the target.
 * @param foundation What the shell does not know by itself.
 * @throws `SubletError` with the code `OPTION_INVALID`.
 */
export function createSubletPool<
  Name extends string,
  To extends Target,
  Driver extends RawConnection,
  Overlay extends object = object,
>(options: PoolOptions<Name, Overlay>, foundation: Foundation): Pool<Name, To, Driver, Overlay> {
  const { keyOf, shapeOf } = foundation;
  const plan = planOf(options, foundation.targetOptions, foundation.lifespan);
  if (!plan.isShared) {
    return new Pool(new SharedPool(define(plan, foundation)), plan);
  }
  return enroll(plan, { key: keyOf(plan), shape: shapeOf(plan) }, (remove) => {
    return enrolledOf(new SharedPool(define(plan, foundation), remove));
  });
}

/** Returns a pool as it is enrolled, which outlives its plan, and so does not lead to it. */
function enrolledOf<
  Name extends string,
  To extends Target,
  Driver extends RawConnection,
  Overlay extends object,
>(pool: SharedPool): Enrolled<Pool<Name, To, Driver, Overlay>> {
  return { attach: (plan) => new Pool(pool, plan), end: (why) => void pool.end(why) };
}

function define(plan: Plan, foundation: Foundation): Definition {
  // What is wrong with targets is said where they are defined, if it can be known there.
  const isLate = plan.lifespan === "unit" && foundation.isLate?.(plan.target);
  const known = isLate ? undefined : targetsOf(plan, foundation);
  return { plan, foundation, targets: () => known ?? targetsOf(plan, foundation) };
}

/** Returns the target of each virtual connection. */
function targetsOf(
  { target, virtuals }: Plan,
  { targetOf, retargetOf }: Foundation,
): readonly Target[] {
  const base = targetOf(target);
  return virtuals.map(({ overlay }) => {
    return Object.keys(overlay).length > 0 ? retargetOf(base, overlay) : base;
  });
}
