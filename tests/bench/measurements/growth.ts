/**
 * What a lease costs in the pure core: a request and a release, two steps, and after each
 * the deadline, with few and with many who wait, connections and targets.
 */

import {
  createState,
  deadline,
  type Event,
  type LeaseReleased,
  type PoolState,
  step,
} from "../../src/core/mod.ts";
import { type Contestant, type Plan, ratioOf, type Spread, spreadOf, takeTurns } from "./stats.ts";

/** What was found: microseconds a cycle by situation, and how they grow. */
export interface CoreCycle {
  readonly microseconds: Readonly<Record<string, Spread>>;
  readonly growth: Readonly<Record<"waiters" | "connections" | "targets", Spread>>;
}

/** How big a pool is. */
interface Size {
  readonly connections: number;
  /** How many wait beside those who hold a connection. */
  readonly waiters?: number;
  /** Over how many targets all of them are spread. */
  readonly targets?: number;
  /** Whether all connections are in use; else they rest, and each cycle lends one. */
  readonly isBusy?: boolean;
}

const SITUATIONS: Readonly<Record<string, Size>> = {
  "uncontended": { connections: 10 },
  "10 waiting": { connections: 10, waiters: 10, isBusy: true },
  "1000 waiting": { connections: 10, waiters: 1000, isBusy: true },
  "100000 waiting": { connections: 10, waiters: 100_000, isBusy: true },
  "10 connections": { connections: 10, waiters: 10, isBusy: true },
  "10000 connections": { connections: 10_000, waiters: 10, isBusy: true },
  "1 target": { connections: 10_000 },
  "10000 targets": { connections: 10_000, targets: 10_000 },
  "10 targets waiting": { connections: 10, waiters: 10_000, targets: 10, isBusy: true },
  "10000 targets waiting": { connections: 10, waiters: 10_000, targets: 10_000, isBusy: true },
};

/** Measures all situations in turns. */
export async function measureCoreCycle(plan: Plan): Promise<CoreCycle> {
  const contestants = Object.entries(SITUATIONS).map(([name, size]) => contestant(name, size));
  const costs = await takeTurns(contestants, plan);
  const microseconds = Object.fromEntries(
    [...costs].map(([name, figures]) => [name, spreadOf(figures)]),
  );
  const ratio = (over: string, under: string): Spread =>
    ratioOf(costs.get(over)!, costs.get(under)!);
  return {
    microseconds,
    growth: {
      waiters: ratio("100000 waiting", "10 waiting"),
      connections: ratio("10000 connections", "10 connections"),
      targets: ratio("10000 targets", "1 target"),
    },
  };
}

function contestant(name: string, size: Size): Contestant {
  const cycle = new Cycle(size);
  return {
    name,
    run: (ms) => {
      const end = performance.now() + ms;
      let count = 0;
      for (; performance.now() < end; count += 50) cycle.run(50);
      return count;
    },
  };
}

/** A pool in which leases go round. */
class Cycle {
  readonly #targets: number;
  readonly #held: LeaseReleased[] = [];
  readonly #isBusy: boolean;
  #pool: PoolState;
  #now = 0;
  #leaseNext = 0;

  constructor({ connections, waiters = 0, targets = 1, isBusy = false }: Size) {
    this.#targets = targets;
    this.#isBusy = isBusy;
    this.#pool = createState({
      connectionsMax: connections,
      waitersMax: Infinity,
      idleMsMax: 1e9,
      ageMsMax: 1e9,
      freshMsMax: Infinity,
      tenureMs: 100,
      backoffMsMin: 100,
      backoffMsMax: 1000,
      virtuals: [{ target: 0, limit: Infinity, minimum: 0 }],
    });
    for (let index = 0; index < connections + waiters; index++) this.#request();
    if (!isBusy) { while (this.#held.length > 0) this.#release(this.#held.pop()!); }
  }

  run(count: number): void {
    for (let index = 0; index < count; index++) {
      this.#request();
      this.#release(this.#isBusy ? this.#held.shift()! : this.#held.pop()!);
    }
  }

  #request(): void {
    const lease = this.#leaseNext++;
    const target = lease % this.#targets;
    this.#tell({ type: "leaseRequested", lease, virtual: 0, target, address: 0, enclosing: [] });
  }

  #release(event: LeaseReleased): void {
    this.#tell(event);
  }

  #tell(event: Event): void {
    this.#now += 0.001;
    const [pool, commands] = step(this.#pool, event, this.#now);
    this.#pool = pool;
    deadline(pool);
    for (const command of commands) {
      if (command.type === "grant") {
        const { lease, actual } = command;
        this.#held.push({ type: "leaseReleased", lease, actual, condition: "clean" });
      } else if (command.type === "connect") {
        this.#tell({ type: "connectDone", actual: command.actual, chance: 0.5 });
      } else if (command.type === "retarget") {
        this.#tell({ type: "workDone", actual: command.actual, work: "retargeting" });
      }
    }
  }
}
