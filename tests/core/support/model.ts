/**
 * A pool as seen from outside the core: the sessions with their statuses, the requests and
 * their answers. It carries out a command only if the command keeps the promises.
 */

import assert from "node:assert/strict";
import type {
  ActualId,
  Command,
  Event,
  Instant,
  LeaseId,
  LeaseRequested,
  Policy,
  Status,
  TargetId,
  VirtualId,
} from "../../../src/core/mod.ts";

/** A session as seen from outside; the present step must decide about one that is "back". */
export interface Seen {
  readonly id: ActualId;
  target: TargetId;
  status: Status | "back";
  isDirty: boolean;
  lease: LeaseId | undefined;
  restedAt: Instant;
  agesAt: Instant;
  /** How many suspicions there were when it last began to prove that it is alive. */
  proven: number;
}

/** All that is seen from outside. */
export class Model {
  readonly policy: Policy;
  readonly actuals: Map<ActualId, Seen> = new Map();
  readonly waiting: Map<LeaseId, LeaseRequested> = new Map();
  readonly held: Map<LeaseId, LeaseRequested> = new Map();
  isFinished: boolean = false;
  suspicions: number = 0;
  retiredBelow: ActualId = 0;
  #actualNext = 0;

  constructor(policy: Policy) {
    this.policy = policy;
  }

  /** Notes an event, and then the commands that follow from it. */
  see(event: Event, commands: readonly Command[], now: Instant): void {
    this.#note(event, now);
    for (const command of commands) this.#obey(command, now);
    for (const seen of this.actuals.values()) {
      if (seen.status !== "back") continue;
      assert.ok(!seen.isDirty, `#${seen.id} is laid down dirty`);
      seen.status = "idle";
      seen.restedAt = now;
    }
  }

  /** Returns the waiters that the limits of their virtual connections do not block. */
  eligible(): Map<LeaseId, LeaseRequested> {
    const places = this.policy.virtuals.map(({ limit }, id) => limit - this.#leasesOf(id));
    const found = new Map<LeaseId, LeaseRequested>();
    for (const [lease, request] of this.waiting) {
      if (places[request.virtual]!-- > 0) found.set(lease, request);
    }
    return found;
  }

  /** Tells whether a lease cannot end because a waiter that it encloses has no answer. */
  encloses(lease: LeaseId): boolean {
    for (const { enclosing } of this.waiting.values()) {
      if (enclosing.some((one) => one.lease === lease)) return true;
    }
    return false;
  }

  /** Returns the sessions that have `status`. */
  at(status: Seen["status"]): Seen[] {
    return [...this.actuals.values()].filter((seen) => seen.status === status);
  }

  #leasesOf(virtual: VirtualId): number {
    return [...this.held.values()].filter((request) => request.virtual === virtual).length;
  }

  #note(event: Event, now: Instant): void {
    const seen = "actual" in event ? this.actuals.get(event.actual) : undefined;
    switch (event.type) {
      case "leaseRequested":
        this.waiting.set(event.lease, event);
        return;
      case "requestWithdrawn":
        this.waiting.delete(event.lease);
        return;
      case "leaseReleased":
        if (seen?.status !== "leased" || seen.lease !== event.lease) return;
        this.#come(seen, event.condition !== "clean");
        return;
      case "connectDone":
        seen!.agesAt = now + this.policy.maxLifetime * (1 - 0.1 * event.random);
        seen!.proven = this.suspicions;
        return this.#come(seen!, false);
      case "connectFailed":
      case "closeDone":
        this.actuals.delete(event.actual);
        return;
      case "workDone":
      case "workFailed":
        if (event.type === "workFailed" && event.work === "checking") this.suspicions++;
        return this.#come(seen!, event.type === "workFailed");
      case "actualLost":
        if (event.byServer) this.suspicions++;
        return this.#come(seen!, true);
      case "retireRequested":
        this.retiredBelow = this.#actualNext;
        return;
      case "suspicionRaised":
        this.suspicions++;
        return;
    }
  }

  #come(seen: Seen, isDirty: boolean): void {
    if (seen.lease !== undefined) this.held.delete(seen.lease);
    seen.lease = undefined;
    seen.status = "back";
    seen.isDirty = isDirty;
  }

  #obey(command: Command, now: Instant): void {
    switch (command.type) {
      case "connect":
        assert.ok(this.actuals.size < this.policy.connectionLimit, "one too many is opened");
        assert.equal(command.actual, this.#actualNext++);
        this.actuals.set(command.actual, {
          id: command.actual,
          target: command.target,
          status: "connecting",
          isDirty: false,
          lease: undefined,
          restedAt: now,
          agesAt: Infinity,
          proven: this.suspicions,
        });
        return;
      case "close": {
        const isUnwanted = command.reason === "draining" && this.waiting.size === 0;
        const opening = isUnwanted ? this.actuals.get(command.actual) : undefined;
        const seen = opening?.status === "connecting" ? opening : this.#free(command.actual, true);
        seen.status = "closing";
        seen.isDirty = false;
        return;
      }
      case "check":
      case "reset":
      case "retarget":
        return this.#work(command);
      case "grant":
        return this.#grant(command.lease, this.#free(command.actual, false), now);
      case "refuse":
        assert.ok(this.waiting.delete(command.lease), `${command.lease} is answered twice`);
        return;
      case "forget":
        for (const [lease, { target }] of this.eligible()) {
          assert.notEqual(target, command.target, `${lease} is in line for the forgotten`);
        }
        return;
      case "finish":
        assert.ok(!this.isFinished && this.actuals.size === 0 && this.waiting.size === 0);
        this.isFinished = true;
    }
  }

  #work(command: Command & { readonly actual: ActualId }): void {
    const seen = this.#free(command.actual, command.type === "reset");
    seen.proven = this.suspicions;
    if (command.type === "retarget") {
      seen.target = command.target;
      seen.status = "retargeting";
    } else {
      seen.status = command.type === "reset" ? "resetting" : "checking";
      seen.isDirty = false;
    }
  }

  #grant(lease: LeaseId, seen: Seen, now: Instant): void {
    const request = this.waiting.get(lease);
    assert.ok(request !== undefined, `${lease} is answered twice`);
    assert.equal(seen.target, request.target);
    const isFirst = ([other, { target }]: [LeaseId, LeaseRequested]) =>
      target === request.target && other <= lease;
    assert.deepEqual([...this.eligible()].filter(isFirst).map(([id]) => id), [lease]);
    assert.equal(seen.proven, this.suspicions, `#${seen.id} is lent while it is suspect`);
    const { validateAfter, maxLifetime } = this.policy;
    if (seen.status === "idle") assert.ok(now - seen.restedAt <= validateAfter, "lent unchecked");
    assert.ok(seen.id >= this.retiredBelow, `#${seen.id} is lent though it was asked to go`);
    assert.ok(now <= seen.agesAt + maxLifetime * 0.1, `#${seen.id} is lent too old`);
    this.waiting.delete(lease);
    this.held.set(lease, request);
    seen.status = "leased";
    seen.lease = lease;
  }

  #free(actual: ActualId, mayBeDirty: boolean): Seen {
    const seen = this.actuals.get(actual);
    assert.ok(seen?.status === "idle" || seen?.status === "back", `#${actual} is ${seen?.status}`);
    assert.ok(mayBeDirty || !seen.isDirty, `#${actual} is dirty`);
    return seen;
  }
}
