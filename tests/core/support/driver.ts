/**
 * A small world around the core: it answers commands after set times, by a clock that only
 * `wait` moves. It freezes every state before a step gets it, and checks after every step that
 * the next deadline, if there is one, is in the future.
 */

import assert from "node:assert/strict";
import {
  type ActualId,
  type AddressId,
  type Command,
  type Condition,
  type ConnectionCounts,
  countsOf,
  createState,
  deadline,
  type Event,
  type FailureKind,
  type Instant,
  type LeaseId,
  type LeaseRequested,
  type Policy,
  type PoolState,
  type RefuseReason,
  type RetireReason,
  step,
  type TargetId,
  type VirtualId,
} from "../../../src/core/mod.ts";
import { deepFreeze } from "./freeze.ts";

/** How long the world takes for each command, in ms, and how it behaves. */
export interface Habits {
  readonly connectMs: number;
  readonly checkMs: number;
  readonly resetMs: number;
  readonly retargetMs: number;
  readonly closeMs: number;
  /** How long a holder keeps a lease before it releases it clean; by default for ever. */
  readonly statementMs: number;
  /** How many sessions the server has room for. */
  readonly room: number;
  /** The random number that comes with each connect. */
  readonly random: number;
}

/** The options of a request; the virtual connection gives the default target. */
export interface Wish {
  readonly virtual?: VirtualId;
  readonly target?: TargetId;
  readonly address?: AddressId;
  /** The leases that cannot end before the pool answers this request. */
  readonly enclosing?: readonly LeaseId[];
  /** The `waiter` of the request. */
  readonly waiter?: unknown;
}

/** A command, and when the core gave it. */
export interface Order {
  readonly at: Instant;
  readonly command: Command;
}

interface Reply {
  readonly at: Instant;
  readonly event: () => Event;
}

const HABITS: Habits = {
  connectMs: 10,
  checkMs: 1,
  resetMs: 1,
  retargetMs: 1,
  closeMs: 1,
  statementMs: Infinity,
  room: Infinity,
  random: 0,
};

const POLICY: Policy = {
  connectionLimit: 10,
  queueLimit: Infinity,
  idleTimeout: Infinity,
  maxIdle: Infinity,
  idleCut: 0,
  maxLifetime: Infinity,
  validateAfter: Infinity,
  handoverMs: 100,
  backoffMin: 100,
  backoffMax: 1000,
  virtuals: [{ target: 0, limit: Infinity, minimum: 0 }],
};

/** Drives one pool. */
export class Driver {
  /** The pool as it is now. */
  pool: PoolState;
  /** The time. */
  now: Instant = 0;
  /** All commands so far. */
  readonly orders: Order[] = [];
  /** The targets to which no session can be opened, and why. */
  readonly faults: Map<TargetId, FailureKind> = new Map();
  /** The actual connections whose checks, resets and retargets fail. */
  readonly mute: Set<ActualId> = new Set();
  /** How the world behaves from now on. */
  habits: Habits;
  readonly #requests = new Map<LeaseId, LeaseRequested>();
  readonly #answers = new Map<LeaseId, Order>();
  readonly #sessions = new Set<ActualId>();
  #replies: Reply[] = [];
  #leaseNext = 1;

  constructor(policy: Partial<Policy> = {}, habits: Partial<Habits> = {}) {
    this.pool = createState({ ...POLICY, ...policy });
    this.habits = { ...HABITS, ...habits };
  }

  /** Requests a lease and returns its id. */
  request({ virtual = 0, target, address = 0, enclosing = [], ...rest }: Wish = {}): LeaseId {
    const lease = this.#leaseNext++;
    const event: LeaseRequested = {
      type: "leaseRequested",
      lease,
      virtual,
      target: target ?? this.pool.policy.virtuals[virtual]!.target,
      address,
      enclosing: enclosing.map((one) => ({ lease: one, actual: this.holder(one) })),
      ...rest,
    };
    this.#requests.set(lease, event);
    this.tell(event);
    return lease;
  }

  /** Requests several leases at once. */
  requests(count: number, wish: Wish = {}): LeaseId[] {
    return Array.from({ length: count }, () => this.request(wish));
  }

  /** Withdraws a request. */
  withdraw(lease: LeaseId): void {
    const { virtual, target } = this.#requests.get(lease)!;
    this.tell({ type: "requestWithdrawn", lease, virtual, target });
  }

  /** Releases a lease. */
  release(lease: LeaseId, condition: Condition = "clean"): void {
    this.tell({ type: "leaseReleased", lease, actual: this.holder(lease), condition });
  }

  /** Lets the socket of an actual connection close unasked. */
  lose(actual: ActualId, byServer: boolean = true): void {
    this.#sessions.delete(actual);
    this.tell({ type: "actualLost", actual, byServer });
  }

