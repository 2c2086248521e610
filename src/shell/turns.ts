/** Turns of those who use one thing one after another, in the order in which they came. */

import type { Lessor } from "./lease_request.ts";
import type { Limits } from "./limiter.ts";
import { Wait } from "./wait.ts";

/** A turn that somebody has taken. */
export class Turn {
  readonly #turns: Turns;
  #before: Turn | undefined;
  #after: Turn | undefined;
  #come: (() => void) | undefined;

  /** Comes behind another one. */
  constructor(turns: Turns, before: Turn | undefined) {
    this.#turns = turns;
    this.#before = before;
    if (before !== undefined) before.#after = this;
  }

  /** Whether those who came before have had theirs. */
  get hasCome(): boolean {
    return this.#before === undefined;
  }

  /** Waits until it has come; rejects when the limits are reached. */
  come<Target, Driver>(interpreter: Lessor<Target, Driver>, limits: Limits): Promise<void> {
    const wait = new Wait(interpreter, limits);
    this.#come = () => wait.done();
    return wait.begin();
  }

  /** Lets the next one come, now or when those before it have ended. */
  end(): void {
    const [before, after] = [this.#before, this.#after];
    this.#turns.leave(this, before);
    if (before !== undefined) before.#after = after;
    if (after === undefined) return;
    after.#before = before;
    if (before === undefined) after.#come?.();
  }
}

/** Gives turns. */
export class Turns {
  #last: Turn | undefined;

  /** Takes the next turn; whoever takes one ends it, whatever comes. */
  take(): Turn {
    return this.#last = new Turn(this, this.#last);
  }

  /** Forgets a turn that has ended. */
  leave(turn: Turn, before: Turn | undefined): void {
    if (this.#last === turn) this.#last = before;
  }
}
