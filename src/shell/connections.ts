/**
 * The open sessions of a pool, by the ids of their actual connections.
 *
 * Each operation on a session starts in the async context in which the pool was created, and
 * reports its end to the core as an event. A session keeps the process alive while it is being
 * opened, leased, checked, reset or retargeted, and not while it is idle.
 */

import type { ActualId, Event, Work } from "../core/mod.ts";
import type { Clock, Connector, Loss, Session, Target } from "../port/session.ts";
import type { Admission } from "./admission.ts";
import { Renewals } from "./stats.ts";
import {
  grantedAtOf,
  type LeaseRequest,
  type Opening,
  type PooledConnection,
  type PooledConnections,
} from "./lease_request.ts";
import type { ProcessRef, RunDetached } from "./process_ref.ts";

/**
 * After an operation that took this long, the session is checked once more: the process may have
 * been frozen when the answer came, and the server may have gone since.
 */
const LATE_MS_MIN = 1_000;

/** What {@linkcode Connections} works with. */
export interface ConnectionsInit {
  /** Opens sessions. */
  readonly connector: Connector;
  /** The clock, and the source of random numbers. */
  readonly clock: Clock;
  /** Calls a function in the async context of the pool's creation. */
  readonly runDetached: RunDetached;
  /** Reports an event to the core. */
  readonly report: (event: Event) => void;
  /** Called with each session that has been opened. */
  readonly opened: (session: Session) => void;
  /** Keeps the process alive. */
  readonly processRef: ProcessRef;
  /** Whether each released session is reset, even if it seems clean. */
  readonly isResetAlways: boolean;
}

/** Opens, checks, resets, retargets and closes sessions. */
export class Connections implements PooledConnections {
  /** Counts resets by the reason that {@linkcode Session.reset} returned, if any. */
  readonly renewals: Renewals = new Renewals();
  readonly #init: ConnectionsInit;
  readonly #open = new Map<ActualId, PooledConnection>();
  readonly #openings = new Map<ActualId, Opening & { readonly abort: AbortController }>();
  #lastFailure: unknown = undefined;

  /** Creates an empty set of sessions. */
  constructor(init: ConnectionsInit) {
    this.#init = init;
  }

  /** The last failure to open or prepare a session, unless a later attempt has succeeded. */
  get lastFailure(): unknown {
    return this.#lastFailure;
  }

  /** The session that has been opening for the longest time, if any is. */
  get oldestOpening(): Opening | undefined {
    const [oldest] = this.#openings.values();
    return oldest;
  }

