/** Leases that go round in the pure core, without any pool around it. */

import {
  createState,
  deadline,
  type Event,
  type LeaseReleased,
  type PoolState,
  step,
} from "../../src/core/mod.ts";
import { resolveOptions } from "../../src/shell/options.ts";

/** How big a pool is. */
export interface Size {
  /** How many connections it has. */
  readonly connections: number;
  /** How many wait beside those who hold a connection. */
  readonly waiters?: number;
  /** Over how many targets all of them are spread. */
  readonly targets?: number;
  /** Over how many virtual connections, each with a limit, all of them are spread. */
  readonly virtuals?: number;
  /** Whether all connections are in use; else they rest, and each cycle lends one. */
  readonly isBusy?: boolean;
}

/** The policy of a pool whose user says nothing. */
const { policy: ordinary } = resolveOptions({}, [], "pool");

/** A pool in which leases go round: a request and a release, and the deadline after each. */
export class Cycle {
  readonly #targets: number;
  readonly #virtuals: number;
  readonly #held: LeaseReleased[] = [];
  readonly #isBusy: boolean;
  #pool: PoolState;
  #now = 0;
  #leaseNext = 0;

  /** Creates a pool that has grown to a size. */
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

  /** Has as many leases requested and released. */
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
