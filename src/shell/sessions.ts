/**
 * The open sessions of a pool, by the names of the actual connections that they make.
 *
 * What is done with a session is started in the async context in which the pool was created,
 * and its end becomes an event. A session keeps the process alive while it is being opened,
 * leased or worked on, and not while it rests.
 */

import type { ActualId, Event, Work } from "../core/mod.ts";
import type { Clock, Loss, Port, Session } from "../port.ts";
import type { Admission } from "./admission.ts";
import { Renewals } from "./census.ts";
import type { Slot } from "./claim.ts";
import type { Neutral } from "./process_hold.ts";

/**
 * From how long on an answer may have come while the process stood still, and the server have
 * gone since.
 */
const LATE_MS_MIN = 1_000;

/** What sessions are opened with. */
export interface SessionSetting<Target, Driver> {
  /** What opens them. */
  readonly port: Port<Target, Driver>;
  /** What tells the time, and chance. */
  readonly clock: Clock;
  /** An async context that belongs to nobody. */
  readonly neutral: Neutral;
  /** Takes what happens. */
  readonly report: (event: Event) => void;
  /** Called with each session that has been opened. */
  readonly opened: (session: Session<Target, Driver>) => void;
}

/** Opens, prepares and closes sessions. */
export class Sessions<Target, Driver> {
  /** How often a session was wiped by a new login. */
  readonly renewals: Renewals = new Renewals();
  readonly #setting: SessionSetting<Target, Driver>;
  readonly #slots = new Map<ActualId, Slot<Target, Driver>>();
  readonly #openings = new Map<ActualId, AbortController>();
  #lastFailure: unknown = undefined;

  /** Creates an empty set of sessions. */
  constructor(setting: SessionSetting<Target, Driver>) {
    this.#setting = setting;
  }

  /** The last failure to open or prepare a session, if nothing has succeeded since. */
  get lastFailure(): unknown {
    return this.#lastFailure;
  }

  /** Returns the slot of an open session. */
  slotOf(actual: ActualId): Slot<Target, Driver> {
    const slot = this.#slots.get(actual);
    if (slot === undefined) throw new RangeError(`No session is open for actual ${actual}`);
    return slot;
  }

  /** Tells whether a session has been opened, and not merely begun to be. */
  isOpen(actual: ActualId): boolean {
    return this.#slots.has(actual);
  }

  /** Opens a session. */
  connect(actual: ActualId, target: Target): void {
    const { port, clock, neutral, report } = this.#setting;
    const opening = new AbortController();
    const { signal } = opening;
    this.#openings.set(actual, opening);
    const lost = (loss: Loss): void => this.#lose(actual, loss);
    neutral(() => port.connect(target, lost, signal)).then(
      (session) => {
        this.#welcome(actual, session);
        if (signal.aborted) this.close(actual);
      },
      (cause: unknown) => {
        this.#openings.delete(actual);
        if (signal.aborted) return report({ type: "closeDone", actual });
        this.#lastFailure = cause;
        const kind = port.isFull(cause) ? "full" : "down";
        report({ type: "connectFailed", actual, kind, cause, chance: clock.chance() });
      },
    );
  }

  /** Checks, resets or changes a session. */
  work(actual: ActualId, work: Work, target: Target | undefined): void {
    const { neutral, report } = this.#setting;
    const slot = this.slotOf(actual);
    slot.isWorking = true;
    this.settle(slot);
    const reason = work === "resetting" ? slot.session.renewalReason : undefined;
    neutral(() => this.#perform(slot.session, work, target)).then(
      () => {
        slot.isWorking = false;
        if (reason !== undefined) this.renewals.add(reason);
        this.#lastFailure = undefined;
        report({ type: "workDone", actual, work });
        this.settle(slot);
      },
      (cause: unknown) => {
        slot.isWorking = false;
        this.#lastFailure = cause;
        report({ type: "workFailed", actual, work });
      },
    );
  }

  /** Ends a session with a farewell; calls off one that is being opened. */
  close(actual: ActualId): void {
    const { neutral, report } = this.#setting;
    const opening = this.#openings.get(actual);
    if (opening !== undefined) {
      return opening.abort(new Error("The pool has ended, and nobody waits for a connection"));
    }
    const { session } = this.slotOf(actual);
    neutral(() => session.close()).then(() => {
      this.#slots.delete(actual);
      report({ type: "closeDone", actual });
    });
  }

  /** Ends all open sessions at once, or those that an admission counts the leases of. */
  destroyAll(reason: Error, admission: Admission | undefined): void {
    for (const { actual, session, claim } of [...this.#slots.values()]) {
      if (admission !== undefined && claim?.admission !== admission) continue;
      session.destroy(reason);
      this.#setting.report({ type: "actualLost", actual, byServer: false });
    }
  }

  /** Lets a session keep the process alive if it serves somebody or is worked on. */
  settle(slot: Slot<Target, Driver>): void {
    const isHeld = slot.claim !== undefined || slot.isWorking;
    if (isHeld === slot.isHeld) return;
    slot.isHeld = isHeld;
    slot.session.holdProcess(isHeld);
  }

  async #perform(
    session: Session<Target, Driver>,
    work: Work,
    target: Target | undefined,
  ): Promise<void> {
    const { clock } = this.#setting;
    const begunAt = clock.now();
    await begin(session, work, target);
    if (clock.now() - begunAt >= LATE_MS_MIN) await session.check();
  }

  #welcome(actual: ActualId, session: Session<Target, Driver>): void {
    const { clock, report, opened } = this.#setting;
    const slot: Slot<Target, Driver> = {
      actual,
      session,
      claim: undefined,
      isWorking: false,
      isHeld: true,
      loss: undefined,
    };
    this.#openings.delete(actual);
    this.#slots.set(actual, slot);
    this.#lastFailure = undefined;
    opened(session);
    report({ type: "connectDone", actual, chance: clock.chance() });
    // One that ended before it was known here told nobody of consequence.
    if (!session.isAlive) report({ type: "actualLost", actual, byServer: true });
    this.settle(slot);
  }

  #lose(actual: ActualId, loss: Loss): void {
    const slot = this.#slots.get(actual);
    if (slot !== undefined) slot.loss = loss;
    this.#setting.report({ type: "actualLost", actual, byServer: loss.byServer });
  }
}

function begin<Target, Driver>(
  session: Session<Target, Driver>,
  work: Work,
  target: Target | undefined,
): Promise<void> {
  if (work === "checking") return session.check();
  if (work === "resetting") return session.reset();
  if (target === undefined) throw new TypeError("A session is changed into one of no target");
  return session.retarget(target);
}
