/**
 * Makes big pools quickly: a clock, a state, and the requests that keep it busy. The growth
 * test and the benchmark share it.
 */

import {
  type ActualId,
  type Command,
  createState,
  type Event,
  type Instant,
  type LeaseId,
  type Policy,
  type PoolState,
  step,
  type TargetId,
} from "../../../src/core/mod.ts";

/** A lease that is held. */
export interface Held {
  readonly lease: LeaseId;
  readonly actual: ActualId;
  readonly target: TargetId;
}

/** A pool whose commands are carried out at once. */
export class Crowd {
  pool: PoolState;
  now: Instant = 0;
  /** The leases that are held, the oldest first. */
  readonly held: Held[] = [];
  /** Whether sessions can be opened. */
  isUp: boolean = true;
  readonly #targetOf = new Map<LeaseId, TargetId>();
  #leaseNext: LeaseId = 0;

  constructor(policy: Partial<Policy>) {
    this.pool = createState({
      connectionLimit: 10,
      queueLimit: Infinity,
      idleTimeout: 1_000_000,
      maxIdle: Infinity,
      idleCut: 0,
      maxLifetime: Infinity,
      validateAfter: Infinity,
      handoverMs: 100,
      backoffMin: 100,
      backoffMax: 1000,
      virtuals: [{ target: 0, limit: Infinity, minimum: 0 }],
      ...policy,
    });
  }

  /** How many requests there have been. */
  get asked(): number {
    return this.#leaseNext;
  }

  /** Returns the event of a new request for a target. */
  asking(target: TargetId = 0, virtual: number = 0): Event {
    const lease = this.#leaseNext++;
    this.#targetOf.set(lease, target);
    return { type: "leaseRequested", lease, virtual, target, address: 0, enclosing: [] };
  }

  /** Returns the event that releases the oldest lease. */
  ending(): Event {
    const { lease, actual } = this.held[0]!;
    return { type: "leaseReleased", lease, actual, condition: "clean" };
  }

  /** Returns the event that withdraws the newest request. */
  withdrawing(): Event {
    const lease = this.#leaseNext - 1;
    return { type: "requestWithdrawn", lease, virtual: 0, target: this.#targetOf.get(lease)! };
  }

  /** Lets an event happen, and carries out at once the commands that follow. */
  happen(event: Event): void {
    const open: Event[] = [event];
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      if (next.type === "leaseReleased") this.#end(next.lease);
      const [pool, commands] = step(this.pool, next, this.now);
      this.pool = pool;
      for (const command of commands) {
        const reply = this.#obey(command);
        if (reply !== undefined) open.push(reply);
      }
    }
  }

  #end(lease: LeaseId): void {
    const at = this.held.findIndex((held) => held.lease === lease);
    if (at >= 0) this.held.splice(at, 1);
  }

  #obey(command: Command): Event | undefined {
    switch (command.type) {
      case "connect": {
        const { actual } = command;
        if (this.isUp) return { type: "connectDone", actual, random: 0 };
        return { type: "connectFailed", actual, kind: "down", cause: "down", random: 1 };
      }
      case "check":
        return { type: "workDone", actual: command.actual, work: "checking" };
      case "reset":
        return { type: "workDone", actual: command.actual, work: "resetting" };
      case "retarget":
        return { type: "workDone", actual: command.actual, work: "retargeting" };
      case "close":
        return { type: "closeDone", actual: command.actual };
      case "grant": {
        const target = this.#targetOf.get(command.lease)!;
        this.held.push({ lease: command.lease, actual: command.actual, target });
        return undefined;
      }
      default:
        return undefined;
    }
  }
}
