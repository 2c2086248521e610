/**
 * A small world around the core: it answers orders after set times, by a clock that only
 * `wait` moves. Every state that a step is given is frozen, and after every step the next
 * deadline must lie ahead, or be none.
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

/** How long the world takes for what it is ordered; all in ms. */
export interface Habits {
  readonly connectMs: number;
  readonly checkMs: number;
  readonly resetMs: number;
  readonly retargetMs: number;
  readonly closeMs: number;
  /** How long a lease is held before it is released clean; for ever unless said otherwise. */
  readonly statementMs: number;
  /** How many sessions the server has room for. */
  readonly room: number;
  /** The random number that comes with each connect. */
  readonly random: number;
}

/** What a request may say beside the virtual connection's own ways. */
export interface Wish {
  readonly virtual?: VirtualId;
  readonly target?: TargetId;
  readonly address?: AddressId;
  /** The leases that cannot end before this one is answered. */
  readonly enclosing?: readonly LeaseId[];
  /** What asks. */
  readonly waiter?: unknown;
}

/** An order, and when it was given. */
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
  idleCutMs: 0,
  maxLifetime: Infinity,
  validateAfter: Infinity,
  handoverMs: 100,
  backoffMsMin: 100,
  backoffMsMax: 1000,
  virtuals: [{ target: 0, limit: Infinity, minimum: 0 }],
};

/** Drives one pool. */
export class Driver {
  /** The pool as it is now. */
  pool: PoolState;
  /** What time it is. */
  now: Instant = 0;
  /** All orders so far. */
  readonly orders: Order[] = [];
  /** The targets to which no session can be opened, and why. */
  readonly faults: Map<TargetId, FailureKind> = new Map();
  /** The actual connections that do not answer when they are checked. */
  readonly mute: Set<ActualId> = new Set();
  /** What it does from now on. */
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

  /** Asks for a lease and returns its name. */
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

  /** Asks for several leases at once. */
  requests(count: number, wish: Wish = {}): LeaseId[] {
    return Array.from({ length: count }, () => this.request(wish));
  }

  /** Takes a request back. */
  withdraw(lease: LeaseId): void {
    const { virtual, target } = this.#requests.get(lease)!;
    this.tell({ type: "requestWithdrawn", lease, virtual, target });
  }

  /** Hands back what a lease holds. */
  release(lease: LeaseId, condition: Condition = "clean"): void {
    this.tell({ type: "leaseReleased", lease, actual: this.holder(lease), condition });
  }

  /** Lets the socket of an actual connection close unasked. */
  lose(actual: ActualId, byServer: boolean = true): void {
    this.#sessions.delete(actual);
    this.tell({ type: "actualLost", actual, byServer });
  }

  /** Lets time pass, and all happen in it that is to happen. */
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

  /** Reports an event and does what it brings. */
  tell(event: Event): readonly Command[] {
    const [pool, commands] = step(deepFreeze(this.pool), deepFreeze(event), this.now);
    this.pool = deepFreeze(pool);
    const next = deadline(pool);
    assert.ok(next === undefined || next > this.now, `deadline ${next} at ${this.now}`);
    for (const command of commands) this.#obey(command);
    return commands;
  }

  /** Returns the actual connection that was granted to a lease. */
  holder(lease: LeaseId): ActualId {
    const command = this.#answers.get(lease)?.command;
    if (command?.type !== "grant") throw new Error(`Lease ${lease} holds nothing`);
    return command.actual;
  }

  /** Tells whether a request has been granted. */
  isGranted(lease: LeaseId): boolean {
    return this.#answers.get(lease)?.command.type === "grant";
  }

  /** Tells when a request was answered, if it was. */
  answeredAt(lease: LeaseId): Instant | undefined {
    return this.#answers.get(lease)?.at;
  }

  /** Returns why a request was refused, if it was. */
  refusal(lease: LeaseId): RefuseReason | undefined {
    const command = this.#answers.get(lease)?.command;
    return command?.type === "refuse" ? command.reason : undefined;
  }

  /** Returns the leases that were granted, in order. */
  granted(): LeaseId[] {
    return this.#named("grant").map(({ lease }) => lease);
  }

  /** Returns why and in what order actual connections were closed. */
  closed(reason?: RetireReason): ActualId[] {
    const closed = this.#named("close");
    return closed.filter((one) => reason === undefined || one.reason === reason)
      .map(({ actual }) => actual);
  }

  /** Returns how many orders of a kind were given. */
  count(type: Command["type"]): number {
    return this.#named(type).length;
  }

  /** Returns the times between orders of a kind. */
  gaps(type: Command["type"]): number[] {
    const times = this.orders.filter(({ command }) => command.type === type).map(({ at }) => at);
    return times.slice(1).map((at, index) => at - times[index]!);
  }

  /** Returns how many there are of what. */
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