  /** The leases in use, the oldest first. */
  get holders(): readonly LeaseRequest[] {
    return [...this.#open.values()].flatMap(({ request }) => request ?? [])
      .sort((one, other) => grantedAtOf(one) - grantedAtOf(other));
  }

  /** Says where a target is, and as whom it logs in. */
  describe(target: Target): string {
    return this.#init.connector.describe(target);
  }

  /** Returns an open session; throws if there is none. */
  get(actual: ActualId): PooledConnection {
    const pooled = this.#open.get(actual);
    if (pooled === undefined) {
      throw new RangeError(`No session is open for the actual connection ${actual}`);
    }
    return pooled;
  }

  /** Tells whether a session is open, not merely being opened. */
  isOpen(actual: ActualId): boolean {
    return this.#open.has(actual);
  }

  /** Opens a session. */
  connect(actual: ActualId, target: Target): void {
    const { connector, clock, runDetached, report } = this.#init;
    const abort = new AbortController();
    const { signal } = abort;
    this.#openings.set(actual, { abort, target, since: clock.now() });
    const lost = (loss: Loss): void => this.#onLost(actual, loss);
    runDetached(() => connector.connect(target, lost, signal)).then(
      (session) => {
        this.#onConnected(actual, session);
        if (signal.aborted) this.close(actual);
      },
      (cause: unknown) => {
        this.#openings.delete(actual);
        if (signal.aborted) return report({ type: "closeDone", actual });
        this.#lastFailure = cause;
        const kind = connector.isFull(cause) ? "full" : "down";
        report({ type: "connectFailed", actual, kind, cause, random: clock.random() });
      },
    );
  }

  /** Checks, resets or retargets a session. */
  work(actual: ActualId, work: Work, target: Target | undefined): void {
    const { runDetached, report } = this.#init;
    const pooled = this.get(actual);
    pooled.isWorking = true;
    this.settle(pooled);
    runDetached(() => this.#perform(pooled.session, work, target)).then(
      (reason) => {
        pooled.isWorking = false;
        if (reason !== undefined) this.renewals.add(reason);
        this.#lastFailure = undefined;
        report({ type: "workDone", actual, work });
        this.settle(pooled);
      },
      (cause: unknown) => {
        pooled.isWorking = false;
        this.#lastFailure = cause;
        report({ type: "workFailed", actual, work });
        this.settle(pooled);
      },
    );
  }

  /** Closes a session with COM_QUIT; aborts one that is still being opened. */
  close(actual: ActualId): void {
    const { runDetached, report } = this.#init;
    const opening = this.#openings.get(actual);
    if (opening !== undefined) {
      return opening.abort.abort(
        new Error("The pool has ended, and no request waits for this connection"),
      );
    }
    const pooled = this.get(actual);
    runDetached(() => pooled.session.close()).then(() => {
      this.#open.delete(actual);
      // Its holder may never release it.
      this.#setRef(pooled, false);
      report({ type: "closeDone", actual });
    });
  }

  /** Destroys all open sessions or, given an admission, those leased to work that it counts. */
  destroyAll(reason: Error, admission: Admission | undefined): void {
    for (const { actual, session, request } of [...this.#open.values()]) {
      if (admission !== undefined && request?.admission !== admission) continue;
      session.destroy(reason);
      this.#init.report({ type: "actualLost", actual, byServer: false });
    }
  }

  /** Makes a session keep the process alive while it is leased or an operation on it runs. */
  settle(pooled: PooledConnection): void {
    this.#setRef(pooled, pooled.request !== undefined || pooled.isWorking);
  }

  #setRef(pooled: PooledConnection, isRef: boolean): void {
    if (isRef === pooled.isRef) return;
    pooled.isRef = isRef;
    const { processRef } = this.#init;
    if (isRef) processRef.ref();
    else processRef.unref();
  }

  /** Performs an operation; returns what {@linkcode Session.reset} returns, if it was a reset. */
  async #perform(
    session: Session,
    work: Work,
    target: Target | undefined,
  ): Promise<string | undefined> {
    const { clock, isResetAlways } = this.#init;
    const begunAt = clock.now();
    let reason: string | undefined;
    if (work === "checking") await session.check();
    else if (work === "resetting") reason = await session.reset(isResetAlways);
    else if (target !== undefined) await session.retarget(target);
    else throw new TypeError("A session can only be changed to a target");
    if (clock.now() - begunAt >= LATE_MS_MIN) await session.check();
    return reason;
  }

  #onConnected(actual: ActualId, session: Session): void {
    const { clock, report, opened } = this.#init;
    const pooled: PooledConnection = {
      actual,
      session,
      request: undefined,
      isWorking: false,
      isRef: false,
      loss: undefined,
    };
    this.#openings.delete(actual);
    this.#open.set(actual, pooled);
    this.#lastFailure = undefined;
    // From now on `settle` decides whether the session keeps the process alive, not the socket.
    session.setRef(false);
    opened(session);
    report({ type: "connectDone", actual, random: clock.random() });
    // If the session ended before "connectDone", the core has ignored the report of its loss.
    if (!session.isAlive) report({ type: "actualLost", actual, byServer: true });
    this.settle(pooled);
  }

  #onLost(actual: ActualId, loss: Loss): void {
    const pooled = this.#open.get(actual);
    if (pooled !== undefined) pooled.loss = loss;
    this.#init.report({ type: "actualLost", actual, byServer: loss.byServer });
  }
}
