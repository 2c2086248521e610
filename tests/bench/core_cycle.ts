/** Leases in the pure core, without a pool around it. */

import {
  createState,
  deadline,
  type Event,
  type LeaseReleased,
  type PoolState,
  step,
} from "../../src/core/mod.ts";
import { resolveOptions } from "../../src/shell/options.ts";

/** The size of a pool. */
export interface Size {
  /** How many connections it has. */
  readonly connections: number;
  /** How many requests wait while all connections are leased. */
  readonly waiters?: number;
  /** Over how many targets the requests are spread. */
  readonly targets?: number;
  /** Over how many virtual connections, each with a limit, the requests are spread. */
  readonly virtuals?: number;
  /** Whether all connections are in use; else they are idle, and each cycle lends one. */
  readonly isBusy?: boolean;
}

/** The policy of a pool with default options. */
const { policy: ordinary } = resolveOptions({}, [], "pool");

/** A pool in which each cycle requests and releases a lease, reading the deadline after each. */
export class Cycle {
  readonly #targets: number;
  readonly #virtuals: number;
  readonly #held: LeaseReleased[] = [];
  readonly #isBusy: boolean;
  #pool: PoolState;
  #now = 0;
  #leaseNext = 0;

  /** Creates a pool of a size. */
  constructor({ connections, waiters = 0, targets = 1, virtuals = 1, isBusy = false }: Size) {
    this.#targets = targets;
    this.#virtuals = virtuals;
    this.#isBusy = isBusy;
    const limit = virtuals === 1 ? Infinity : 5;
    this.#pool = createState({
      ...ordinary,
      connectionLimit: connections,
      validateAfter: Infinity,
      virtuals: Array.from({ length: virtuals }, () => ({ target: 0, limit, minimum: 0 })),
    });
    const leases = Math.max(connections + waiters, virtuals);
    for (let index = 0; index < leases; index++) this.#request();
    if (!isBusy) { while (this.#held.length > 0) this.#tell(this.#held.pop()!); }
  }

  /** Requests and releases a number of leases. */
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
        this.#tell({ type: "connectDone", actual: command.actual, random: 0.5 });
      } else if (command.type === "retarget") {
        this.#tell({ type: "workDone", actual: command.actual, work: "retargeting" });
      }
    }
  }
}
