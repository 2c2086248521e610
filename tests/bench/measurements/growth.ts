/**
 * What a lease costs in the pure core, and how that grows: a request and a release, two steps,
 * and after each the deadline.
 */

import {
  createState,
  deadline,
  type Event,
  type LeaseReleased,
  type PoolState,
  step,
} from "../../../src/core/mod.ts";
import { planOf } from "../../../src/shell/options.ts";
import type { Bench, Finding, Line, Measurement, Section } from "../measurement.ts";
import { brief, type Contestant, costOf, type Costs, ratioOf, shown, takeTurns } from "../stats.ts";

/** Measures steps in small pools and in large ones. */
export const growth: Measurement = { name: "growth", measure };

/** How big a pool is. */
interface Size {
  readonly connections: number;
  /** How many wait beside those who hold a connection. */
  readonly waiters?: number;
  /** Over how many targets, and virtual connections with a limit, all of them are spread. */
  readonly targets?: number;
  readonly virtuals?: number;
  /** Whether all connections are in use; else they rest, and each cycle lends one. */
  readonly isBusy?: boolean;
}

/** Something that grows, and the pool that it grows in. */
interface Kind {
  readonly label: string;
  readonly sizes: readonly number[];
  readonly grow: (size: number) => Size;
}

const KINDS: Readonly<Record<string, Kind>> = {
  waiters: {
    label: "waiters",
    sizes: [10, 100, 1000, 10_000, 100_000],
    grow: (waiters) => ({ connections: 10, waiters, isBusy: true }),
  },
  connections: {
    label: "connections in use",
    sizes: [10, 100, 1000, 10_000],
    grow: (connections) => ({ connections, waiters: 10, isBusy: true }),
  },
  resting: {
    label: "connections at rest",
    sizes: [10, 100, 1000, 10_000],
    grow: (connections) => ({ connections }),
  },
  targets: {
    label: "targets",
    sizes: [10, 100, 1000, 10_000],
    grow: (targets) => ({ connections: targets, targets }),
  },
  virtuals: {
    label: "virtual connections",
    sizes: [10, 100, 1000, 10_000],
    grow: (virtuals) => ({ connections: 10, virtuals }),
  },
};

async function measure({ isQuick }: Bench): Promise<Finding> {
  const contestants = Object.entries(KINDS).flatMap(([name, { label, sizes, grow }]) =>
    sizes.map((size) => contestant(`${name} ${size}`, `${size} ${label}`, grow(size)))
  );
  const plan = { rounds: isQuick ? 9 : 31, sliceMs: isQuick ? 8 : 20, warmMs: 40, isCpuTime: true };
  const costs = await takeTurns(contestants, plan);
  const growths = Object.entries(KINDS).map(([name, { sizes }]) =>
    [name, ratioOf(costs, `${name} ${sizes.at(-1)}`, `${name} ${sizes[0]}`)] as const
  );
  return {
    sections: [tell(costs)],
    figures: {
      growth: Object.fromEntries(growths.map(([name, { median }]) => [name, brief(median)])),
      coreUs: Object.fromEntries(
        contestants.map(({ key, label }) => [label, brief(costOf(costs, key).median)]),
      ),
    },
  };
}

function tell(costs: Costs): Section {
  const rows = Object.entries(KINDS).flatMap(([name, { label, sizes }]) =>
    sizes.map((size) => [
      label,
      size.toLocaleString("en-US"),
      shown(costOf(costs, `${name} ${size}`)),
      size === sizes[0] ? "" : shown(ratioOf(costs, `${name} ${size}`, `${name} ${sizes[0]}`)),
    ])
  );
  const lines = Object.entries(KINDS).map(([name, { label, sizes }]): Line => ({
    label,
    points: sizes.map((size) => [size, costOf(costs, `${name} ${size}`).median]),
  }));
  const title = "A lease in the pure core, in pools of many sizes";
  return {
    title,
    prose: "A request and a release, and the deadline after each. Ten wait where connections are " +
      "in use, and ten are in use where many wait; elsewhere nobody waits.",
    head: ["", "", "µs", "times as much as with the fewest"],
    rows,
    plots: [{
      kind: "lines",
      name: "growth",
      title,
      across: "how many there are",
      up: "µs",
      lines,
    }],
  };
}

function contestant(key: string, label: string, size: Size): Contestant {
  const cycle = new Cycle(size);
  return {
    key,
    label,
    run: (ms) => {
      const end = performance.now() + ms;
      let count = 0;
      for (; performance.now() < end; count += 50) cycle.run(50);
      return count;
    },
  };
}

/** The policy of a pool whose user says nothing. */
const { policy: ordinary } = planOf({}, [], "pool");

/** A pool in which leases go round. */
class Cycle {
  readonly #targets: number;
  readonly #virtuals: number;
  readonly #held: LeaseReleased[] = [];
  readonly #isBusy: boolean;
  #pool: PoolState;
  #now = 0;
  #leaseNext = 0;

  constructor({ connections, waiters = 0, targets = 1, virtuals = 1, isBusy = false }: Size) {
    this.#targets = targets;
    this.#virtuals = virtuals;
    this.#isBusy = isBusy;
    const limit = virtuals === 1 ? Infinity : 5;
    this.#pool = createState({
      ...ordinary,
      connectionsMax: connections,
      freshMsMax: Infinity,
      virtuals: Array.from({ length: virtuals }, () => ({ target: 0, limit, minimum: 0 })),
    });
    const leases = Math.max(connections + waiters, virtuals);
    for (let index = 0; index < leases; index++) this.#request();
    if (!isBusy) { while (this.#held.length > 0) this.#tell(this.#held.pop()!); }
  }

  run(count: number): void {
    for (let index = 0; index < count; index++) {
      this.#request();
      this.#tell(this.#isBusy ? this.#held.shift()! : this.#held.pop()!);
    }
  }

  #request(): void {
    const lease = this.#leaseNext++;
    const target = lease % this.#targets;
    const virtual = lease % this.#virtuals;
    this.#tell({ type: "leaseRequested", lease, virtual, target, address: 0, enclosing: [] });
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
