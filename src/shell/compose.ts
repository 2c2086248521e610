/** Puts a pool together, for whoever knows a driver and a runtime. */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Port } from "../port.ts";
import { Admission } from "./admission.ts";
import type { Waiting } from "./claim.ts";
import { createClock, type PoolClock } from "./clock.ts";
import { Countdown } from "./countdown.ts";
import { Interpreter } from "./interpreter.ts";
import { Leaks } from "./leaks.ts";
import { News } from "./news.ts";
import { type Plan, planOf, type PoolOptions } from "./options.ts";
import type { Home, Parts, Realm } from "./parts.ts";
import { Pool } from "./pool.ts";
import type { Neutral } from "./process_hold.ts";
import { type Lifespan, Realms } from "./realms.ts";
import { enrol } from "./registry.ts";
import { Targets } from "./targets.ts";
import type { Frames } from "./unit.ts";
import type { CompiledMethod } from "./virtual_connection.ts";

/** What the shell does not know by itself: a driver, on a runtime. */
export interface Foundation<Target, Driver> {
  /** Opens sessions. */
  readonly port: Port<Target, Driver>;
  /** Tells the time; this process's clock unless given. */
  readonly clock?: PoolClock;
  /** How long actual connections live unless the options say otherwise; as their pool. */
  readonly lifespan?: Lifespan;
  /** The names of the options that belong to a target. */
  readonly targetOptions: readonly string[];
  /** Tells whether options can only be read when a unit of work is there. */
  isLate?(options: Readonly<Record<string, unknown>>): boolean;
  /** Returns the target that options describe; throws if they describe none. */
  targetOf(options: Readonly<Record<string, unknown>>): Target;
  /** Returns a copy of a target with other options. */
  retargetOf(home: Target, overlay: object): Target;
  /** Finds the parameters of an SQL text. */
  compileMethod(sql: string): CompiledMethod;
  /** Tells whether a unit that failed with an error may be repeated. */
  isRepeatable(error: unknown): boolean;
  /** Tells whether an error says that the connection was lost. */
  isLoss(error: unknown): boolean;
}

/** What all parts of a pool have in common, also where each unit has parts of its own. */
interface Shared<Target, Driver> {
  readonly news: News<Driver>;
  readonly frames: Frames<Target, Driver>;
  readonly admission: Admission;
  readonly clock: PoolClock;
}

/**
 * Returns the pool of a definition; of equal definitions in one process, the same one.
 *
 * @param options The options of the pool and, among them, those of the target.
 * @param foundation What the shell does not know by itself.
 * @throws `SubletError` with the code `OPTION_INVALID`.
 */
export function createSubletPool<
  Name extends string,
  Target,
  Driver,
  Overlay extends object = object,
>(
  options: PoolOptions<Name, Overlay>,
  foundation: Foundation<Target, Driver>,
): Pool<Name, Target, Driver, Overlay> {
  const plan = planOf(options, foundation.targetOptions, foundation.lifespan);
  const create = (): Pool<Name, Target, Driver, Overlay> => build(plan, foundation);
  return plan.isShared ? enrol(plan.name, options, create) : create();
}

function build<Name extends string, Target, Driver, Overlay extends object>(
  plan: Plan,
  foundation: Foundation<Target, Driver>,
): Pool<Name, Target, Driver, Overlay> {
  const { clock = createClock() } = foundation;
  const frames: Frames<Target, Driver> = new AsyncLocalStorage();
  const news = new News<Driver>((tell) => frames.run(undefined, tell));
  const admission = new Admission();
  const shared = { news, frames, admission, clock };
  // What is wrong with targets is said where they are defined, if it can be known there.
  const known = foundation.isLate?.(plan.target) ? undefined : targetsOf(plan, foundation);
  const realms = new Realms<Target, Driver>({
    ...shared,
    lifespan: plan.lifespan,
    isRepeatable: foundation.isRepeatable,
    make: makerOf(plan, foundation, shared, known),
  });
  const names = plan.virtuals.map(({ name }) => name);
  const { idleMsMax } = plan.policy;
  return new Pool({ realms, names, compile: foundation.compileMethod, news, idleMsMax });
}

/** Returns what makes parts; as long as that is kept, so is the plan. */
function makerOf<Target, Driver>(
  plan: Plan,
  foundation: Foundation<Target, Driver>,
  shared: Shared<Target, Driver>,
  known: readonly Target[] | undefined,
): (realm: Realm | undefined) => Parts<Target, Driver> {
  return (realm) => {
    const targets = known ?? targetsOf(plan, foundation);
    return { ...partsOf(plan, foundation, shared, targets), realm };
  };
}

/** Returns the target of each virtual connection. */
function targetsOf<Target, Driver>(
  { target, virtuals }: Plan,
  { targetOf, retargetOf }: Foundation<Target, Driver>,
): readonly Target[] {
  const home = targetOf(target);
  return virtuals.map(({ overlay }) => {
    return Object.keys(overlay).length > 0 ? retargetOf(home, overlay) : home;
  });
}

/** Returns parts that have done nothing, in an async context that is whoever's asks for them. */
function partsOf<Target, Driver>(
  plan: Plan,
  { port, retargetOf, isLoss, lifespan }: Foundation<Target, Driver>,
  { news, frames, admission, clock }: Shared<Target, Driver>,
  known: readonly Target[],
): Omit<Parts<Target, Driver>, "realm"> {
  const neutral: Neutral = AsyncLocalStorage.snapshot();
  const targets = new Targets(port);
  const homes = plan.virtuals.map(({ name, hold }, id): Home<Target> => {
    return { id, name, target: targets.use(known[id] as Target), hold };
  });
  const virtuals = plan.virtuals.map(({ limit, minimum }, id) => {
    return { target: homes[id]!.target.id, limit, minimum };
  });
  const policy = { ...plan.policy, virtuals };
  const names = homes.map(({ name }) => name);
  return {
    interpreter: new Interpreter({
      policy,
      names,
      port,
      clock,
      neutral,
      targets,
      news,
      isResetAlways: plan.isResetAlways,
    }),
    targets,
    homes,
    frames,
    admission,
    // Where sockets belong to requests, garbage is collected outside of any, and none can be used.
    leaks: new Leaks(clock, neutral, news, plan.leakMs, lifespan !== "unit"),
    patience: new Countdown(clock, neutral, plan.acquireMs, (waiting: Waiting) => waiting.expire()),
    retargetOf,
    isLoss,
  };
}
