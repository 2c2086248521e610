/**
 * The cost of fairness between targets: the pure core in virtual time, with clients that send
 * their next request at once, for several values of `handoverMs`, the time for which a target
 * keeps a connection that an older waiter of another target wants.
 */

import {
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
import { resolveOptions } from "../../../src/shell/options.ts";
import type { Bench, Finding, Measurement, Section } from "../measurement.ts";

/** Measures leases that move between targets. */
export const fairness: Measurement = { name: "fairness", measure };

const CONNECT_MS = 5;
const RETARGET_MS = 1;
const CLOSE_MS = 1;
const STATEMENT_MS = 2;
const CONNECTIONS = 10;
const CLIENTS = 100;

/** The compared values of `handoverMs`. */
const TENURES_MS: readonly number[] = [0, 20, 50, 100, 200, 500, Infinity];

/** The clients and their targets. */
interface Load {
  readonly targets: number;
  /** Whether the first target has ten times as many clients as each other one. */
  readonly isSkewed: boolean;
  /** Whether the targets have one address, so that the pool can retarget connections. */
  readonly isKin: boolean;
}

/** The result for one load and one `handoverMs`. */
interface Fairness extends Load {
  /** `null` stands for `Infinity`, which JSON lacks. */
  readonly handoverMs: number | null;
  /** Retargeted or closed connections per lease. */
  readonly swapsPerGrant: number;
  /** The longest wait, including requests that still wait at the end. */
  readonly waitMsMax: number;
  /** The longest wait over that of first come, first served without cost. */
  readonly waitRatio: number;
  /** The lost share of the possible leases. */
  readonly lost: number;
  /** The fewest leases per client of a target over the most. */
  readonly evenness: number;
}

/** Simulates every load with every `handoverMs`. */
function measure({ isQuick }: Bench): Promise<Finding> {
  const simulatedMs = isQuick ? 400 : 5000;
  const found = loads().flatMap((load) =>
    TENURES_MS.map((handoverMs) => new Simulation(load, handoverMs).run(simulatedMs))
  );
  return Promise.resolve({ sections: [tell(found)], figures: {} });
}

function tell(found: readonly Fairness[]): Section {
  return {
    title: "Between targets that share a full pool, in virtual time",
    prose: `${CLIENTS} clients on ${CONNECTIONS} connections, each of which asks again at once; ` +
      `${STATEMENT_MS} ms a statement, ${RETARGET_MS} ms a change of target, ${CLOSE_MS} and ` +
      `${CONNECT_MS} ms to close and open. First come, first served at no cost waits 18 ms.`,
    head: ["targets", "load", "address", "tenure", "swaps", "wait", "×", "lost", "evenness"],
    rows: found.map((one) => [
      `${one.targets}`,
      one.isSkewed ? "10:1" : "equal",
      one.isKin ? "same" : "other",
      one.handoverMs === null ? "no end" : `${one.handoverMs} ms`,
      one.swapsPerGrant.toFixed(3),
      `${one.waitMsMax.toFixed(0)} ms`,
      one.waitRatio.toFixed(1),
      `${(one.lost * 100).toFixed(1)} %`,
      one.evenness.toFixed(2),
    ]),
    plots: [],
  };
}

function loads(): Load[] {
  return [true, false].flatMap((isKin) =>
    [false, true].flatMap((isSkewed) =>
      [2, 5, 10, 20].map((targets) => ({ targets, isSkewed, isKin }))
    )
  );
}

interface Due {
  readonly at: Instant;
  readonly event: Event;
}

interface Asked {
  readonly target: TargetId;
  readonly at: Instant;
}

class Simulation {
  readonly #load: Load;
  readonly #policy: Policy;
  readonly #clients: readonly number[];
  readonly #served: number[];
  readonly #asked = new Map<LeaseId, Asked>();
  /** Future events: one queue per duration, so that each queue is in order. */
  readonly #due = new Map<number, Due[]>();
  #now: Instant = 0;
  #leaseNext: LeaseId = 0;
  #grants = 0;
  #swaps = 0;
  #waitMsMax = 0;

  constructor(load: Load, handoverMs: number) {
    this.#load = load;
    this.#clients = clientsOf(load);
    this.#served = this.#clients.map(() => 0);
    this.#policy = {
      ...resolveOptions({}, [], "pool").policy,
      connectionLimit: CONNECTIONS,
      idleTimeout: Infinity,
      maxLifetime: Infinity,
      validateAfter: Infinity,
      handoverMs,
      virtuals: [{ target: 0, limit: Infinity, minimum: 0 }],
    };
  }

  run(simulatedMs: number): Fairness {
    let pool: PoolState = createState(this.#policy);
    const begins = this.#clients.flatMap((count, target) => Array<TargetId>(count).fill(target));
    // The first requests alternate between targets, as real ones do.
    for (let turn = 0; turn < begins.length; turn++) {
      pool = this.#tell(pool, this.#ask(begins[(turn * 37) % begins.length]!));
    }
    for (let due = this.#next(); due.at < simulatedMs; due = this.#next()) {
      this.#now = due.at;
      pool = this.#tell(pool, due.event);
      if (due.event.type !== "leaseReleased") continue;
      // A client that is done requests again.
      const { target } = this.#asked.get(due.event.lease)!;
      this.#asked.delete(due.event.lease);
      this.#served[target]!++;
      pool = this.#tell(pool, this.#ask(target));
    }
    return this.#found(simulatedMs);
  }

  #ask(target: TargetId): Event {
    const lease = this.#leaseNext++;
    const address = this.#load.isKin ? 0 : target;
    this.#asked.set(lease, { target, at: this.#now });
    return { type: "leaseRequested", lease, virtual: 0, target, address, enclosing: [] };
  }

  #tell(pool: PoolState, event: Event): PoolState {
    const [next, commands] = step(pool, event, this.#now);
    for (const command of commands) this.#obey(command);
    return next;
  }

  #obey(command: Command): void {
    switch (command.type) {
      case "grant": {
        const { lease, actual } = command;
        this.#grants++;
        this.#waitMsMax = Math.max(this.#waitMsMax, this.#now - this.#asked.get(lease)!.at);
        return this.#later(STATEMENT_MS, {
          type: "leaseReleased",
          lease,
          actual,
          condition: "clean",
        });
      }
      case "connect":
        return this.#later(CONNECT_MS, { type: "connectDone", actual: command.actual, random: 0 });
      case "retarget":
        this.#swaps++;
        return this.#later(RETARGET_MS, {
          type: "workDone",
          actual: command.actual,
          work: "retargeting",
        });
      case "close":
        this.#swaps++;
        return this.#later(CLOSE_MS, { type: "closeDone", actual: command.actual });
    }
  }

  #later(ms: number, event: Event): void {
    const queue = this.#due.get(ms);
    const due = { at: this.#now + ms, event };
    if (queue === undefined) this.#due.set(ms, [due]);
    else queue.push(due);
  }

  #next(): Due {
    const [first, ...rest] = [...this.#due.values()].filter((queue) => queue.length > 0);
    const soonest = rest.reduce((a, b) => b[0]!.at < a[0]!.at ? b : a, first!);
    return soonest.shift()!;
  }

  #found(simulatedMs: number): Fairness {
    // A request in the queue has waited at least until now.
    for (const { at } of this.#asked.values()) {
      this.#waitMsMax = Math.max(this.#waitMsMax, simulatedMs - at);
    }
    const shares = this.#served.map((served, target) => served / this.#clients[target]!);
    const handoverMs = this.#policy.handoverMs;
    return {
      ...this.#load,
      handoverMs: handoverMs === Infinity ? null : handoverMs,
      swapsPerGrant: this.#swaps / this.#grants,
      waitMsMax: this.#waitMsMax,
      waitRatio: this.#waitMsMax / (CLIENTS / CONNECTIONS * STATEMENT_MS - STATEMENT_MS),
      lost: 1 - this.#grants * STATEMENT_MS / (CONNECTIONS * simulatedMs),
      evenness: Math.min(...shares) / Math.max(...shares),
    };
  }
}

/** Returns the number of clients of each target. */
function clientsOf({ targets, isSkewed }: Load): number[] {
  const parts = Array.from({ length: targets }, (_, id) => isSkewed && id === 0 ? 10 : 1);
  const whole = parts.reduce((sum, part) => sum + part, 0);
  const clients = parts.map((part) => Math.floor(CLIENTS * part / whole));
  clients[0]! += CLIENTS - clients.reduce((sum, count) => sum + count, 0);
  return clients;
}
