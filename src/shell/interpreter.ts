/**
 * Runs the core: reports events to it, and carries out its commands.
 *
 * Everything that a step starts (sockets, pings, timers) starts in the async context in which the
 * pool was created: it may outlive a request, and must not keep the context of that request.
 */

import type {
  Command,
  Event,
  LeaseId,
  Policy,
  RefuseReason,
  TargetId,
  VirtualId,
} from "../core/mod.ts";
import type { Condition, Connector, Instant, RawConnection } from "../port/session.ts";
import type { Admission } from "./admission.ts";
import { type PoolStats, statsOf } from "./stats.ts";
import type { PoolClock } from "./clock.ts";
import { TimeoutQueue } from "./timers.ts";
import {
  acquireEventOf,
  type LeaseRequest,
  type LeaseWaiter,
  type Lessor,
  type PooledConnection,
  pooledOf,
  releaseEventOf,
  requestOf,
} from "./lease_request.ts";
import { connectionEventOf, type EventName, type Events } from "./events.ts";
import { ProcessRef, type RunDetached } from "./process_ref.ts";
import { Connections } from "./connections.ts";
import { type Obeying, Stepper } from "./stepper.ts";
import type { Targets } from "./targets.ts";

/** What an interpreter works with. */
export interface InterpreterInit {
  /** The options of the core. */
  readonly policy: Policy;
  /** The names of the virtual connections, in the order of the policy. */
  readonly names: readonly string[];
  /** Opens sessions. */
  readonly connector: Connector;
  /** The clock of the pool. */
  readonly clock: PoolClock;
  /** Calls a function in the async context of the pool's creation. */
  readonly runDetached: RunDetached;
  /** The targets in use. */
  readonly targets: Targets;
  /** Emits the events of the pool. */
  readonly events: Events;
  /** Whether each released connection is reset, even if it seems clean. */
  readonly isResetAlways: boolean;
  /** How long a request may wait, in ms. */
  readonly acquireMs: number;
}

/** Runs the core for one set of actual connections. */
export class Interpreter implements Obeying, Lessor {
  /** The clock of the pool. */
  readonly clock: PoolClock;
  /** Keeps the process alive while callers wait. */
  readonly processRef: ProcessRef;
  /** All waiters, with their timeouts. */
  readonly acquireTimeouts: TimeoutQueue<LeaseWaiter>;
  /** The connections of the pool. */
  readonly connections: Connections;
  readonly #names: readonly string[];
  readonly #targets: Targets;
  readonly #events: Events;
  readonly #isResetAlways: boolean;
  readonly #finished: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #stepper: Stepper;
  /** The requests that the core has answered, and that have not been notified yet. */
  #answered: LeaseRequest[] = [];
  #leaseNext: LeaseId = 0;

  /** Creates the interpreter of a pool without connections. */
  constructor(init: InterpreterInit) {
    const { policy, names, connector, clock, runDetached, targets, events, isResetAlways } = init;
    const report = (event: Event): void => this.report(event);
    const opened = (session: { driver: RawConnection; threadId: number }): void => {
      if (events.hasListeners("connection")) events.emit("connection", connectionEventOf(session));
    };
    this.#stepper = new Stepper(policy, clock, runDetached, this);
    this.#names = names;
    this.#targets = targets;
    this.#events = events;
    this.#isResetAlways = isResetAlways;
    this.processRef = new ProcessRef(runDetached);
    const { processRef } = this;
    this.connections = new Connections({
      connector,
      clock,
      runDetached,
      report,
      opened,
      processRef,
      isResetAlways,
    });
    this.acquireTimeouts = new TimeoutQueue(clock, runDetached, init.acquireMs, (waiter) => {
      waiter.expire();
    });
    this.clock = clock;
  }

  /** Fulfilled once a drained pool has closed its last actual connection. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Drains the pool: serves the waiters, then closes all connections; fulfilled when done. */
  async finish(): Promise<void> {
    this.processRef.ref();
    this.report({ type: "drainRequested", serveQueue: true });
    await this.finished;
    this.processRef.unref();
  }