  /** Lets time pass, with all events that are due in it. */
  wait(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const alarm = deadline(this.pool) ?? Infinity;
      const reply = this.#replies[0];
      const at = Math.min(alarm, reply?.at ?? Infinity);
      if (at > end) break;
      this.now = at;
      if (reply === undefined || alarm < reply.at) this.tell({ type: "deadlineReached" });
      else this.tell(this.#replies.shift()!.event());
    }
    this.now = end;
  }

  /** Reports an event to the core and carries out the commands that follow. */
  tell(event: Event): readonly Command[] {
    const [pool, commands] = step(deepFreeze(this.pool), deepFreeze(event), this.now);
    this.pool = deepFreeze(pool);
    const next = deadline(pool);
    assert.ok(next === undefined || next > this.now, `deadline ${next} at ${this.now}`);
    for (const command of commands) this.#obey(command);
    return commands;
  }

  /** Returns the actual connection that a lease holds. */
  holder(lease: LeaseId): ActualId {
    const command = this.#answers.get(lease)?.command;
    if (command?.type !== "grant") throw new Error(`Lease ${lease} holds nothing`);
    return command.actual;
  }

  /** Tells whether the pool has granted a request. */
  isGranted(lease: LeaseId): boolean {
    return this.#answers.get(lease)?.command.type === "grant";
  }

  /** Returns when the pool answered a request, if it has. */
  answeredAt(lease: LeaseId): Instant | undefined {
    return this.#answers.get(lease)?.at;
  }

  /** Returns why the pool refused a request, if it has. */
  refusal(lease: LeaseId): RefuseReason | undefined {
    const command = this.#answers.get(lease)?.command;
    return command?.type === "refuse" ? command.reason : undefined;
  }

  /** Returns the leases that the pool granted, in order. */
  granted(): LeaseId[] {
    return this.#named("grant").map(({ lease }) => lease);
  }

  /** Returns the actual connections that the pool closed, or closed for `reason`, in order. */
  closed(reason?: RetireReason): ActualId[] {
    const closed = this.#named("close");
    return closed.filter((one) => reason === undefined || one.reason === reason)
      .map(({ actual }) => actual);
  }

  /** Returns how many commands of a type there were. */
  count(type: Command["type"]): number {
    return this.#named(type).length;
  }

  /** Returns the times between commands of a type. */
  gaps(type: Command["type"]): number[] {
    const times = this.orders.filter(({ command }) => command.type === type).map(({ at }) => at);
    return times.slice(1).map((at, index) => at - times[index]!);
  }

  /** Returns the counts of the pool. */
  counts(): ConnectionCounts {
    return countsOf(this.pool);
  }

  #named<T extends Command["type"]>(type: T): Extract<Command, { type: T }>[] {
    const isNamed = (command: Command): command is Extract<Command, { type: T }> =>
      command.type === type;
    return this.orders.map(({ command }) => command).filter(isNamed);
  }

  #obey(command: Command): void {
    const order = { at: this.now, command };
    this.orders.push(order);
    const { habits } = this;
    switch (command.type) {
      case "connect":
        return this.#after(habits.connectMs, () => this.#connected(command));
      case "check":
        return this.#after(habits.checkMs, () => this.#worked(command.actual, "checking"));
      case "reset":
        return this.#after(habits.resetMs, () => this.#worked(command.actual, "resetting"));
      case "retarget":
        return this.#after(habits.retargetMs, () => this.#worked(command.actual, "retargeting"));
      case "close":
        return this.#after(habits.closeMs, () => this.#closed(command.actual));
      case "grant":
        this.#answer(command.lease, order);
        return this.#after(habits.statementMs, () => ({
          type: "leaseReleased",
          lease: command.lease,
          actual: command.actual,
          condition: "clean",
        }));
      case "refuse":
        return this.#answer(command.lease, order);
    }
  }

  #answer(lease: LeaseId, order: Order): void {
    assert.ok(!this.#answers.has(lease), `Lease ${lease} is answered twice`);
    this.#answers.set(lease, order);
  }

  #connected({ actual, target }: { actual: ActualId; target: TargetId }): Event {
    const { room, random } = this.habits;
    const kind = this.faults.get(target) ?? (this.#sessions.size < room ? undefined : "full");
    if (kind !== undefined) {
      return { type: "connectFailed", actual, kind, cause: `${kind} at ${this.now}`, random };
    }
    this.#sessions.add(actual);
    return { type: "connectDone", actual, random };
  }

  #worked(actual: ActualId, work: "checking" | "resetting" | "retargeting"): Event {
    const isWell = this.#sessions.has(actual) && !this.mute.has(actual);
    return { type: isWell ? "workDone" : "workFailed", actual, work };
  }

  #closed(actual: ActualId): Event {
    this.#sessions.delete(actual);
    return { type: "closeDone", actual };
  }

  #after(ms: number, event: () => Event): void {
    if (ms === Infinity) return;
    const at = this.now + ms;
    const place = this.#replies.findIndex((reply) => reply.at > at);
    this.#replies.splice(place < 0 ? this.#replies.length : place, 0, { at, event });
  }
}
