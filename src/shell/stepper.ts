/**
 * Holds the only mutable reference to the state of the core, and runs its steps.
 *
 * The stepper handles one event at a time, to its end: it queues an event that a command causes
 * meanwhile, and no code of a caller runs within a step.
 */

import {
  type Command,
  createState,
  deadline,
  type Event,
  type Policy,
  type PoolState,
  step,
  type TargetId,
} from "../core/mod.ts";
import type { Instant } from "../port/session.ts";
import { DeadlineTimer } from "./timers.ts";
import type { PoolClock } from "./clock.ts";
import type { RunDetached } from "./process_ref.ts";

/** Carries out the commands of the core. */
export interface Obeying {
  /** Carries out a command. */
  obey(command: Command, now: Instant): void;
  /** Called before the step that handles a request for this target. */
  requested(target: TargetId): void;
  /** Called after all steps that an event has caused. */
  stepped(): void;
}

/** Runs the steps of the core for one pool. */
export class Stepper {
  readonly #clock: PoolClock;
  readonly #obeying: Obeying;
  readonly #timer: DeadlineTimer;
  #state: PoolState;
  #events: Event[] = [];
  #isStepping = false;
  #leaps: number;

  /** Creates the initial state of the core. */
  constructor(policy: Policy, clock: PoolClock, runDetached: RunDetached, obeying: Obeying) {
    this.#state = createState(policy);
    this.#clock = clock;
    this.#obeying = obeying;
    this.#timer = new DeadlineTimer(clock, runDetached, () => {
      this.handle({ type: "deadlineReached" }, clock.now());
    });
    this.#leaps = clock.leaps;
  }

  /** The state of the core. */
  get state(): PoolState {
    return this.#state;
  }

  /** Handles an event and all that it causes; an event from within a step is queued. */
  handle(event: Event, now: Instant): void {
    if (this.#isStepping) {
      this.#events.push(event);
      return;
    }
    this.#isStepping = true;
    try {
      if (this.#clock.leaps !== this.#leaps) {
        this.#leaps = this.#clock.leaps;
        this.#step({ type: "suspicionRaised" }, now);
      }
      this.#step(event, now);
      while (this.#events.length > 0) {
        const events = this.#events;
        this.#events = [];
        for (const next of events) this.#step(next, now);
      }
      this.#timer.set(deadline(this.#state));
    } finally {
      this.#isStepping = false;
    }
    this.#obeying.stepped();
  }

  /** Clears the timer, as the pool has ended. */
  end(): void {
    this.#timer.clear();
  }

  #step(event: Event, now: Instant): void {
    if (event.type === "leaseRequested") this.#obeying.requested(event.target);
    const [state, commands] = step(this.#state, event, now);
    this.#state = state;
    for (const command of commands) this.#obeying.obey(command, now);
  }
}