  /** Returns the statistics of the pool. */
  stats(): PoolStats {
    return statsOf(this.#stepper.state, this.connections.renewals);
  }

  /** Returns the name of a virtual connection. */
  nameOf(virtual: VirtualId): string {
    return this.#names[virtual] ?? String(virtual);
  }

  /** Returns the limit of a virtual connection. */
  limitOf(virtual: VirtualId): number {
    return this.#stepper.state.policy.virtuals[virtual]?.limit ?? Infinity;
  }

  /** Tells whether an event has listeners. */
  hasListeners(name: EventName): boolean {
    return this.#events.hasListeners(name);
  }

  /** Returns the id of the next request. */
  nextLease(): LeaseId {
    return this.#leaseNext++;
  }

  /** Requests a lease; the request may be granted or refused before this returns. */
  ask(request: LeaseRequest): void {
    const { entry, admission, virtual } = request;
    entry.uses++;
    admission.enterRequest();
    if (admission.isRefusing) {
      this.#refuse(request, "draining", undefined);
      this.stepped();
    } else this.#stepper.handle(request, request.requestedAt);
    if (request.status !== "waiting" || !this.#events.hasListeners("enqueue")) return;
    this.#events.emit("enqueue", { virtual: this.nameOf(virtual) });
    this.stepped();
  }

  /** Withdraws a request, if it still waits. */
  withdraw(request: LeaseRequest): void {
    if (request.status !== "waiting") return;
    const { lease, virtual, target } = request;
    request.status = "withdrawn";
    this.report({ type: "requestWithdrawn", lease, virtual, target });
    this.#leave(request);
  }

  /** Releases a lease, if it is still held. */
  release(request: LeaseRequest, left: Condition): void {
    if (request.status !== "granted") return;
    const pooled = pooledOf(request);
    const condition = left === "clean" && this.#isResetAlways ? "dirty" : left;
    const now = this.clock.now();
    request.status = "released";
    pooled.request = undefined;
    if (this.#events.hasListeners("release")) {
      this.#events.emit(
        "release",
        releaseEventOf(request, this.nameOf(request.virtual), condition, now),
      );
    }
    const { actual } = pooled;
    this.#stepper.handle({ type: "leaseReleased", lease: request.lease, actual, condition }, now);
    this.connections.settle(pooled);
    request.admission.leaveRequest();
  }

  /** Reports an event to the core. */
  report(event: Event): void {
    this.#stepper.handle(event, this.clock.now());
  }

  /** Refuses the waiters that an admission counts, and any later request of its work. */
  turnAway(admission: Admission): void {
    admission.refuse();
    for (const { awaited } of this.acquireTimeouts.all()) {
      if (awaited?.admission !== admission || awaited.status !== "waiting") continue;
      const { lease, virtual, target } = awaited;
      this.#refuse(awaited, "draining", undefined);
      this.report({ type: "requestWithdrawn", lease, virtual, target });
    }
  }

  /** Refuses waiters and destroys sessions: all or, given an admission, those of its work. */
  destroy(reason: Error, admission: Admission | undefined): void {
    if (admission === undefined) this.report({ type: "drainRequested", serveQueue: false });
    else this.turnAway(admission);
    this.connections.destroyAll(reason, admission);
  }

  /** Emits events, then notifies the answered requests: listeners see connections still unused. */
  stepped(): void {
    this.#events.flush();
    if (this.#answered.length === 0) return;
    const answered = this.#answered;
    this.#answered = [];
    for (const request of answered) request.answered();
  }

  /** Notes that the core knows the target of a request. */
  requested(target: TargetId): void {
    this.#targets.know(target);
  }

  /** Carries out a command of the core. */
  obey(command: Command, now: Instant): void {
    switch (command.type) {
      case "grant":
        return this.#grant(requestOf(command), this.connections.get(command.actual), now);
      case "refuse":
        return this.#refuse(requestOf(command), command.reason, command.cause);
      case "connect":
        return this.connections.connect(command.actual, this.#targets.know(command.target));
      case "check":
        return this.connections.work(command.actual, "checking", undefined);
      case "reset":
        return this.connections.work(command.actual, "resetting", undefined);
      case "retarget":
        return this.connections.work(
          command.actual,
          "retargeting",
          this.#targets.know(command.target),
        );
      case "close":
        if (this.#events.hasListeners("remove") && this.connections.isOpen(command.actual)) {
          const { session } = this.connections.get(command.actual);
          this.#events.emit("remove", { ...connectionEventOf(session), reason: command.reason });
        }
        return this.connections.close(command.actual);
      case "forget":
        return this.#targets.forget(command.target);
      case "finish":
        this.#stepper.end();
        this.processRef.end();
        return this.#finished.resolve();
      default:
        command satisfies never;
    }
  }

  /** Grants a request; if the session has died unnoticed, queues it again in its old place. */
  #grant(request: LeaseRequest, pooled: PooledConnection, now: Instant): void {
    if (!pooled.session.isAlive) {
      this.report({ type: "actualLost", actual: pooled.actual, byServer: true });
      this.report(request);
      return;
    }
    request.grant(pooled, now);
    this.connections.settle(pooled);
    this.#targets.leave(request.entry);
    if (this.#events.hasListeners("acquire")) {
      this.#events.emit("acquire", acquireEventOf(request, this.nameOf(request.virtual)));
    }
    this.#answered.push(request);
  }

  #refuse(request: LeaseRequest, reason: RefuseReason, cause: unknown): void {
    request.status = "refused";
    request.refusal = { reason, cause };
    this.#leave(request);
    if (this.#events.hasListeners("refuse")) {
      this.#events.emit("refuse", { virtual: this.nameOf(request.virtual), reason, cause });
    }
    this.#answered.push(request);
  }

  /** Uncounts a request that was refused or withdrawn. */
  #leave({ entry, admission }: LeaseRequest): void {
    this.#targets.leave(entry);
    admission.leaveRequest();
  }
}
