/** Makes the parts of a pool, or of one of its units, from its definition. */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Admission } from "./admission.ts";
import type { PoolClock } from "./clock.ts";
import type { Definition } from "./definition.ts";
import { homesOf } from "./home.ts";
import { Interpreter } from "./interpreter.ts";
import { Leaks } from "./leaks.ts";
import type { CommonParts, Realm } from "./parts.ts";
import type { Neutral } from "./process_hold.ts";
import { Targets } from "./targets.ts";

/** Makes parts whose work an admission counts, and whose connections end with a unit or not. */
export type MakeParts<Target, Driver> = (
  admission: Admission,
  realm: Realm | undefined,
) => CommonParts<Target, Driver>;

/** Returns what makes parts; as long as that is kept, so is the definition. */
export function makerOf<Target, Driver>(
  definition: Definition<Target, Driver>,
  clock: PoolClock,
): MakeParts<Target, Driver> {
  return (admission, realm) => partsOf(definition, clock, admission, realm);
}

/** Returns parts that have done nothing, in an async context that is whoever's asks for them. */
function partsOf<Target, Driver>(
  definition: Definition<Target, Driver>,
  clock: PoolClock,
  admission: Admission,
  realm: Realm | undefined,
): CommonParts<Target, Driver> {
  const { plan, foundation, frames, news } = definition;
  const { port, retargetOf, isLoss, lifespan } = foundation;
  const neutral: Neutral = AsyncLocalStorage.snapshot();
  const targets = new Targets(port);
  const homes = homesOf(plan.virtuals, definition.targets(), targets);
  const virtuals = plan.virtuals.map(({ limit, minimum }, id) => {
    return { target: homes[id]!.target.id, limit, minimum };
  });
  return {
    admission,
    interpreter: new Interpreter({
      policy: { ...plan.policy, virtuals },
      names: homes.map(({ name }) => name),
      port,
      clock,
      neutral,
      targets,
      news,
      isResetAlways: plan.isResetAlways,
      acquireMs: plan.acquireMs,
    }),
    targets,
    homes,
    frames,
    // Where sockets belong to requests, garbage is collected outside of any: none can be used.
    leaks: new Leaks(clock, neutral, news, plan.leakMs, lifespan !== "unit"),
    retargetOf,
    isLoss,
    realm,
  };
}
