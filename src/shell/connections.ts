/**
 * The open sessions of a pool, by the names of the actual connections that they make.
 *
 * What is done with a session is started in the async context in which the pool was created,
 * and its end becomes an event. A session keeps the process alive while it is being opened,
 * leased or worked on, and not while it rests.
 */

import type { ActualId, Event, Work } from "../core/mod.ts";
import type { Clock, Connector, Loss, Session, Target } from "../port.ts";
import type { Admission } from "./admission.ts";
import { Renewals } from "./stats.ts";
import type { PooledConnection } from "./lease_request.ts";
import type { ProcessRef, RunDetached } from "./process_ref.ts";

/**
 * From how long on an answer may have come while the process stood still, and the server have
 * gone since.
 */
const LATE_MS_MIN = 1_000;

/** What sessions are opened with. */
export interface ConnectionsSetting {
  /** What opens them. */
  readonly connector: Connector;
  /** What tells the time, and chance. */
  readonly clock: Clock;
  /** An async context that belongs to nobody. */
  readonly runDetached: RunDetached;
  /** Takes what happens. */
  readonly report: (event: Event) => void;
  /** Called with each session that has been opened. */
  readonly opened: (session: Session) => void;
  /** Keeps the process alive. */
  readonly processRef: ProcessRef;
  /** Whether each session is wiped when it comes back, whatever is known of it. */
  readonly isResetAlways: boolean;
}

/** Opens, prepares and closes sessions. */
export class Connections {
  /** How often a session was wiped by a new login. */
  readonly renewals: Renewals = new Renewals();
  readonly #setting: ConnectionsSetting;
  readonly #open = new Map<ActualId, PooledConnection>();
  readonly #openings = new Map<ActualId, AbortController>();
  #lastFailure: unknown = undefined;

  /** Creates an empty set of sessions. */
  constructor(setting: ConnectionsSetting) {
    this.#setting = setting;
  }

  /** The last failure to open or prepare a session, if nothing has succeeded since. */
  get lastFailure(): unknown {
    return this.#lastFailure;
  }

  /** Returns what is known of an open session. */
  get(actual: ActualId): PooledConnection {
    const pooled = this.#open.get(actual);
    if (pooled === undefined) throw new RangeError(`No session is open for actual ${actual}`);
    return pooled;
  }

  /** Tells whether a session has been opened, and not merely begun to be. */
  isOpen(actual: ActualId): boolean {
    return this.#open.has(actual);
  }

  /** Opens a session. */
  connect(actual: ActualId, target: Target): void {
    const { connector, clock, runDetached, report } = this.#setting;
    const opening = new AbortController();
    const { signal } = opening;
    this.#openings.set(actual, opening);
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

  /** Checks, resets or changes a session. */
  work(actual: ActualId, work: Work, target: Target | undefined): void {
    const { runDetached, report } = this.#setting;
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

  /** Ends a session with a farewell; calls off one that is being opened. */
  close(actual: ActualId): void {
    const { runDetached, report } = this.#setting;
    const opening = this.#openings.get(actual);
    if (opening !== undefined) {
      return opening.abort(new Error("The pool has ended, and nobody waits for a connection"));
    }
    const { session } = this.get(actual);
    runDetached(() => session.close()).then(() => {
      this.#open.delete(actual);
      report({ type: "closeDone", actual });
    });
  }

  /** Ends all open sessions at once, or those that an admission counts the leases of. */
  destroyAll(reason: Error, admission: Admission | undefined): void {
    for (const { actual, session, request } of [...this.#open.values()]) {
      if (admission !== undefined && request?.admission !== admission) continue;
      session.destroy(reason);
      this.#setting.report({ type: "actualLost", actual, byServer: false });
    }
  }

  /** Lets a session keep the process alive if it serves somebody or is worked on. */
  settle(pooled: PooledConnection): void {
    const isRef = pooled.request !== undefined || pooled.isWorking;
    if (isRef === pooled.isRef) return;
    pooled.isRef = isRef;
    const { processRef } = this.#setting;
    if (isRef) processRef.ref();
    else processRef.unref();
  }

  /** Returns why a reset took a new login, if it did. */
  async #perform(
    session: Session,
    work: Work,
    target: Target | undefined,
  ): Promise<string | undefined> {
    const { clock, isResetAlways } = this.#setting;
    const begunAt = clock.now();
    let reason: string | undefined;
    if (work === "checking") await session.check();
    else if (work === "resetting") reason = await session.reset(isResetAlways);
    else if (target !== undefined) await session.retarget(target);
    else throw new TypeError("A session is changed into one of no target");
    if (clock.now() - begunAt >= LATE_MS_MIN) await session.check();
    return reason;
  }

  #onConnected(actual: ActualId, session: Session): void {
    const { clock, report, opened } = this.#setting;
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
    // The process is kept alive by what is done with the session, not by its socket.
    session.setRef(false);
    opened(session);
    report({ type: "connectDone", actual, random: clock.random() });
    // One that ended before it was known here told nobody of consequence.
    if (!session.isAlive) report({ type: "actualLost", actual, byServer: true });
    this.settle(pooled);
  }

  #onLost(actual: ActualId, loss: Loss): void {
    const pooled = this.#open.get(actual);
    if (pooled !== undefined) pooled.loss = loss;
    this.#setting.report({ type: "actualLost", actual, byServer: loss.byServer });
  }
}
