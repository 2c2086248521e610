/**
 * Runs the core: reports what happens to it, and carries out what it orders.
 *
 * It holds the one mutable reference to the pool's state. One event is handled at a time,
 * to its end: an event that comes up while orders are carried out waits its turn, and code
 * of the user never runs within a step. Everything that a step starts (sockets, pings,
 * timers) starts in the async context in which the pool was created, so that no request's
 * context is kept by what outlives the request.
 */

import {
  type Command,
  createState,
  deadline,
  type Event,
  type Holding,
  type LeaseId,
  type Policy,
  type PoolState,
  type RefuseReason,
  step,
  type VirtualId,
} from "../core/mod.ts";
import type { Condition, Instant, Port } from "../port.ts";
import type { Admission } from "./admission.ts";
import { Alarm } from "./alarm.ts";
import { type Census, censusOf } from "./census.ts";
import { answer, type Claim, Claims, newClaim, requestOf } from "./claim.ts";
import { grantTo, type Slot, slotOf } from "./claim.ts";
import type { PoolClock } from "./clock.ts";
import { type News, newsOf } from "./news.ts";
import { type Neutral, ProcessHold } from "./process_hold.ts";
import { Sessions } from "./sessions.ts";
import type { TargetEntry, Targets } from "./targets.ts";

/** What an interpreter works with. */
export interface Setting<Target, Driver> {
  /** The rules of the pool. */
  readonly policy: Policy;
  /** The names of the virtual connections, in the order of the policy. */
  readonly names: readonly string[];
  /** What opens sessions. */
  readonly port: Port<Target, Driver>;
  /** What tells the time. */
  readonly clock: PoolClock;
  /** An async context that belongs to nobody. */
  readonly neutral: Neutral;
  /** The targets in use. */
  readonly targets: Targets<Target>;
  /** What is told of the pool. */
  readonly news: News<Driver>;
  /** Whether a connection is reset after each lease. */
  readonly isResetAlways: boolean;
}

/** Holds the state of a pool. */
export class Interpreter<Target, Driver> {
  /** The time of the pool. */
  readonly clock: PoolClock;
  /** Keeps the process alive for those who wait. */
  readonly hold: ProcessHold;
  readonly #names: readonly string[];
  readonly #targets: Targets<Target>;
  readonly #news: News<Driver>;
  readonly #sessions: Sessions<Target, Driver>;
  readonly #alarm: Alarm;
  readonly #isResetAlways: boolean;
  readonly #claims = new Claims<Target, Driver>();
  readonly #finished: PromiseWithResolvers<void> = Promise.withResolvers();
  #state: PoolState;
  #events: Event[] = [];
  #isStepping = false;
  #leaseNext: LeaseId = 0;
  #leaps: number;

  /** Creates a pool that has done nothing. */
  constructor(setting: Setting<Target, Driver>) {
    const { policy, names, port, clock, neutral, targets, news, isResetAlways } = setting;
    const report = (event: Event): void => this.report(event);
    const opened = (session: { driver: Driver; threadId: number }): void => {
      if (news.isWanted("connection")) news.note("connection", newsOf(session));
    };
    this.#state = createState(policy);
    this.#names = names;
    this.#targets = targets;
    this.#news = news;
    this.#isResetAlways = isResetAlways;
    this.#sessions = new Sessions({ port, clock, neutral, report, opened });
    this.#alarm = new Alarm(clock, neutral, () => this.report({ type: "deadlineReached" }));
    this.clock = clock;
    this.hold = new ProcessHold(neutral);
    this.#leaps = clock.leaps;
  }

  /** Fulfilled once a drained pool has closed its last actual connection. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Serves those who wait, and then closes all; fulfilled when that is done. */
  async finish(): Promise<void> {
    this.hold.take();
    this.report({ type: "drainRequested", serveLine: true });
    await this.finished;
    this.hold.drop();
  }

  /** The last failure to open or prepare an actual connection, if nothing has succeeded since. */
  get lastFailure(): unknown {
    return this.#sessions.lastFailure;
  }

