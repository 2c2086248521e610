/**
 * What a lease costs in the whole pool, over sessions within the process that do nothing:
 * `await db.lease()` and its release, one at a time, and a thousand at once on ten.
 */

import type { Condition, Port, Session } from "../../src/port.ts";
import { createSubletPool } from "../../src/shell/compose.ts";
import type { Pool } from "../../src/shell/pool.ts";
import { type Contestant, type Plan, type Spread, spreadOf, takeTurns } from "./stats.ts";

/** What was found: microseconds a lease. */
export interface PoolCycle {
  readonly one: Spread;
  readonly thousand: Spread;
}

type NullPool = Pool<"main", object, null>;

/** Measures both in turns. */
export async function measurePoolCycle(plan: Plan): Promise<PoolCycle> {
  await using db = createNullPool();
  const costs = await takeTurns([contestant(db, 1), contestant(db, 1000)], plan);
  const spread = (atOnce: number): Spread => spreadOf(costs.get(`${atOnce} at once`)!);
  return { one: spread(1), thousand: spread(1000) };
}

function contestant(db: NullPool, atOnce: number): Contestant {
  return {
    name: `${atOnce} at once`,
    run: async (ms) => {
      const end = performance.now() + ms;
      let count = 0;
      for (; performance.now() < end; count += 1000) {
        if (atOnce === 1) { for (let turn = 0; turn < 1000; turn++) await cycle(db); }
        else await Promise.all(Array.from({ length: atOnce }, () => cycle(db)));
      }
      return count;
    },
  };
}

async function cycle(db: NullPool): Promise<void> {
  const lease = await db.lease();
  lease.release();
}

function createNullPool(): NullPool {
  return createSubletPool<"main", object, null>({ shared: false, connectionLimit: 10 }, {
    port: nullPort,
    targetOptions: [],
    targetOf: () => ({}),
    retargetOf: (home) => home,
    compileMethod: (sql) => ({ sql, bind: () => [] }),
    isRepeatable: () => false,
    isLoss: () => false,
  });
}

const nullPort: Port<object, null> = {
  connect: () => Promise.resolve(new NullSession()),
  isFull: () => false,
  keyOf: () => "",
  addressOf: () => "",
};

/** A session that is always well. */
class NullSession implements Session<object, null> {
  readonly driver: null = null;
  readonly threadId: number = 0;
  readonly isAlive: boolean = true;
  readonly isInTransaction: boolean = false;
  readonly isPinned: boolean = false;
  readonly condition: Condition = "clean";
  readonly run = (): Promise<[unknown, unknown]> => Promise.resolve([[], []]);
  readonly check = (): Promise<void> => Promise.resolve();
  readonly reset = (): Promise<void> => Promise.resolve();
  readonly retarget = (): Promise<void> => Promise.resolve();
  readonly close = (): Promise<void> => Promise.resolve();
  readonly holdProcess = (): void => undefined;
  readonly destroy = (): void => undefined;
}
