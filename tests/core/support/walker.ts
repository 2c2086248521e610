/**
 * A random walk through the events that can happen to a pool. It checks after every step that
 * what the core knows is true and that the core keeps its promises.
 */

import assert from "node:assert/strict";
import {
  createState,
  deadline,
  type Event,
  type Instant,
  type LeaseId,
  type LeaseRequested,
  type Policy,
  type PoolState,
  step,
  type Work,
} from "../../../src/core/mod.ts";
import { deepFreeze } from "./freeze.ts";
import { Model, type Seen } from "./model.ts";
import { assertNobodyWaitsInVain, assertTrue } from "./scan.ts";

/** The choices for one step of the walk. */
export interface Choice {
  /** The kind of the event, from 0 to 99. */
  readonly kind: number;
  /** Which of the possible subjects of that kind. */
  readonly pick: number;
  /** How long after the step before. */
  readonly ms: number;
  /** The random number that the event carries, if it carries one. */
  readonly random: number;
}

/** Which events happen more often than others. */
export interface Mood {
  /** How many of a hundred steps end leases, out of sixty that begin or end one. */
  readonly releasing: number;
  /** Whether all goes well. */
  readonly isCalm: boolean;
}

const WORKING = ["checking", "resetting", "retargeting"] as const;

/** Walks through one pool. */
export class Walker {
  readonly model: Model;
  readonly targets: number;
  #pool: PoolState;
  #now: Instant = 0;
  readonly #mood: Mood;
  #leaseNext = 0;

  constructor(policy: Policy, targets: number, mood: Mood) {
    this.#mood = mood;
    this.model = new Model(policy);
    this.targets = targets;
    this.#pool = createState(policy);
  }

