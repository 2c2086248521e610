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
import type { Home, Parts } from "./parts.ts";
import { Pool } from "./pool.ts";
import type { Neutral } from "./process_hold.ts";
import { enrol } from "./registry.ts";
import { Targets } from "./targets.ts";
import type { CompiledMethod } from "./virtual_connection.ts";

/** What the shell does not know by itself: a driver, on a runtime. */
export interface Foundation<Target, Driver> {
  /** Opens sessions. */
  readonly port: Port<Target, Driver>;
  /** Tells the time; this process's clock unless given. */
  readonly clock?: PoolClock;
  /** The names of the options that belong to a target. */
  readonly targetOptions: readonly string[];
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
  const plan = planOf(options, foundation.targetOptions);
  const create = (): Pool<Name, Target, Driver, Overlay> => build(plan, foundation);
  return plan.isShared ? enrol(plan.name, options, create) : create();
}

function build<Name extends string, Target, Driver, Overlay extends object>(
  plan: Plan,
  foundation: Foundation<Target, Driver>,
): Pool<Name, Target, Driver, Overlay> {
  const { port, clock = createClock() } = foundation;
  const neutral: Neutral = AsyncLocalStorage.snapshot();
  const targets = new Targets(port);
  const home = foundation.targetOf(plan.target);
  const homes = plan.virtuals.map(({ name, hold, overlay }, id): Home<Target> => {
    const isOwn = Object.keys(overlay).length > 0;
    const target = targets.use(isOwn ? foundation.retargetOf(home, overlay) : home);
    return { id, name, target, hold };
  });
  const virtuals = plan.virtuals.map(({ limit, minimum }, id) => {
    return { target: homes[id]!.target.id, limit, minimum };
  });
  const news = new News<Driver>();
  const policy = { ...plan.policy, virtuals };
  const names = homes.map(({ name }) => name);
  const interpreter = new Interpreter({ policy, names, port, clock, neutral, targets, news });
  const parts: Parts<Target, Driver> = {
    interpreter,
    targets,
    frames: new AsyncLocalStorage(),
    admission: new Admission(),
    leaks: new Leaks(clock, neutral, news, plan.leakMs),
    patience: new Countdown(clock, neutral, plan.acquireMs, (waiting: Waiting) => waiting.expire()),
    retargetOf: (target: Target, overlay: object) => foundation.retargetOf(target, overlay),
    isRepeatable: (error) => foundation.isRepeatable(error),
    isLoss: (error) => foundation.isLoss(error),
  };
  return new Pool({ parts, homes, compile: (sql) => foundation.compileMethod(sql), news });
}