  /** Returns what the pool is doing. */
  census(): Census {
    return censusOf(this.#state, this.#sessions.renewals);
  }

  /** Returns the name of a virtual connection. */
  nameOf(virtual: VirtualId): string {
    return this.#names[virtual] ?? String(virtual);
  }

  /** Requests a lease; the claim may have its answer when this returns. */
  request(
    virtual: VirtualId,
    target: TargetEntry<Target>,
    enclosing: readonly Holding[],
    admission: Admission,
  ): Claim<Target, Driver> {
    const now = this.clock.now();
    const lease = this.#leaseNext++;
    const claim = newClaim<Target, Driver>(lease, virtual, target, enclosing, admission, now);
    this.#claims.add(claim);
    if (admission.isRefusing) this.#refuse(lease, "draining", undefined);
    else this.#handle(requestOf(claim), now);
    const isTold = claim.status === "waiting" && this.#news.isWanted("enqueue");
    if (isTold) this.#news.note("enqueue", { virtual: this.nameOf(virtual) });
    this.#news.tell();
    return claim;
  }

  /** Takes back a claim that has not been answered. */
  withdraw(claim: Claim<Target, Driver>): void {
    if (claim.status !== "waiting") return;
    const { lease, virtual, target } = this.#claims.take(claim.lease);
    claim.status = "withdrawn";
    this.report({ type: "requestWithdrawn", lease, virtual, target: target.id });
    this.#leave(claim);
  }

  /** Ends a lease; one that has ended is ended no further. */
  release(claim: Claim<Target, Driver>, left: Condition): void {
    if (claim.status !== "granted") return;
    const slot = slotOf(claim);
    const condition = left === "clean" && this.#isResetAlways ? "dirty" : left;
    const now = this.clock.now();
    claim.status = "released";
    slot.claim = undefined;
    if (this.#news.isWanted("release")) this.#noteRelease(claim, condition, now);
    const { actual } = slot;
    this.#handle({ type: "leaseReleased", lease: claim.lease, actual, condition }, now);
    this.#sessions.settle(slot);
    claim.admission.leaveRequest();
  }

  /** Reports an event. */
  report(event: Event): void {
    this.#handle(event, this.clock.now());
  }

  /** Refuses what waits of all that an admission counts; what is under way gets no lease more. */
  turnAway(admission: Admission): void {
    admission.refuse();
    for (const { lease, virtual, target, status } of this.#claims.of(admission)) {
      if (status !== "waiting") continue;
      this.#refuse(lease, "draining", undefined);
      this.report({ type: "requestWithdrawn", lease, virtual, target: target.id });
    }
  }

  /** Ends all sessions at once, or those that an admission counts the leases of. */
  destroy(reason: Error, admission: Admission | undefined): void {
    if (admission === undefined) this.report({ type: "drainRequested", serveLine: false });
    else this.turnAway(admission);
    this.#sessions.destroyAll(reason, admission);
  }

  #handle(event: Event, now: Instant): void {
    if (this.#isStepping) {
      this.#events.push(event);
      return;
    }
    this.#isStepping = true;
    try {
      if (this.clock.leaps !== this.#leaps) {
        this.#leaps = this.clock.leaps;
        this.#step({ type: "suspicionRaised" }, now);
      }
      this.#step(event, now);
      while (this.#events.length > 0) {
        const events = this.#events;
        this.#events = [];
        for (const next of events) this.#step(next, now);
      }
      this.#alarm.set(deadline(this.#state));
    } finally {
      this.#isStepping = false;
    }
    this.#news.tell();
  }

  #step(event: Event, now: Instant): void {
    if (event.type === "leaseRequested") this.#targets.know(event.target);
    const [state, commands] = step(this.#state, event, now);
    this.#state = state;
    for (const command of commands) this.#obey(command, now);
  }

  #obey(command: Command, now: Instant): void {
    switch (command.type) {
      case "grant":
        return this.#grant(command.lease, this.#sessions.slotOf(command.actual), now);
      case "refuse":
        return this.#refuse(command.lease, command.reason, command.cause);
      case "connect":
        return this.#sessions.connect(command.actual, this.#targets.know(command.target));
      case "check":
        return this.#sessions.work(command.actual, "checking", undefined);
      case "reset":
        return this.#sessions.work(command.actual, "resetting", undefined);
      case "retarget": {
        const target = this.#targets.know(command.target);
        return this.#sessions.work(command.actual, "retargeting", target);
      }
      case "close":
        if (this.#news.isWanted("remove") && this.#sessions.isOpen(command.actual)) {
          const { session } = this.#sessions.slotOf(command.actual);
          this.#news.note("remove", { ...newsOf(session), reason: command.reason });
        }
        return this.#sessions.close(command.actual);
      case "forget":
        return this.#targets.forget(command.target);
      case "finish":
        this.#alarm.clear();
        return this.#finished.resolve();
      default:
        command satisfies never;
    }
  }

  /** Answers a claim; if its session has died unnoticed, it goes back to its place in line. */
  #grant(lease: LeaseId, slot: Slot<Target, Driver>, now: Instant): void {
    const claim = this.#claims.take(lease);
    if (!slot.session.isAlive) {
      this.#claims.add(claim);
      this.#events.push({ type: "actualLost", actual: slot.actual, byServer: true });
      this.#events.push(requestOf(claim));
      return;
    }
    grantTo(claim, slot, now);
    this.#sessions.settle(slot);
    this.#targets.leave(claim.target);
    if (this.#news.isWanted("acquire")) this.#noteAcquisition(claim);
    answer(claim);
  }

  #refuse(lease: LeaseId, reason: RefuseReason, cause: unknown): void {
    const claim = this.#claims.take(lease);
    claim.status = "refused";
    claim.refusal = { reason, cause };
    this.#leave(claim);
    if (this.#news.isWanted("refuse")) {
      this.#news.note("refuse", { virtual: this.nameOf(claim.virtual), reason, cause });
    }
    answer(claim);
  }

  /** Lets go of what a claim that comes to nothing has used. */
  #leave({ target, admission }: Claim<Target, Driver>): void {
    this.#targets.leave(target);
    admission.leaveRequest();
  }

  #noteAcquisition(claim: Claim<Target, Driver>): void {
    const connection = newsOf(slotOf(claim).session);
    const waitMs = claim.grantedAt - claim.requestedAt;
    this.#news.note("acquire", { ...connection, virtual: this.nameOf(claim.virtual), waitMs });
  }

  #noteRelease(claim: Claim<Target, Driver>, condition: Condition, now: Instant): void {
    const heldMs = now - claim.grantedAt;
    const virtual = this.nameOf(claim.virtual);
    this.#news.note("release", { ...newsOf(slotOf(claim).session), virtual, heldMs, condition });
  }
}