  /** Takes one step, if the chosen event can happen now. */
  take(choice: Choice): void {
    const alarm = deadline(this.#pool) ?? Infinity;
    if (alarm <= this.#now + choice.ms) {
      this.#now = Math.max(this.#now, alarm);
      return this.#tell({ type: "deadlineReached" });
    }
    this.#now += choice.ms;
    const event = this.#choose(choice);
    if (event !== undefined) this.#tell(event);
  }

  /** Drains the pool and lets all work succeed; the drain must finish. */
  end(serveQueue: boolean): void {
    this.#tell({ type: "drainRequested", serveQueue });
    for (let turn = 0; !this.model.isFinished; turn++) {
      assert.ok(turn < 100_000, "the end is not reached");
      const event = this.#finishOne();
      if (event !== undefined) {
        this.#tell(event);
        continue;
      }
      const alarm = deadline(this.#pool);
      assert.ok(alarm !== undefined, "nothing is left to happen, and the end is not reached");
      this.#now = alarm;
      this.#tell({ type: "deadlineReached" });
    }
    assert.equal(this.model.waiting.size + this.model.held.size, 0);
    assert.equal(deadline(this.#pool), undefined);
  }

  #tell(event: Event): void {
    const [pool, commands] = step(deepFreeze(this.#pool), deepFreeze(event), this.#now);
    this.#pool = deepFreeze(pool);
    this.model.see(event, commands, this.#now);
    assertTrue(pool, this.model);
    assertNobodyWaitsInVain(pool, this.#now);
    const alarm = deadline(pool);
    assert.ok(alarm === undefined || alarm > this.#now, `deadline ${alarm} at ${this.#now}`);
    const [, vain] = step(pool, { type: "deadlineReached" }, this.#now);
    assert.deepEqual(vain, [], "a rule that applied was left out");
    if (alarm === undefined) return;
    const [, due] = step(pool, { type: "deadlineReached" }, alarm);
    assert.ok(due.length > 0, `nothing is due at the deadline ${alarm}`);
  }

  #choose({ kind, pick, random }: Choice): Event | undefined {
    const { releasing, isCalm } = this.#mood;
    if (kind < 60 - releasing) return this.#request(pick);
    if (kind < 60) return this.#release(this.#free(pick), pick);
    if (kind < 92 || isCalm) return this.#answer(pick, random);
    if (kind < 95) return this.#withdraw(pick);
    if (kind < 97) return this.#lose(pick);
    if (kind < 98) return { type: pick % 2 === 0 ? "pauseRequested" : "resumeRequested" };
    if (kind < 99) return { type: "resumeRequested" };
    return { type: pick % 5 === 0 ? "retireRequested" : "suspicionRaised" };
  }

  #request(pick: number): LeaseRequested {
    const { virtuals } = this.model.policy;
    const virtual = pick % virtuals.length;
    // Every third is for another target, and every fourth is nested in leases.
    const target = pick % 3 === 0 ? pick % this.targets : virtuals[virtual]!.target;
    const holders = this.model.at("leased");
    const count = pick % 4 === 0 ? Math.min(holders.length, 1 + pick % 2) : 0;
    const enclosing = Array.from({ length: count }, (_, index) => {
      const { id, lease } = holders[(pick + index) % holders.length]!;
      return { lease: lease!, actual: id };
    });
    const lease = this.#leaseNext++;
    return { type: "leaseRequested", lease, virtual, target, address: target % 5, enclosing };
  }

  #release(seen: Seen | undefined, pick: number): Event | undefined {
    if (seen === undefined) return undefined;
    const condition = pick % 10 === 0 && !this.#mood.isCalm
      ? "broken"
      : pick % 3 === 0
      ? "dirty"
      : "clean";
    // Some releases name an older lease, and must end nothing.
    const lease = pick % 17 === 0 ? seen.lease! - 1 : seen.lease!;
    return { type: "leaseReleased", lease, actual: seen.id, condition };
  }

  #answer(pick: number, random: number): Event | undefined {
    const busy = [...this.model.actuals.values()].filter(({ status }) =>
      status !== "idle" && status !== "leased"
    );
    const seen = busy[pick % busy.length];
    if (seen === undefined) return undefined;
    if (random > 0.15 || this.#mood.isCalm) return doneOf(seen, random);
    const { id: actual, status } = seen;
    if (status === "closing") return { type: "closeDone", actual };
    if (status !== "connecting") return { type: "workFailed", actual, work: status as Work };
    const kind = random < 0.08 ? "down" : "full";
    return { type: "connectFailed", actual, kind, cause: `${kind} at ${this.#now}`, random };
  }

  #withdraw(pick: number): Event | undefined {
    const request = [...this.model.waiting.values()][pick % Math.max(1, this.model.waiting.size)];
    return request && { ...request, type: "requestWithdrawn" };
  }

  #lose(pick: number): Event | undefined {
    const { model } = this;
    const open = ["idle", "leased", ...WORKING].flatMap((status) =>
      model.at(status as Seen["status"])
    );
    const seen = open[pick % Math.max(1, open.length)];
    return seen && { type: "actualLost", actual: seen.id, byServer: pick % 4 === 0 };
  }

  /** Returns a connection whose lease can end: the lease encloses no waiter. */
  #free(pick: number): Seen | undefined {
    const holders = this.model.at("leased");
    const from = pick % Math.max(1, holders.length);
    const isFree = ({ lease }: { lease: LeaseId | undefined }) => !this.model.encloses(lease!);
    return holders.slice(from).find(isFree) ?? holders.find(isFree);
  }

  /** Returns the success of some work that is under way, or a release. */
  #finishOne(): Event | undefined {
    for (const seen of this.model.actuals.values()) {
      if (seen.status !== "idle" && seen.status !== "leased") return doneOf(seen, 0.5);
    }
    return this.#release(this.#free(0), 1);
  }
}

function doneOf({ id: actual, status }: Seen, random: number): Event {
  if (status === "connecting") return { type: "connectDone", actual, random };
  if (status === "closing") return { type: "closeDone", actual };
  return { type: "workDone", actual, work: status as Work };
}
